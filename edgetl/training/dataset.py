"""From a folder or a CSV file to labelled, split, hashed photos."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.images import SUFFIXES
from edgetl.tasks import Task, names_of_outputs
from edgetl.training import kinds as of_photos
from edgetl.training import listing as listings
from edgetl.training import rules
from edgetl.training.columns import Column
from edgetl.training.counts import FEWEST_UNSPLIT, faults_of_counts
from edgetl.training.hashing import hash_all
from edgetl.training.kinds import Kind, Truth
from edgetl.training.listing import Fault, Listing
from edgetl.training.photo import Photo

__all__ = ["SPLITS", "Dataset", "Photo", "faults_of_counts", "find", "hash_all", "read"]

SPLITS = ("train", "val", "test")
_VAL_SHARE = _TEST_SHARE = 0.15


@dataclass(frozen=True)
class Dataset:
    """Photos in an order that depends on nothing but their names."""

    root: Path
    labels: tuple[str, ...]
    """Of the model's outputs."""
    photos: tuple[Photo, ...]
    tasks: tuple[Task, ...] = ()
    """What is asked of a photo; empty where each has exactly one of the labels."""
    kinds: tuple[Kind, ...] = ()
    """With tasks, all that is said of any photo: ``Photo.label`` is then an index into these."""

    def name_of(self, photo: Photo) -> str:
        """What the dataset calls a photo."""
        if not self.tasks:
            return self.labels[photo.label]
        return of_photos.name_of(self.kinds[photo.label], self.tasks)

    def of_task(self, number: int) -> "Dataset":
        """The photos of which one task is known, labelled by it alone."""
        task = self.tasks[number]
        found = [kind[number] for kind in self.kinds]
        photos = tuple(photo for photo in self.photos if found[photo.label] is not None)
        if task.several:
            kinds = tuple((labels,) for labels in found)
            return Dataset(self.root, task.labels, photos, (replace(task, start=0),), kinds)
        labelled = tuple(replace(photo, label=(found[photo.label] or ())[0]) for photo in photos)
        return Dataset(self.root, task.labels, labelled)

    def truth(self, photos: Sequence[Photo]) -> Truth:
        """What is said of photos, where there are tasks."""
        return of_photos.truth(photos, self.kinds, self.tasks)

    def split(self, name: str) -> tuple[Photo, ...]:
        """The photos of one split."""
        return tuple(photo for photo in self.photos if photo.split == name)

    @property
    def scored_split(self) -> str:
        """Where accuracy is measured: ``test``, or ``val`` in a dataset without one."""
        return "test" if self.split("test") else "val"

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every photo's content, label and split; names and order do not matter."""
        lines = sorted(f"{photo.sha256} {self.name_of(photo)} {photo.split}" for photo in self.photos)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def without(self, paths: Iterable[Path]) -> "Dataset":
        """The dataset less some photos, checked anew.

        Raises:
            DatasetError: too little is left.
        """
        gone = set(paths)
        kept = replace(self, photos=tuple(photo for photo in self.photos if photo.path not in gone))
        _refuse(faults_of_counts(kept))
        return kept

    def leaks(self) -> tuple[Photo, ...]:
        """Photos of val and test whose very bytes are in train too."""
        trained = {photo.sha256 for photo in self.split("train")}
        return tuple(photo for photo in self.photos if photo.split != "train" and photo.sha256 in trained)


def read(data: str | Path, columns: Sequence[Column] = ()) -> Dataset:
    """Find, label, hash and split the photos.

    Args:
        data: a folder ``<class>/*``, a folder ``{train,val,test}/<class>/*``, or a CSV file with the
            columns ``path,label`` and perhaps ``split``, its paths relative to the file's folder.
        columns: of a CSV file that label the photos in place of ``label``, see ``listing.read``.

    Raises:
        DatasetError: nothing there, no pictures, one class only, an empty class, too few photos of
            one, two labels that look the same, or a label in val or test that train does not have; or a
            column is not there.
    """
    listing = listings.read(data, columns)
    _refuse((*listing.faults, *rules.faults(listing)))
    dataset = assemble(listing)
    _refuse(faults_of_counts(dataset, split_here=is_split_here(listing)))
    return dataset


