"""A folder that is being filled with pictures."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from edgetl.errors import DatasetError, UsageError
from edgetl.runtime.sources.folders import is_picture


def watch(folder: str | Path, *, interval_s: float = 0.5, existing: bool = False) -> Iterator[Path]:
    """Yield each new picture of a folder, without end.

    A picture is yielded when its size and time have not changed between two looks, so that one that is
    still being written is left to grow; and again when it is written anew under the same name.

    Args:
        folder: subfolders are not watched.
        interval_s: seconds between two looks.
        existing: whether the pictures that are there at the start count as new.

    Raises:
        UsageError: it is no folder.
        DatasetError: it was removed or unmounted meanwhile.
    """
    place = Path(folder)
    if not place.is_dir():
        raise UsageError(f"{place} is no folder: give one to watch")
    done = {} if existing else _states(place)
    return _watched(place, done, interval_s)


def _watched(folder: Path, done: dict[Path, "_State"], interval_s: float) -> Iterator[Path]:
    before = dict(done)
    while True:
        now = _states(folder)
        for path, state in now.items():
            if before.get(path) == state != done.get(path) and state[0] > 0:
                done[path] = state
                yield path
        before = now
        # Forget what is gone: a board may watch for years.
        done = {path: state for path, state in done.items() if path in now}
        time.sleep(interval_s)


_State = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


def _states(folder: Path) -> dict[Path, _State]:
    states = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name
                if is_picture(path):
                    try:
                        status = entry.stat()
                    except FileNotFoundError:  # gone since the folder was listed
                        continue
                    states[path] = (status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be watched any more: {error.strerror}") from error
    return dict(sorted(states.items(), key=lambda item: (item[1][1], item[0])))  # oldest first
