"""Which process a mark on the disk stands for, and whether that one still runs."""

import functools
import os
import zlib
from pathlib import Path

UNKNOWN = "0"
"""The start of a process, where the system does not tell it."""


def mark() -> str:
    """This process as ``PID-START``.

    The start tells it from a later one with the same number: boards give the same numbers after each boot.
    """
    return f"{os.getpid()}-{started(os.getpid()) or UNKNOWN}"


def is_alive(pid: int, start: str | None) -> bool:
    """Whether the process that a mark stands for runs.

    Args:
        pid: its number.
        start: as :func:`started` gave it; None or ``UNKNOWN`` where that was not known.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    now = started(pid)
    if now is None:
        return not _has_ended(pid)
    return start in (None, UNKNOWN) or now == start


def started(pid: int) -> str | None:
    """When a process began, in this boot of the machine: 8 hexadecimal digits; None if that is not told."""
    fields = _fields(pid)
    if fields is None or fields[0] in (b"Z", b"X"):
        return None
    try:
        return f"{zlib.crc32(_boot() + fields[19]):08x}"
    except OSError:
        return None


def _has_ended(pid: int) -> bool:
    """Whether it only waits for its parent to ask how it ended."""
    fields = _fields(pid)
    return fields is not None and fields[0] in (b"Z", b"X")


def _fields(pid: int) -> list[bytes] | None:
    try:
        # The program's name, in brackets, may hold anything; then comes the state, and the start is the 22nd.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields if len(fields) > 19 else None


@functools.cache
def _boot() -> bytes:
    return Path("/proc/sys/kernel/random/boot_id").read_bytes()
