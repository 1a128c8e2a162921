"""What is kept in the cache has its hashes beside it: it is looked at before use, and never trusted."""

import json
from pathlib import Path
from typing import Any

from edgetl import files
from edgetl.progress import Progress
from edgetl.training.hashing import hash_file

_HASHES = "files"


def seal(listing: Path, **told: Any) -> None:
    """Write a JSON file with the SHA-256 of every other file of its folder, and of those below it.

    Args:
        listing: the file to write; no other sealed thing may lie in its folder.
        told: what it says besides.
    """
    folder = listing.parent
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != listing)
    hashes = {path.relative_to(folder).as_posix(): hash_file(path) for path in paths}
    files.write_json(listing, {**told, _HASHES: hashes})


def seal_file(path: Path) -> None:
    """The same for one file, in ``NAME.sealed.json`` beside it."""
    files.write_json(_beside(path), {_HASHES: {path.name: hash_file(path)}})


def is_whole(listing: Path, what: str, progress: Progress) -> bool:
    """Whether the files of :func:`seal` are there as they were; where they are not any more, that is told.

    30 MB are read in 30 ms.

    Args:
        listing: the file that was written.
        what: they are, for the warning: ``the cached efficientnet_lite0``.
        progress: hears the warning.
    """
    if not listing.parent.is_dir():
        return False
    try:
        expected = json.loads(listing.read_text("utf-8"))[_HASHES].items()
        if all(hash_file(listing.parent / name) == digest for name, digest in expected):
            return True
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    progress.warn(f"{what} was damaged and is built anew")
    return False


def is_whole_file(path: Path, what: str, progress: Progress) -> bool:
    """The same of a file of :func:`seal_file`."""
    return path.is_file() and is_whole(_beside(path), what, progress)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sealed.json")
