"""Folders that are made once and kept, in ``$EDGETL_ARM_CACHE`` or the user's cache folder."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "EDGETL_ARM_CACHE"
_STAMP = ".made-from"


def cache() -> Path:
    """Where everything is kept that can be made again. It can be deleted at any time."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).resolve()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (home / "edgetl-arm").resolve()


def kept(folder: Path, key: str, make: Callable[[Path], None]) -> Path:
    """The folder, made anew when it was made from another key, or was not finished.

    The stamp that says what it was made from is written last: what a killed ``make`` leaves is never trusted.
    """
    if not is_kept(folder, key):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        stamp(folder, key)
    return folder


def is_kept(folder: Path, key: str) -> bool:
    """Whether the folder is whole and was made from this key."""
    try:
        return (folder / _STAMP).read_text() == key
    except OSError:
        return False


def stamp(folder: Path, key: str | None) -> None:
    """Say that the folder is whole; with None, that it is being changed."""
    (folder / _STAMP).unlink(missing_ok=True)
    if key is not None:
        part = folder / f"{_STAMP}.part"
        part.write_text(key)
        part.replace(folder / _STAMP)


def key_of(*parts: object) -> str:
    """A digest of what a folder depends on: files and folders by their content, the rest by its text."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(part.rglob("*")) if part.is_dir() else [part]
            for file in files:
                if file.is_file() and "__pycache__" not in file.parts:
                    digest.update(f"{file.relative_to(part.parent)}\0".encode() + file.read_bytes())
        else:
            digest.update(f"{part}\0".encode())
    return digest.hexdigest()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second run out of the folder while this one sets it up."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"waiting for another run that sets up {folder}\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
