"""Files from outside are opened here: regular ones, with a limit, and as one and the same file throughout."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1 << 18


@contextlib.contextmanager
def regular(place: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, after a look at what it is.

    Raises:
        OSError: it is missing, cannot be read, or is a folder, a pipe, a device or a socket.
    """
    # Opening a device may do something already (a watchdog starts to count).
    _refuse_strange(place.stat())
    # A pipe that takes its place meanwhile would be waited for, for ever.
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        _refuse_strange(os.fstat(descriptor))
        yield file


def head(place: Path, most: int) -> bytes:
    """The first ``most + 1`` bytes of a file: one more than there should be tells that it is too long.

    No more memory is taken than the file has bytes, whatever ``most`` is.

    Raises:
        OSError: see :func:`regular`.
    """
    with regular(place) as file:
        return b"".join(pieces(file, most + 1))


def pieces(file: BinaryIO, most: int) -> Iterator[bytes]:
    """The bytes of an open file from front to back, up to ``most`` of them."""
    left = most
    while left and (piece := file.read(min(left, _CHUNK_BYTES))):
        left -= len(piece)
        yield piece


def _refuse_strange(state: os.stat_result) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
