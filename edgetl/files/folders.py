"""Folders: whole or absent, the old one or the new, and at no moment neither."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgetl import disk
from edgetl.errors import UsageError, WriteError
from edgetl.files.explaining import FULL, explained
from edgetl.files.leftovers import is_private, recover, remove_stale, remove_tree, temporary
from edgetl.files.single import make_folders

_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


@contextlib.contextmanager
def new_folder(path: Path, *, replace: bool, marker: str | None = None) -> Iterator[Path]:
    """Yield an empty folder to fill; it becomes ``path`` when the block ends, or vanishes if it raises.

    Args:
        path: where the folder is to stand.
        replace: whether a folder that stands there already is replaced (whole or not at all).
        marker: see :func:`refuse_place`.

    Raises:
        UsageError: what stands at ``path`` must not be replaced.
        WriteError: the disk is full, or the place is read-only.
    """
    refuse_place(path, replace=replace, marker=marker)
    only: tuple[int, ...] | None = None
    with temporary(path) as beside:
        try:
            make_folders(path.parent)
            remove_stale(path)
            disk.make_folder(beside)
            only = FULL  # what the block does with other files is its own affair
            yield beside
            only = None
            if not is_private(path):
                sync_tree(beside)
            _swap_in(beside, path)
        except BaseException as error:
            size = _size(beside) + 1  # what failed was for one byte more at least
            _remove_quietly(beside)
            place = path
            if isinstance(error, WriteError) and error.place is not None:
                # The user knows the place by its own name only.
                place = Path(str(error.place).replace(str(beside), str(path)))
            with explained(place, only=only, needed=lambda: size):
                if not isinstance(error, WriteError):
                    raise
                if error.needed is not None:  # one file's need: the folder needs what it had by then too
                    size += error.needed - 1
                    raise OSError(error.errno, os.strerror(error.errno or 0)) from error
                renamed = WriteError(str(error).replace(str(beside), str(path)))
                renamed.errno = error.errno
                raise renamed from error


def refuse_place(path: Path, *, replace: bool, marker: str | None = None) -> None:
    """Refuse to write a folder where something stands that must not be replaced.

    Args:
        path: where the folder is to stand.
        replace: whether a folder there may be replaced.
        marker: a file that tells such a folder from any other: no --force deletes somebody's photos.

    Raises:
        UsageError: ``path`` exists and is not to be replaced, or is something else.
    """
    recover(path)
    if path.is_file():
        raise UsageError(f"{path} is a file, and a folder is to be written: choose another --out")
    if path.exists() and not replace:
        raise UsageError(f"{path} exists already: choose another --out, or add --force to replace it")
    if path.exists() and marker is not None and any(path.iterdir()) and not (path / marker).is_file():
        raise UsageError(f"{path} has no {marker}, so it is something else and stays: choose another --out")


def remove_folder(path: Path) -> None:
    """Remove a folder and all that is in it: at every moment it is whole under its name or absent.

    A removal that was killed is finished by the next writer of ``path``, or by :func:`remove_leftovers`.

    Raises:
        WriteError: the place is read-only.
    """
    with temporary(path) as beside, explained(path):
        remove_stale(path)
        if not os.path.lexists(path):
            return
        disk.rename(path, beside)
        # Else a power cut could keep what was unlinked and lose the rename: half a folder under its own name.
        disk.sync_folder(path.parent)
        remove_tree(beside)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder among the system's temporary files that goes when the block ends.

    One whose process was killed goes with the next: the system clears such files on a restart at best.
    """
    place = Path(tempfile.gettempdir()) / "edgetl"
    with temporary(place) as beside:
        with explained(place, needed=lambda: 1):
            remove_stale(place)
            disk.make_folder(beside, 0o700)
        try:
            yield beside
        finally:
            _remove_quietly(beside)


def sync_tree(folder: Path) -> None:
    """Make a folder durable with all that is in it, but not its own name."""
    for entry in sorted(folder.rglob("*")):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            disk.sync_folder(entry)
        elif entry.is_file():
            disk.sync_file(entry)
    disk.sync_folder(folder)


def _swap_in(beside: Path, path: Path) -> None:
    durable = not is_private(path)
    if not path.exists():
        disk.rename(beside, path)
        if durable:
            disk.sync_folder(path.parent)
        return
    try:
        disk.exchange(beside, path)
    except OSError as error:
        if error.errno not in _NO_EXCHANGE:
            raise
        _swap_in_two_steps(beside, path)
        return
    # Before anything of the old one goes: a power cut could keep that and lose the exchange.
    try:
        disk.sync_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):  # who is told of an error finds the old one
            disk.exchange(beside, path)
        raise
    _remove_quietly(beside)


def _swap_in_two_steps(beside: Path, path: Path) -> None:
    """The same where two names cannot change places: FAT, NFS, old kernels.

    For an instant neither stands there: whoever reads or writes there next brings the old one back.
    """
    with temporary(path, aside=True) as aside:
        disk.rename(path, aside)
        try:
            disk.rename(beside, path)
        except BaseException:
            disk.rename(aside, path)
            raise
        disk.sync_folder(path.parent)
        _remove_quietly(aside)


def _remove_quietly(folder: Path) -> None:
    with contextlib.suppress(OSError):  # the next writer tries again
        remove_tree(folder)


def _size(folder: Path) -> int:
    return sum(entry.lstat().st_size for entry in folder.rglob("*") if entry.is_file())
