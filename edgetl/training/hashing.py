"""The SHA-256 of many files, whatever their number and size."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.runtime.engines import available_cores

_BLOCK = 1 << 18
_AT_ONCE = 4096
"""Files whose hashes are under way: each costs a future of 1 kB."""


def hash_all(paths: Sequence[Path], unreadable: dict[Path, str] | None = None) -> list[str]:
    """SHA-256 of each file, in the order of the paths.

    Args:
        paths: of the files, which are read a block at a time.
        unreadable: gets those that cannot be read, with the reason, and their hash is empty; None raises.

    Raises:
        DatasetError: a file cannot be read.
    """

    def attempt(path: Path) -> str:
        try:
            return hash_file(path)
        except OSError as error:
            reason = f"{path} cannot be read: {error.strerror}"
            if unreadable is None:
                raise DatasetError(reason) from error
            unreadable[path] = reason
            return ""

    hashes: list[str] = []
    # hashlib lets go of the interpreter lock, so the disk and the cores are both kept busy.
    with ThreadPoolExecutor(available_cores()) as pool:
        for first in range(0, len(paths), _AT_ONCE):
            hashes += pool.map(attempt, paths[first : first + _AT_ONCE])
    return hashes


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; raises OSError where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
