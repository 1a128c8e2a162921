"""Files: whole or absent, the old one or the new."""

import contextlib
import errno
import glob
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import disk
from edgetl.errors import WriteError
from edgetl.files.explaining import explained
from edgetl.files.leftovers import is_private, remove_leftovers, remove_stale, temporary
from edgetl.wording import encodable


def write_bytes(path: Path, data: bytes, *, durable: bool = True, mode: int = disk.FOR_ALL) -> None:
    """Replace ``path`` with ``data``, atomically.

    Args:
        path: of the file.
        data: its new content.
        durable: False for what is checked when it is read and can be made again: a power cut may damage it.
        mode: who may read and write it, as ``chmod`` says; the user's umask takes away from that.

    Raises:
        WriteError: the disk is full, or the place is read-only or missing.
    """
    write_pieces(path, (data,), needed=len(data), durable=durable, mode=mode)


def write_pieces(
    path: Path, pieces: Iterable[bytes], *, needed: int, durable: bool = True, mode: int = disk.FOR_ALL
) -> None:
    """Replace ``path`` with pieces that are taken one at a time; an error in between leaves the old file.

    Args:
        path: of the file.
        pieces: its new content.
        needed: bytes of all of them, for the message if the disk is full.
        durable: as :func:`write_bytes`, like ``mode``.
        mode: of the file.

    Raises:
        WriteError: the disk is full, or the place is read-only or missing.
    """
    with _replaced(path, needed=needed, durable=durable) as beside:
        file = disk.create(beside, mode)
        try:
            for piece in pieces:
                write_all(file, piece)
        finally:
            os.close(file)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a path with the same suffix, for a library that must write itself; it becomes ``path``.

    What the library writes beside it, under a longer name, goes with it if the block raises.

    Raises:
        WriteError: the disk is full, or the place is read-only or missing.
    """
    with _replaced(path) as beside:
        yield beside


@contextlib.contextmanager
def _replaced(path: Path, needed: int = 0, *, durable: bool = True) -> Iterator[Path]:
    durable = durable and not is_private(path)
    with temporary(path) as beside, explained(path, needed=lambda: max(needed, room)):
        room = 0
        make_folders(path.parent)
        remove_stale(path)
        try:
            yield beside
            if durable:
                disk.sync_file(beside)
            disk.rename(beside, path)
        except BaseException:
            for half in path.parent.glob(f"{glob.escape(beside.name)}*"):
                with contextlib.suppress(OSError):  # the next writer tries again
                    # The write that failed was for one byte more at least.
                    room += half.stat().st_size + 1
                    disk.unlink(half)
            raise
        if durable:
            disk.sync_folder(path.parent)


def write_all(file: int, data: bytes) -> None:
    """Append all of some bytes: a disk that fills up takes a part, and says so only when given the rest."""
    left = memoryview(data)
    while left:
        left = left[disk.write(file, left) :]


def make_folders(path: Path) -> None:
    """Make a folder and those above it, where they are missing, and let them survive a power cut.

    Raises:
        OSError: the place is read-only, or a part of the path is a file.
    """
    if path.is_dir():
        return
    if path.parent != path:
        make_folders(path.parent)
    try:
        disk.make_folder(path)
    except FileExistsError:
        if not path.is_dir():  # else another process was faster
            raise
    if not is_private(path):
        disk.sync_folder(path.parent)


def try_file(path: Path) -> None:
    """See whether a file could be written, before minutes of work and not after; everything stays as it is.

    Raises:
        WriteError: the place is read-only, or no place for a file.
    """
    with temporary(path) as beside, explained(path, needed=lambda: 1):
        missing = [folder for folder in path.parents if not folder.exists()]  # the deepest first
        try:
            make_folders(path.parent)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            os.close(disk.create(beside))
            disk.unlink(beside)
        finally:
            for folder in missing:
                with contextlib.suppress(OSError):
                    disk.remove_folder(folder)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` with ``text`` in UTF-8, atomically; names of files that are no UTF-8 as they are."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` with ``value`` as indented JSON; NaN and infinities are refused."""
    write_text(path, encodable(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)) + "\n")


def write_arrays(path: Path, **arrays: NDArray[np.generic]) -> None:
    """Replace ``path`` with a compressed ``.npz`` of named arrays, atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def new_array(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.memmap[Any, Any]:
    """A new ``.npy`` file to fill in place, for pixels that need not fit into memory.

    Raises:
        WriteError: the disk is full.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with explained(path, needed=lambda: size):
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        try:
            # Claim the space now: a disk that fills up under a mapped file kills the process (SIGBUS).
            disk.allocate(path, path.stat().st_size)
        except BaseException:
            disk.unlink(path)
            raise
        return array


def remove(path: Path, *, durable: bool = True) -> None:
    """Remove a file, if it is there; it stays removed after a power cut, unless that need not be.

    Raises:
        WriteError: the place is read-only.
    """
    with explained(path):
        remove_stale(path)
        try:
            disk.unlink(path)
        except FileNotFoundError:
            return
        if durable:
            disk.sync_folder(path.parent)


def remove_empty(folder: Path) -> None:
    """Remove a folder if nothing is in it, but what a killed process left."""
    remove_leftovers(folder)
    with contextlib.suppress(OSError):  # not empty, or not there
        disk.remove_folder(folder)


def move(source: Path, target: Path) -> None:
    """Move a file to a place where nothing stands: at every moment it is whole at one of the two.

    Raises:
        WriteError: the disk is full or read-only, or something stands at ``target``.
    """
    size = source.lstat().st_size if os.path.lexists(source) else 0
    with explained(target, needed=lambda: size):
        make_folders(target.parent)
        if os.path.lexists(target):
            raise WriteError(f"cannot move {source} to {target}: something stands there, and stays")
        try:
            disk.rename(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # a folder of the data that is a link to another disk
                raise
            with new_file(target) as copy:
                shutil.copy2(source, copy)
            disk.unlink(source)
        else:
            disk.sync_folder(target.parent)
        if source.parent != target.parent:
            disk.sync_folder(source.parent)
