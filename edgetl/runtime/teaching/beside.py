"""Where what is taught stands, and who may write there: one process at a time."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edgetl import files
from edgetl.bundle import SUFFIX, Bundle
from edgetl.errors import WriteError

_WAIT_S = 5.0
"""Teaching takes a fraction of a second."""


def place(bundle: Bundle) -> Path:
    """The file of a bundle, ``flowers.learned`` beside ``flowers.edgetl/``; removing it undoes everything."""
    folder = bundle.path.resolve()
    return folder.with_name(folder.name.removesuffix(SUFFIX) + ".learned")


@contextlib.contextmanager
def locked(bundle: Bundle) -> Iterator[None]:
    """Be the only process that teaches this bundle; what another one writes is waited for.

    The lock is on the bundle's folder: it needs no file of its own, and ends with the process.

    Raises:
        WriteError: another process does not end, or the disk has no locks.
    """
    descriptor = os.open(bundle.path, os.O_RDONLY)
    try:
        with explained(place(bundle)):
            free = _wait_for(descriptor)
        if not free:
            raise WriteError(
                f"another process has been teaching {bundle.path} for {_WAIT_S:.0f} seconds: wait until "
                "it ends, then teach again"
            )
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int) -> bool:
    import fcntl  # not on Windows, where what was taught elsewhere can still be used

    end = time.monotonic() + _WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        else:
            return True


def remove(path: Path) -> None:
    """Remove the file.

    Raises:
        WriteError: the place is read-only.
    """
    with explained(path):
        files.remove(path)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a refusal of the disk into a sentence with a way out.

    Raises:
        WriteError: the block raised an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno is not None else str(error)
        if isinstance(error, WriteError) and error.needed is not None:
            reason = f"{reason}, it needs at least {error.needed:,} bytes"
        raise WriteError(
            f"cannot write {path} ({reason}): copy the bundle to a place that has room and may be written"
        ) from error
