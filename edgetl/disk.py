"""Every operation by which edgetl changes a disk, one function each, with no behaviour of its own.

``edgetl.files`` is built from these alone. The tests stand in their place: they write down what was asked,
stop a process before and after each, let the n-th fail, and drop what no flush had made durable.
"""

import ctypes
import errno
import os
from pathlib import Path

FOR_ALL = 0o666
"""Everybody may read and write a new file, as far as the umask of the user lets them."""
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def create(path: Path, mode: int = FOR_ALL) -> int:
    """A new file, open for writing: its descriptor. It must not exist."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


def open_lock(path: Path) -> int:
    """The descriptor of an empty file that may be there already."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def write(file: int, data: bytes | memoryview) -> int:
    """Append bytes: how many were taken, which may be fewer."""
    return os.write(file, data)


def allocate(path: Path, size: int) -> None:
    """Claim the space of a file."""
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.posix_fallocate(file, 0, size)
    finally:
        os.close(file)


def sync(file: int) -> None:
    """Make what was written to an open file durable."""
    os.fsync(file)


def sync_file(path: Path) -> None:
    """Make what is in a file durable."""
    _sync(path)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable: which names there are, and of what."""
    _sync(path)


def allow(path: Path, mode: int) -> None:
    """Say who may read and write a file or folder, whatever the umask was when it was made."""
    path.chmod(mode)


def rename(source: Path, target: Path) -> None:
    """Give a file or folder another name; a file there, or an empty folder, is replaced."""
    source.rename(target)


def exchange(one: Path, other: Path) -> None:
    """Let two names change places, in one step.

    Raises:
        OSError: ``ENOSYS`` or ``EINVAL`` where the system or the file system has no such step.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):  # glibc has it since 2.28, musl since 1.2.4
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    names = os.fsencode(one), os.fsencode(other)
    if library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))


def unlink(path: Path) -> None:
    """Remove the name of a file or link."""
    path.unlink()


def make_folder(path: Path, mode: int = 0o777) -> None:
    """A new, empty folder; its parent is there, and it is not."""
    path.mkdir(mode)


def remove_folder(path: Path) -> None:
    """Remove an empty folder."""
    path.rmdir()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
