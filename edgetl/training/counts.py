"""Too few photos: of a class, of a split, or of a task."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from edgetl.training import kinds as of_photos
from edgetl.training.listing import Fault
from edgetl.training.photo import Photo

if TYPE_CHECKING:
    from edgetl.training.dataset import Dataset

FEWEST_UNSPLIT = 5
"""Photos a class needs before it can be split in three."""
_FEWEST_TRAIN = 2


def faults_of_counts(dataset: "Dataset", *, split_here: bool = False) -> Iterator[Fault]:
    """Classes with too few photos, and a split without any.

    Args:
        dataset: with all photos, or with those alone that could be decoded.
        split_here: whether edgetl split it, for which a class needs more photos.
    """
    if split_here:
        different = {label: set[str]() for label in range(len(dataset.labels))}
        for photo in dataset.photos:
            for label in outputs(dataset, photo):
                different[label].add(photo.sha256)
        few = [dataset.labels[label] for label, found in different.items() if len(found) < FEWEST_UNSPLIT]
        if few:
            sentence = (
                f"a class needs {FEWEST_UNSPLIT} different photos to be split into train, val and test; "
                f"too few of: {', '.join(few)}"
            )
            yield Fault("few photos", sentence, dataset.root)
            return
    counts = Counter(label for photo in dataset.split("train") for label in outputs(dataset, photo))
    few = [label for number, label in enumerate(dataset.labels) if counts[number] < _FEWEST_TRAIN]
    if few:
        sentence = (
            f"a class needs {_FEWEST_TRAIN} readable train photos or more; too few of: {', '.join(few)}"
        )
        yield Fault("few photos", sentence, dataset.root)
    yield from _faults_of_tasks(dataset, counts)
    if not dataset.split(dataset.scored_split):
        sentence = f"{dataset.root} has no readable val or test photo left"
        yield Fault("splits", sentence, dataset.root)


def outputs(dataset: "Dataset", photo: Photo) -> list[int]:
    """Indices of the labels that a photo has."""
    if not dataset.tasks:
        return [photo.label]
    return of_photos.outputs_of(dataset.kinds[photo.label], dataset.tasks)


def _faults_of_tasks(dataset: "Dataset", counts: Mapping[int, int]) -> Iterator[Fault]:
    """A task that no photo can score, or a label of several that every photo has."""
    train, scored = Counter[int](), Counter[int]()
    for photo in dataset.photos if dataset.tasks else ():
        for split, found in (("train", train), (dataset.scored_split, scored)):
            if photo.split == split:
                found.update(n for n, said in enumerate(dataset.kinds[photo.label]) if said is not None)
    for number, task in enumerate(dataset.tasks):
        if not scored[number] and dataset.split(dataset.scored_split):
            sentence = f"no readable {dataset.scored_split} photo says anything of the task {task.name!r}"
            yield Fault("splits", sentence, dataset.root)
        if task.several:
            places = range(task.places.start, task.places.stop)
            always = [dataset.labels[n] for n in places if counts[n] > train[number] - _FEWEST_TRAIN]
            if always:
                sentence = (
                    f"a label of several needs {_FEWEST_TRAIN} readable train photos without it; take out: "
                    f"{', '.join(always)}"
                )
                yield Fault("few photos", sentence, dataset.root)
