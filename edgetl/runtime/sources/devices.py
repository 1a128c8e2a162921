"""Why a V4L2 camera cannot be opened."""

import os
from pathlib import Path

_FILES = Path("/dev")
_PROCESSES = Path("/proc")


def why_not(device: Path, *, files: Path = _FILES, processes: Path = _PROCESSES) -> str:
    """One sentence on a camera that does not open, with the way out.

    Args:
        device: as in ``/dev/video0``.
        files: where the machine's devices are.
        processes: where the kernel shows each process and its open files.
    """
    if not device.exists():
        others = sorted(files.glob("video*"), key=lambda path: (len(path.name), path.name))
        there = f"has {_list([str(path) for path in others])}" if others else f"has no {files}/video*"
        return f"{device} is not there, and this machine {there}: check that the camera is plugged in"
    if not os.access(device, os.R_OK | os.W_OK):
        return (
            f"{device} may not be opened by you: join the group video with sudo usermod -aG video $USER, "
            "then log in again"
        )
    if holders := users_of(device, processes=processes):
        return f"{device} is in use by {_list(holders)}: end it first"
    return (
        f"{device} gives no pictures: check its cable, that no other user's program has it, and that it is "
        "a camera at all (v4l2-ctl --list-devices)"
    )


def users_of(device: Path, *, processes: Path = _PROCESSES) -> list[str]:
    """The other processes that have a file open, as ``name (process 812)``.

    Those of other users are missing, unless root asks.
    """
    real = os.path.realpath(device)
    found = []
    for process in processes.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(_leads_to(link, real) for link in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
        except OSError:  # it ended meanwhile, or belongs to somebody else
            continue
    return sorted(found)


def _leads_to(link: Path, real: str) -> bool:
    try:
        return os.readlink(link) == real  # noqa: PTH115 - there can be thousands
    except OSError:  # closed meanwhile
        return False


def _list(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
