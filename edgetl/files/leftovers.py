"""Names of what is being written, what a dead process left under them, and the way back.

What is written stands beside its place as ``.NAME.tmp-PID-START-NUMBER.SUFFIX`` until it is whole. ``START``
tells the process from a later one with the same number: boards give the same numbers after each start.
"""

import contextlib
import glob
import itertools
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from edgetl import disk, processes

_TEMPORARY = ".tmp-"
_ASIDE = "old-"
_MARK = re.compile(rf"(?P<aside>{_ASIDE})?(?P<pid>\d+)(-(?P<start>[0-9a-f]{{8}}|0)-\d+)?(\..*)?", re.DOTALL)
_PRIVATE = re.compile(rf"\..+\.tmp-({_ASIDE})?\d+-([0-9a-f]{{8}}|0)-\d+(\..*)?", re.DOTALL)
_numbers = itertools.count()
_active: set[str] = set()
"""Names that this process is writing now: its others are leftovers too, of a removal that failed."""


@contextlib.contextmanager
def temporary(path: Path, *, aside: bool = False) -> Iterator[Path]:
    """A name beside ``path`` that nobody else uses, for as long as the block runs."""
    writer = f"{_ASIDE if aside else ''}{processes.mark()}-{next(_numbers)}"
    name = f".{path.name}{_TEMPORARY}{writer}{path.suffix}"
    _active.add(name)
    try:
        yield path.parent / name
    finally:
        _active.discard(name)


def is_private(path: Path) -> bool:
    """Whether ``path`` lies in a folder that is still being filled: nothing in there need survive yet."""
    return any(_PRIVATE.fullmatch(part) for part in path.absolute().parent.parts)


def remove_stale(path: Path) -> None:
    """Clear away what a killed process left beside ``path`` while it was writing it."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}{_TEMPORARY}*"):
        left = leftover.name.removeprefix(f".{path.name}{_TEMPORARY}")
        # What follows the number may hold a hyphen: it is the end of the name that is written.
        mark = _MARK.fullmatch(left)
        if mark is None or leftover.name in _active or _is_running(int(mark["pid"]), mark["start"]):
            continue
        with contextlib.suppress(OSError):  # the next writer tries again
            if _is_strange(leftover):
                continue
            if mark["aside"] and not os.path.lexists(path):
                disk.rename(leftover, path)  # killed where two names cannot change places
            else:
                remove_tree(leftover)


def remove_leftovers(folder: Path) -> None:
    """Clear away what killed processes left in a folder, whatever they were writing or removing there."""
    for name in {left.name[1:].rpartition(_TEMPORARY)[0] for left in folder.glob(f".?*{_TEMPORARY}*")}:
        remove_stale(folder / name)


def recover(path: Path) -> None:
    """Bring back a folder whose writer was killed as the old one had stepped aside; else change nothing."""
    if not os.path.lexists(path) and next(
        path.parent.glob(f".{glob.escape(path.name)}{_TEMPORARY}{_ASIDE}*"), None
    ):
        remove_stale(path)


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; links are removed and not followed."""
    if not stat.S_ISDIR(path.lstat().st_mode):
        disk.unlink(path)
        return
    for entry in sorted(path.iterdir()):
        remove_tree(entry)
    disk.remove_folder(path)


def _is_strange(leftover: Path) -> bool:
    """Whether it is of another user, in a folder where everybody may write: that could be a trap for root."""
    return bool(leftover.parent.stat().st_mode & stat.S_ISVTX) and leftover.lstat().st_uid != os.geteuid()


def _is_running(pid: int, start: str | None) -> bool:
    # Ours is of an earlier process with the same number, or a removal that failed.
    return pid != os.getpid() and processes.is_alive(pid, start)
