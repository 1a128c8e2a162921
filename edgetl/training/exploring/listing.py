"""The pictures to explore: what can be read, each content once, without those that are labelled already."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.images import SUFFIXES
from edgetl.training import listing as listings
from edgetl.training.hashing import hash_all
from edgetl.training.photo import Photo

FEWEST = 2
"""Different pictures that there must be: of one there is nothing to group."""


@dataclass(frozen=True)
class Found:
    """What lies in a folder."""

    folder: Path
    photos: tuple[Photo, ...]
    """Each content once, under the first of its names; their label is -1."""
    copies: dict[str, tuple[Path, ...]]
    """SHA-256 -> the further files of the same bytes."""
    known: tuple[Path, ...]
    """Left out: they are in the dataset of the run, which has labels for them."""
    unreadable: dict[Path, str]
    """Files that cannot be read, with the reason."""

    def without(self, unreadable: dict[Path, str]) -> "Found":
        """The same, less what could not be decoded.

        Raises:
            DatasetError: fewer than two are left.
        """
        kept = tuple(photo for photo in self.photos if photo.path not in unreadable)
        damaged = {**self.unreadable, **unreadable}
        if len(kept) < FEWEST:
            raise DatasetError(f"{self.folder} {_too_few(len(kept), len(self.known), len(damaged))}")
        return replace(self, photos=kept, unreadable=damaged)


def read(folder: Path, known: Collection[str]) -> Found:
    """Find and hash the pictures of a folder and of those inside it; hidden ones are not taken.

    Args:
        folder: of pictures; what its subfolders are called means nothing.
        known: SHA-256 of pictures to leave out.

    Raises:
        DatasetError: it is no folder, or has not two different pictures.
    """
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise DatasetError(f"{folder} {state}: give a folder of pictures")
    paths = listings.pictures(folder)
    if not paths:
        raise DatasetError(f"{folder} has no pictures ({', '.join(sorted(SUFFIXES))})")
    unreadable: dict[Path, str] = {}
    first: dict[str, Photo] = {}
    copies: dict[str, tuple[Path, ...]] = {}
    left_out = []
    for path, digest in zip(paths, hash_all(paths, unreadable), strict=True):
        if not digest:
            continue
        if digest in known:
            left_out.append(path)
        elif digest in first:
            copies[digest] = (*copies.get(digest, ()), path)
        else:
            first[digest] = Photo(path, -1, "unlabelled", digest)
    found = Found(folder, tuple(first.values()), copies, tuple(left_out), unreadable)
    if len(first) < FEWEST:
        raise DatasetError(f"{folder} {_too_few(len(first), len(left_out), len(unreadable))}")
    return found


def _too_few(count: int, known: int, damaged: int) -> str:
    parts = [f"{known} are in the run's dataset"] * bool(known)
    parts += [f"{damaged} cannot be read"] * bool(damaged)
    rest = f" ({', '.join(parts)})" if parts else ""
    some = {0: "no pictures", 1: "one picture only"}[count]
    return f"has {some} to group{rest}: give a folder of 20 or more"
