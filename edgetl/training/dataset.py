"""From a folder or a CSV file to labelled, split, hashed photos."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.images import SUFFIXES
from edgetl.training import listing as listings
from edgetl.training import rules
from edgetl.training.hashing import hash_all
from edgetl.training.listing import Fault, Listing
from edgetl.training.photo import Photo

__all__ = ["SPLITS", "Dataset", "Photo", "faults_of_counts", "find", "hash_all", "read"]

SPLITS = ("train", "val", "test")
_VAL_SHARE = _TEST_SHARE = 0.15
_FEWEST_UNSPLIT = 5
"""Photos a class needs before it can be split in three."""
_FEWEST_TRAIN = 2


@dataclass(frozen=True)
class Dataset:
    """Photos in an order that depends on nothing but their names."""

    root: Path
    labels: tuple[str, ...]
    photos: tuple[Photo, ...]

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
        lines = sorted(f"{photo.sha256} {self.labels[photo.label]} {photo.split}" for photo in self.photos)
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


def read(data: str | Path) -> Dataset:
    """Find, label, hash and split the photos.

    Args:
        data: a folder ``<class>/*``, a folder ``{train,val,test}/<class>/*``, or a CSV file with the
            columns ``path,label`` and perhaps ``split``, its paths relative to the file's folder.

    Raises:
        DatasetError: nothing there, no pictures, one class only, an empty class, too few photos of
            one, two labels that look the same, or a label in val or test that train does not have.
    """
    listing = listings.read(data)
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
    return Dataset(listing.root, labels, tuple(_split(photos) if is_split_here(listing) else photos))


def is_split_here(listing: Listing) -> bool:
    """Whether the data names no split, so that edgetl makes them."""
    return not any(entry.split for entry in listing.entries)


def unlabelled(folder: str | Path) -> tuple[Photo, ...]:
    """The pictures of a folder and of those inside it, which have no class: their label is -1.

    Raises:
        DatasetError: it is no folder, or has no pictures.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DatasetError(f"{place} is no folder: give one of pictures of none of the classes")
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


def faults_of_counts(dataset: Dataset, *, split_here: bool = False) -> Iterator[Fault]:
    """Classes with too few photos, and a split without any.

    Args:
        dataset: with all photos, or with those alone that could be decoded.
        split_here: whether edgetl split it, for which a class needs more photos.
    """
    if split_here:
        different = {label: set[str]() for label in range(len(dataset.labels))}
        for photo in dataset.photos:
            different[photo.label].add(photo.sha256)
        few = [dataset.labels[label] for label, found in different.items() if len(found) < _FEWEST_UNSPLIT]
        if few:
            sentence = (
                f"a class needs {_FEWEST_UNSPLIT} different photos to be split into train, val and test; "
                f"too few of: {', '.join(few)}"
            )
            yield Fault("few photos", sentence, dataset.root)
            return
    counts = Counter(photo.label for photo in dataset.split("train"))
    few = [label for number, label in enumerate(dataset.labels) if counts[number] < _FEWEST_TRAIN]
    if few:
        sentence = (
            f"a class needs {_FEWEST_TRAIN} readable train photos or more; too few of: {', '.join(few)}"
        )
        yield Fault("few photos", sentence, dataset.root)
    if not dataset.split(dataset.scored_split):
        sentence = f"{dataset.root} has no readable val or test photo left"
        yield Fault("splits", sentence, dataset.root)


def _refuse(faults: Iterable[Fault]) -> None:
    for fault in faults:
        raise DatasetError(fault.sentence)


def _split(photos: Sequence[Photo]) -> list[Photo]:
    """Split each class 70/15/15 by content hash: renaming, adding or removing photos moves few others.

    Copies of one photo share a hash and so a split. A class with too few photos stays in train whole.
    """
    by_class: dict[int, set[str]] = defaultdict(set)
    for photo in photos:
        by_class[photo.label].add(photo.sha256)
    split_of: dict[str, str] = {}
    for found in by_class.values():
        hashes = sorted(found) if len(found) >= _FEWEST_UNSPLIT else []
        tests = max(1, round(len(hashes) * _TEST_SHARE))
        vals = max(1, round(len(hashes) * _VAL_SHARE))
        for place, digest in enumerate(hashes):
            split_of[digest] = "test" if place < tests else "val" if place < tests + vals else "train"
    return [replace(photo, split=split_of.get(photo.sha256, "train")) for photo in photos]
