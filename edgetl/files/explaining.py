"""What the operating system refuses, as a sentence with a way out."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from edgetl import cache
from edgetl.errors import WriteError
from edgetl.reports.units import format_size

FULL = (errno.ENOSPC, errno.EDQUOT)
_WAYS_OUT = {
    errno.ENOSPC: "the disk is full{room}: free some space or {elsewhere}",
    errno.EDQUOT: "your disk quota is used up{room}: free some space or {elsewhere}",
    errno.EIO: "the disk reports an input/output error: look into dmesg, it may be dying, and {elsewhere}",
    errno.EACCES: "permission denied: {elsewhere}",
    errno.EPERM: "permission denied: {elsewhere}",
    errno.EROFS: "the disk is read-only: {elsewhere}",
    errno.ENOTDIR: "a part of that path is a file: {elsewhere}",
    errno.EEXIST: "a part of that path is a file: {elsewhere}",
    errno.EISDIR: "a folder of that name is there: {elsewhere}",
    errno.EFBIG: "the file is larger than this system allows: {elsewhere}",
    errno.ENAMETOOLONG: "the name is too long: {elsewhere}",
}


@contextlib.contextmanager
def explained(
    path: Path, *, only: tuple[int, ...] | None = None, needed: Callable[[], int] | None = None
) -> Iterator[None]:
    """Turn the operating system's refusal into a sentence with a way out.

    Args:
        path: what was to be written, by the name that the user knows.
        only: errors that are explained; None for all with a sentence.
        needed: how many bytes ``path`` takes at least; asked when the disk turns out to be full.
    """
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        if error.errno not in _WAYS_OUT or (only is not None and error.errno not in only):
            raise
        size = needed() if error.errno in FULL and needed is not None else None
        room = "" if size is None else _room(path, size)
        way_out = _WAYS_OUT[error.errno].format(room=room, elsewhere=_elsewhere(path))
        refused = WriteError(f"cannot write {path}: {way_out}")
        refused.errno, refused.needed, refused.place = error.errno, size, path
        raise refused from error


def _room(path: Path, needed: int) -> str:
    """How much is needed and free: nothing else says how much to make room for."""
    needs = f" (it needs at least {needed:,} bytes"
    place = next((place for place in path.absolute().parents if place.exists()), None)
    if place is None:
        return f"{needs})"
    state = os.statvfs(place)
    if state.f_files and not state.f_favail:
        return f"{needs}, and the disk can hold no more files, however small)"
    return f"{needs}, {format_size(shutil.disk_usage(place).free)} are free)"


def _elsewhere(path: Path) -> str:
    """What to choose instead: what the user named is --out, and where edgetl keeps things is the cache."""
    if path.absolute().is_relative_to(cache.folder().absolute()):
        return f"name another folder in {cache.VARIABLE}"
    return "choose another --out"
