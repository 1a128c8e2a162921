"""Keep a measurement on chosen cores."""

import os
from collections.abc import Sequence

from edgetl.errors import UsageError


def check(cores: Sequence[int]) -> None:
    """Refuse cores that this process cannot be kept on.

    Each is tried, for this thread and an instant, since the mask a process starts with leaves out the cores
    that ``isolcpus`` keeps free for such work, and the kernel drops a wrong one among others without a word.

    Raises:
        UsageError: there is no such core, or this system pins none.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError("this system cannot keep a process on chosen cores: leave --cores out")
    if not cores:
        raise UsageError("no cores leave nothing to run on: name one or more, or leave --cores out")
    missing = [core for core in dict.fromkeys(cores) if not _is_usable(core)]
    if missing:
        there = [core for core in range(os.cpu_count() or 1) if _is_usable(core)]
        raise UsageError(
            f"core {', '.join(map(str, missing))} is not one this process may use: "
            f"choose from {', '.join(map(str, there))}"
        )


def pin(cores: Sequence[int]) -> None:
    """Keep this thread, and those it starts from now on, on these cores."""
    os.sched_setaffinity(0, cores)


def _is_usable(core: int) -> bool:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {core})
    except (OSError, ValueError, OverflowError):  # not there, negative, beyond any machine
        return False
    os.sched_setaffinity(0, before)
    return True
