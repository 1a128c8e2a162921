"""What every finder gets to see."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgetl.contract import Contract
from edgetl.training.checking.findings import PhotoNote
from edgetl.training.checking.pictures import Picture
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.listing import Fault, Listing


@dataclass(frozen=True)
class Subject:
    """A dataset, and what each of its photos is like."""

    listing: Listing
    faults: tuple[Fault, ...]
    """All that training would refuse."""
    dataset: Dataset
    """All photos whose file could be read, decoded or not."""
    split_here: bool
    """Whether edgetl made the splits, at random."""
    contract: Contract
    """Of the pictures that the model takes."""
    pictures: Mapping[str, Picture]
    """SHA-256 -> what the photo is like, for all that could be decoded."""
    unreadable: Mapping[Path, str]
    """Photos that could not be read or decoded, with the reason."""

    @cached_property
    def photos(self) -> tuple[Photo, ...]:
        """Those that could be decoded."""
        return tuple(photo for photo in self.dataset.photos if photo.sha256 in self.pictures)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names; ``Photo.label`` is an index."""
        return self.dataset.labels

    @property
    def scored_split(self) -> str:
        """Where accuracy is measured."""
        return self.dataset.scored_split

    @cached_property
    def counts(self) -> Counter[tuple[str, int]]:
        """Decodable photos by split and label."""
        return Counter((photo.split, photo.label) for photo in self.photos)

    def of(self, photo: Photo) -> Picture:
        """What a decodable photo is like."""
        return self.pictures[photo.sha256]

    def note(
        self, photo: Photo, text: str = "", *, score: float | None = None, group: int | None = None
    ) -> PhotoNote:
        """A photo as a finding names it."""
        return PhotoNote(photo.path, photo.split, self.labels[photo.label], text, group, score)
