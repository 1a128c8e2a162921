"""A file that grows, and a place that is held: both locked as long as their process lives."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edgetl import disk
from edgetl.errors import BusyError
from edgetl.files.explaining import explained
from edgetl.files.leftovers import remove_leftovers, temporary
from edgetl.files.single import make_folders, write_all


class Log:
    """A new file that grows by whole pieces and is locked as long as its writer lives, however it ends.

    What was appended outlives the process at once, and a power cut after :meth:`sync`. The last piece may be
    torn: whoever reads it must be able to tell. Others see by the lock (``flock``) that the file still grows.
    """

    def __init__(self, path: Path) -> None:
        import fcntl  # only POSIX has it, and a board's side needs none

        self.path = path
        self._named = False
        with temporary(path) as beside, explained(path, needed=lambda: 1):
            make_folders(path.parent)
            remove_leftovers(path.parent)  # no later file will have the name of one that was killed here
            self._file = disk.create(beside)
            try:
                # Under its own name only once it is locked: nobody may take it for a dead one's.
                fcntl.flock(self._file, fcntl.LOCK_EX)
                disk.rename(beside, path)
            except BaseException:
                os.close(self._file)
                with contextlib.suppress(OSError):
                    disk.unlink(beside)
                raise

    def append(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            WriteError: the disk is full.
        """
        with explained(self.path, needed=lambda: os.fstat(self._file).st_size + len(piece)):
            write_all(self._file, piece)

    def sync(self) -> None:
        """Flush to the disk what was appended, and that the file is there."""
        with explained(self.path):
            disk.sync(self._file)
            if not self._named:
                disk.sync_folder(self.path.parent)
                self._named = True

    def close(self) -> None:
        """End the file and let go of the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@contextlib.contextmanager
def lock(path: Path, *, wait_s: float = 0) -> Iterator[None]:
    """Hold a place for this process alone while the block runs; a process that dies lets go, however it ends.

    Args:
        path: an empty file that stands for the place; it is made if it is missing, and stays.
        wait_s: seconds to wait for whoever holds it.

    Raises:
        BusyError: another process, or another block of this one, holds it for longer.
        WriteError: the file cannot be made.
    """
    import fcntl  # only POSIX has it

    with explained(path, needed=lambda: 1):
        make_folders(path.parent)
        file = disk.open_lock(path)
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise BusyError(
                        f"another edgetl is at work in {path.parent}: wait until it has ended, then try again"
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(file)
