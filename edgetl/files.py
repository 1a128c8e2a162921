"""The only module that writes: a file or folder is whole or absent, also after a power cut.

Everything is first written beside its place under ``.NAME.tmp-PID.SUFFIX``, flushed to the disk, and renamed.
"""

import contextlib
import errno
import glob
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import cache
from edgetl.errors import BusyError, UsageError, WriteError
from edgetl.wording import encodable

_TEMPORARY = ".tmp-"
_ASIDE = "old-"
_WAYS_OUT = {
    errno.ENOSPC: "the disk is full: free some space or {elsewhere}",
    errno.EDQUOT: "your disk quota is used up: free some space or {elsewhere}",
    errno.EACCES: "permission denied: {elsewhere}",
    errno.EPERM: "permission denied: {elsewhere}",
    errno.EROFS: "the disk is read-only: {elsewhere}",
    errno.ENOTDIR: "a part of that path is a file: {elsewhere}",
    errno.EEXIST: "a part of that path is a file: {elsewhere}",
    errno.EISDIR: "a folder of that name is there: {elsewhere}",
    errno.EFBIG: "the file is larger than this system allows: {elsewhere}",
    errno.ENAMETOOLONG: "the name is too long: {elsewhere}",
}


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` with ``data``, atomically.

    Raises:
        WriteError: the disk is full, or the place is read-only or missing.
    """
    with new_file(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a path with the same suffix, for a library that must write itself; it becomes ``path``.

    Raises:
        WriteError: the disk is full, or the place is read-only or missing.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path)
        temporary = _temporary(path)
        try:
            yield temporary
            _sync_file(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def try_file(path: Path) -> None:
    """See whether a file could be written, before minutes of work and not after; everything stays as it is.

    Raises:
        WriteError: the place is read-only, or no place for a file.
    """
    with _explained(path):
        missing = [folder for folder in path.parents if not folder.exists()]  # the deepest first
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            temporary = _temporary(path)
            temporary.touch()
            temporary.unlink()
        finally:
            for folder in missing:
                with contextlib.suppress(OSError):
                    folder.rmdir()


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
    """A new ``.npy`` file to fill in place, for pixels that need not fit into memory."""
    with _explained(path):
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        try:
            # Claim the space now: a disk that fills up under a mapped file kills the process (SIGBUS).
            with path.open("rb+") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except BaseException:
            path.unlink()
            raise
        return array


class Log:
    """A new file that grows by whole pieces and is locked as long as its writer lives, however it ends.

    What was appended outlives the process at once, and a power cut after :meth:`sync`. The last piece may be
    torn: whoever reads it must be able to tell. Others see by the lock (``flock``) that the file still grows.
    """

    def __init__(self, path: Path) -> None:
        import fcntl  # only POSIX has it, and a board's side needs none

        self.path = path
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = _temporary(path)
            self._file = temporary.open("xb", buffering=0)
            try:
                # Under its own name only once it is locked: nobody may take it for a dead one's.
                fcntl.flock(self._file, fcntl.LOCK_EX)
                temporary.rename(path)
            except BaseException:
                self._file.close()
                temporary.unlink(missing_ok=True)
                raise

    def append(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            WriteError: the disk is full.
        """
        with _explained(self.path):
            while piece:  # a disk that fills up takes a part, and says so only when asked for the rest
                piece = piece[self._file.write(piece) or 0 :]

    def sync(self) -> None:
        """Flush to the disk what was appended."""
        with _explained(self.path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """End the file and let go of the lock."""
        self._file.close()


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
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path)
        temporary = _temporary(path)
        temporary.mkdir()
    try:
        # What the block does with other files is its own affair; only a full disk is ours to explain.
        with _explained(path, only=(errno.ENOSPC, errno.EDQUOT)):
            yield temporary
        with _explained(path):
            for entry in sorted(temporary.rglob("*")):
                if entry.is_dir():
                    _sync_folder(entry)
                elif entry.is_file():
                    _sync_file(entry)
            _swap_in(temporary, path)
            _sync_folder(path.parent)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, WriteError):
            # The user knows the place by its own name only.
            renamed = WriteError(str(error).replace(str(temporary), str(path)))
            renamed.errno = error.errno
            raise renamed from error
        raise


def refuse_place(path: Path, *, replace: bool, marker: str | None = None) -> None:
    """Refuse to write a folder where something stands that must not be replaced.

    Args:
        path: where the folder is to stand.
        replace: whether a folder there may be replaced.
        marker: a file that tells such a folder from any other: no --force deletes somebody's photos.

    Raises:
        UsageError: ``path`` exists and is not to be replaced, or is something else.
    """
    if path.is_file():
        raise UsageError(f"{path} is a file, and a folder is to be written: choose another --out")
    if path.exists() and not replace:
        raise UsageError(f"{path} exists already: choose another --out, or add --force to replace it")
    if path.exists() and marker is not None and any(path.iterdir()) and not (path / marker).is_file():
        raise UsageError(f"{path} has no {marker}, so it is something else and stays: choose another --out")


def move(source: Path, target: Path) -> None:
    """Move a file to a place where nothing stands: at every moment it is whole at one of the two.

    Raises:
        WriteError: the disk is full or read-only, or something stands at ``target``.
    """
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            raise WriteError(f"cannot move {source} to {target}: something stands there, and stays")
        try:
            source.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # a folder of the data that is a link to another disk
                raise
            with new_file(target) as copy:
                shutil.copy2(source, copy)
            source.unlink()
        _sync_folder(target.parent)
        _sync_folder(source.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder and all that is in it: at every moment it is whole under its name or absent.

    A removal that was killed is finished by the next writer of ``path``, or by :func:`remove_leftovers`.

    Raises:
        WriteError: the place is read-only.
    """
    with _explained(path):
        remove_stale(path)
        if not path.exists():
            return
        temporary = _temporary(path)
        path.rename(temporary)
        # Else a power cut could keep what was unlinked and lose the rename: half a folder under its own name.
        _sync_folder(path.parent)
        shutil.rmtree(temporary)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a place for this process alone while the block runs; a process that dies lets go, however it ends.

    Args:
        path: an empty file that stands for the place; it is made if it is missing, and stays.

    Raises:
        BusyError: another process, or another block of this one, holds it; nothing waits.
        WriteError: the file cannot be made.
    """
    import fcntl  # only POSIX has it

    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"another edgetl is at work in {path.parent}: wait until it has ended, then try again"
            ) from None
        yield


def remove_leftovers(folder: Path) -> None:
    """Clear away what killed processes left in a folder, whatever they were writing or removing there."""
    for name in {left.name[1:].rpartition(_TEMPORARY)[0] for left in folder.glob(f".?*{_TEMPORARY}*")}:
        remove_stale(folder / name)


def remove_stale(path: Path) -> None:
    """Clear away what a killed process left beside ``path`` while it was writing it."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}{_TEMPORARY}*"):
        # What follows the number may hold a hyphen: it is the end of the name that is written.
        left = leftover.name.removeprefix(f".{path.name}{_TEMPORARY}")
        owner = left.removeprefix(_ASIDE).partition(".")[0]
        if owner.isdigit() and not _is_running(int(owner)):
            if left.startswith(_ASIDE) and not path.exists():
                leftover.rename(path)  # killed between the two renames of _swap_in
            elif leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def _swap_in(temporary: Path, path: Path) -> None:
    if not path.exists():
        temporary.rename(path)
        return
    # A folder cannot be renamed over a full one: the old one steps aside for an instant, under a
    # name that the next writer clears away, and comes back if the second rename fails.
    aside = path.parent / f".{path.name}{_TEMPORARY}{_ASIDE}{os.getpid()}"
    path.rename(aside)
    try:
        temporary.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _temporary(path: Path) -> Path:
    return path.parent / f".{path.name}{_TEMPORARY}{os.getpid()}{path.suffix}"


def _is_running(pid: int) -> bool:
    if pid == os.getpid():
        return False  # our own leftover, from an earlier process with the same number
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(path: Path, only: tuple[int, ...] | None = None) -> Iterator[None]:
    """Turn the operating system's refusal into a sentence with a way out."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        if error.errno not in _WAYS_OUT or (only is not None and error.errno not in only):
            raise
        way_out = _WAYS_OUT[error.errno].format(elsewhere=_elsewhere(path))
        explained = WriteError(f"cannot write {path}: {way_out}")
        explained.errno = error.errno
        raise explained from error


def _elsewhere(path: Path) -> str:
    """What to choose instead: what the user named is --out, and where edgetl keeps things is the cache."""
    if path.absolute().is_relative_to(cache.folder().absolute()):
        return f"name another folder in {cache.VARIABLE}"
    return "choose another --out"