def assemble(listing: Listing, unreadable: dict[Path, str] | None = None) -> Dataset:
    """Hash the listed photos and split them where the data does not, whatever faults there are.

    Args:
        listing: what to read.
        unreadable: gets the files that cannot be read, with the reason; None raises instead.

    Raises:
        DatasetError: a file cannot be read.
    """
    digests = hash_all([entry.path for entry in listing.entries], unreadable)
    labels = listing.labels
    numbers = {label: number for number, label in enumerate(labels)}
    photos = [
        Photo(entry.path, numbers[entry.label], entry.split or "train", digest)
        for entry, digest in zip(listing.entries, digests, strict=True)
        if digest
    ]
    tasks = of_photos.tasks_of(listing)
    said = {entry.label: entry.answers for entry in listing.entries}
    kinds = tuple(of_photos.kind_of(said[label], tasks) for label in labels) if tasks else ()
    if is_split_here(listing):
        photos = _split(photos, of_photos.rarest(photos, kinds, tasks) if tasks else range(len(labels)))
    return Dataset(listing.root, names_of_outputs(tasks) or labels, tuple(photos), tasks, kinds)


def is_split_here(listing: Listing) -> bool:
    """Whether the data names no split, so that edgetl makes them."""
    return not any(entry.split for entry in listing.entries)


def unlabelled(folder: str | Path, of: str = "pictures of none of the classes") -> tuple[Photo, ...]:
    """The pictures of a folder and of those inside it, which have no class: their label is -1.

    Args:
        folder: to look into.
        of: what it should hold, for the message.

    Raises:
        DatasetError: it is no folder, or has no pictures.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DatasetError(f"{place} is no folder: give one of {of}")
    paths = listings.pictures(place)
    if not paths:
        raise DatasetError(f"{place} has no pictures ({', '.join(sorted(SUFFIXES))})")
    return tuple(
        Photo(path, -1, "unknown", digest) for path, digest in zip(paths, hash_all(paths), strict=True)
    )


Row = tuple[Path, str, str | None]
"""A photo, its label and its split, None where the data does not say."""


def find(data: str | Path) -> list[Row]:
    """The photos of a folder or CSV file with their labels, as :func:`read` finds them.

    Raises:
        DatasetError: nothing there, or a class without pictures.
    """
    listing = listings.read(data)
    _refuse(listing.faults)
    return [(entry.path, entry.label, entry.split) for entry in listing.entries]


def _refuse(faults: Iterable[Fault]) -> None:
    for fault in faults:
        raise DatasetError(fault.sentence)


def _split(photos: Sequence[Photo], groups: Sequence[int]) -> list[Photo]:
    """Split each class 70/15/15 by content hash: renaming, adding or removing photos moves few others.

    Copies of one photo share a hash and so a split. A class with too few photos stays in train whole.

    Args:
        photos: with any split.
        groups: the class of each ``Photo.label``.
    """
    by_class: dict[int, set[str]] = defaultdict(set)
    for photo in photos:
        by_class[groups[photo.label]].add(photo.sha256)
    split_of: dict[str, str] = {}
    for found in by_class.values():
        hashes = sorted(found) if len(found) >= FEWEST_UNSPLIT else []
        tests = max(1, round(len(hashes) * _TEST_SHARE))
        vals = max(1, round(len(hashes) * _VAL_SHARE))
        for place, digest in enumerate(hashes):
            split_of[digest] = "test" if place < tests else "val" if place < tests + vals else "train"
    return [replace(photo, split=split_of.get(photo.sha256, "train")) for photo in photos]
