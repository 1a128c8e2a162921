"""Where pictures come from: files, a folder that is being filled, a camera."""

import glob
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edgetl import extras
from edgetl.errors import DatasetError, MissingPackageError, UsageError
from edgetl.images import SUFFIXES
from edgetl.runtime.camera import AbstractCamera, ChildCamera, FakeCamera

_FAKE = "fake:"


def pictures(source: str | Path) -> list[Path]:
    """The picture files that a source names, sorted by path.

    Args:
        source: a file, taken whatever its name; a folder, searched with all its subfolders for names
            that end as pictures do, without hidden ones; or a pattern such as ``photos/*.jpg``, in which
            ``**`` stands for any folders.

    Raises:
        UsageError: there is no such file or folder, or nothing matches the pattern.
        DatasetError: the folder holds no pictures.
    """
    text = os.fspath(source)
    path = Path(text)
    if path.is_dir():
        found = sorted(_below(path))
        if not found:
            raise DatasetError(f"{path} has no pictures: edgetl takes {', '.join(sorted(SUFFIXES))}")
        return found
    if path.exists():
        return [path]
    if glob.has_magic(text):
        matching = sorted(Path(name) for name in glob.glob(text, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        files = [match for match in matching if match.is_file()]
        if not files:
            raise UsageError(
                f"nothing matches {text}: give a picture, a folder or a pattern such as 'photos/*.jpg'"
            )
        return files
    raise UsageError(f"{text} does not exist: give a picture, a folder or a pattern such as 'photos/*.jpg'")


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


def camera(which: str = "auto", *, width: int = 640, height: int = 480) -> AbstractCamera:
    """Open a camera.

    Args:
        which: ``auto`` is the Pi's own camera where picamera2 is installed and USB camera 0 elsewhere;
            ``picamera2``; the number of a USB camera, as in ``/dev/video0``; or ``fake:PICTURES``, which
            shows the pictures of a file, folder or pattern once each.
        width: of the picture, pixels; a camera that cannot takes the nearest it can.
        height: of the picture, pixels.

    Raises:
        UsageError: none of these.
        MissingPackageError: what reads that camera is not installed; the message names the line that does.
        CameraError: it is missing, busy or silent.
    """
    if which.startswith(_FAKE):
        return FakeCamera(pictures(which.removeprefix(_FAKE)), width=width, height=height)
    if which == "auto":
        which = "picamera2" if extras.is_installed("picamera2") else "0"
    if which == "picamera2":
        if not extras.is_installed("picamera2"):
            raise MissingPackageError(
                "the Pi's camera needs picamera2: sudo apt install python3-picamera2, "
                "and python3 -m venv --system-site-packages"
            )
    elif not which.isdecimal():
        raise UsageError(f"camera {which!r} is not known: choose auto, picamera2, 0, 1, ... or fake:PICTURES")
    elif not extras.is_installed("cv2"):
        raise MissingPackageError("a USB camera needs OpenCV: pip install 'edgetl[camera]'")
    return ChildCamera(which, width=width, height=height)


_State = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


def _states(folder: Path) -> dict[Path, _State]:
    states = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name
                if _is_picture(path):
                    try:
                        status = entry.stat()
                    except FileNotFoundError:  # gone since the folder was listed
                        continue
                    states[path] = (status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be watched any more: {error.strerror}") from error
    return dict(sorted(states.items(), key=lambda item: (item[1][1], item[0])))  # oldest first


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (path for name in names if _is_picture(path := Path(root, name)))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
