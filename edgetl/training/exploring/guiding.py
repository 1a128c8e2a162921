"""A trained model that suggests labels: a run, or a bundle."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.bundle import MANIFEST, Bundle
from edgetl.errors import RunError, UsageError
from edgetl.progress import SILENT, Progress
from edgetl.runtime.classifier import load
from edgetl.training import features, prepare, starting
from edgetl.training.arrays import Floats
from edgetl.training.config import TrainConfig
from edgetl.training.exploring import space
from edgetl.training.features import FeatureTable
from edgetl.training.heads.head import Head
from edgetl.training.photo import Photo
from edgetl.training.prepare import BackboneChoice, Prepared
from edgetl.training.run import DESCRIPTION, Run

_COMPARED = 20_000
"""Train photos that pictures are compared with, drawn from more."""
_NEAREST = 5
_UNLIKE = 0.2
"""Share of the train photos that are this little like the others. With 0.2, of a class that the run did not
know 10 to 60 % were found, and 4 to 9 % of the others taken for one (``explore_clusters.py``)."""
_BLOCK = 512


@dataclass(frozen=True)
class Guide:
    """What knows classes."""

    name: str
    labels: tuple[str, ...]
    threshold: float
    """Scores below it are unknown."""
    known: tuple[Photo, ...]
    """The pictures of its dataset; a bundle does not say which they were."""
    choice: BackboneChoice | None
    """The backbone whose features it answers by; None of a bundle, which answers by itself."""
    head: Head | None
    bundle: Path | None

    def probabilities(self, photos: Sequence[Photo], table: FeatureTable, progress: Progress) -> Floats:
        """Its answers, float32 (n, classes).

        Args:
            photos: that can be decoded.
            table: their features by :attr:`choice`, which a bundle does not need.
            progress: hears of each picture.
        """
        if self.head is not None:
            blocks = table.blocks([photo.sha256 for photo in photos])
            return np.concatenate([self.head.probabilities(block) for block in blocks])
        assert self.bundle is not None
        rows = []
        with progress.step("labels", total=len(photos)) as advance, load(self.bundle) as model:
            known = len(self.labels)
            for result in model.classify_many(photo.path for photo in photos):
                rows.append(result.probabilities[:known])
                advance(1)
        return np.stack(rows)

    def strange(
        self, photos: Sequence[Photo], answers: Floats, table: FeatureTable, prepared: Prepared
    ) -> NDArray[np.bool_]:
        """Pictures that may be of a kind it does not know, bool (n,).

        Of a run, those that are less like its train photos than four of five of these are like each other,
        as far as they or their features are still there. Scores alone tell less: a network is often sure of
        what it has never seen. Of a bundle there is nothing else, and they are what it rejects.

        Args:
            photos: that can be decoded.
            answers: from :meth:`probabilities`.
            table: features of the photos.
            prepared: the backbone that computed them.
        """
        rejected: NDArray[np.bool_] = answers.max(axis=1) < self.threshold
        trained = [photo for photo in self.known if photo.split == "train"]
        trained = [trained[place] for place in np.random.default_rng(0).permutation(len(trained))[:_COMPARED]]
        seen, lost = features.extract(trained, prepared, SILENT)
        hashes = list(dict.fromkeys(photo.sha256 for photo in trained if photo.path not in lost))
        if len(hashes) <= _NEAREST:
            return rejected
        known = space.roots(seen.rows(hashes))
        usual = np.concatenate([_likeness(block, known, itself=True) for block in _blocks(known)])
        found = table.blocks([photo.sha256 for photo in photos], _BLOCK)
        likeness = np.concatenate([_likeness(space.roots(block), known) for block in found])
        return np.asarray(rejected | (likeness < np.quantile(usual, _UNLIKE)), np.bool_)


def _blocks(rows: Floats) -> Iterator[Floats]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def _likeness(rows: Floats, known: Floats, *, itself: bool = False) -> Floats:
    """Mean cosine of each row with the nearest of the known ones, (n,); ``itself``: it is one of them."""
    count = _NEAREST + itself
    nearest = -np.partition(-(rows @ known.T), count - 1, axis=1)[:, :count]
    total = nearest.sum(axis=1) - (nearest.max(axis=1) if itself else 0)
    return np.asarray(total / _NEAREST, np.float32)


def open_guide(place: Path, backbone: str | None, size: int | None) -> Guide:
    """Open what ``--run`` names.

    Args:
        place: a run or a bundle.
        backbone: what the user asked for beside it; None: nothing.
        size: the same.

    Raises:
        RunError: it is neither, or not whole, or its head is not one that can be read.
        BundleError: the bundle is damaged.
        UsageError: the run has another backbone or size.
    """
    if (place / MANIFEST).is_file():
        bundle = Bundle.open(place)
        _refuse_tasks(place, bool(bundle.manifest.tasks))
        return Guide(
            place.resolve().name,
            bundle.labels,
            bundle.manifest.reject_threshold or 0.0,
            (),
            None,
            None,
            place,
        )
    if not (place / DESCRIPTION).is_file():
        state = "does not exist" if not place.exists() else "is neither a run nor a bundle"
        raise RunError(f"{place} {state}: name a folder that edgetl train or edgetl export wrote")
    run = Run.open(place)
    _refuse_tasks(place, bool(run.tasks))
    told = run.description["backbone"]
    for what, wanted in (("name", backbone), ("size", size)):
        if wanted not in (None, told[what]):
            raise UsageError(
                f"{place} answers by features of {told['name']} at {told['size']} pixels, not of {wanted}: "
                "leave --backbone and --size out, or give its bundle, which looks for itself"
            )
    if run.description["head"].get("hidden"):
        raise RunError(
            f"{place} has a head with a hidden layer, which is not read here: give its bundle "
            f"(edgetl export {place})"
        )
    start = starting.start_of(TrainConfig(data="", from_run=str(place)))
    assert start is not None
    head = start.head(run.contract.labels)
    return Guide(
        run.name,
        run.contract.labels,
        head.reject_threshold,
        run.dataset.photos,
        _choice(run, start.choice),
        head,
        None,
    )


def _refuse_tasks(place: Path, tasks: bool) -> None:
    if tasks:
        raise UsageError(
            f"{place} gives more than one label a picture, and groups have one: name a run or bundle of one "
            "task"
        )


def _choice(run: Run, trained: BackboneChoice) -> BackboneChoice:
    """The run's backbone; where it is as it was installed, that one, whose features are in the cache."""
    crop = run.contract.crop_fraction
    if not run.description.get("fine_tuning", {}).get("adopted"):
        with contextlib.suppress(OSError, ValueError):  # its weights are not here: those of the run are
            same = prepare.choose(
                trained.name, size=trained.size, width=trained.width, weights_file=None, crop=crop
            )
            if same.weights.sha256 == run.description["weights"]["sha256"]:
                return same
    return replace(trained, crop=crop)
