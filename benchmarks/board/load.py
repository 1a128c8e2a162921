"""What else a machine does while it is measured: processor time of others, swapping, waiting for memory."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from edgetl.benchmarks.state import read_text

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_USER, _NICE, _SYSTEM, _IRQ, _SOFTIRQ, _STEAL = 0, 1, 2, 5, 6, 7  # columns of /proc/stat: proc_stat(5)
_PARENT = 1  # columns of /proc/PID/stat behind the name: proc_pid_stat(5)
_TIMES = range(11, 15)  # utime, stime, and both of the children that ended and were waited for


@dataclass(frozen=True)
class Counters:
    """What has added up since the machine was started. None where it does not tell."""

    busy_s: float | None
    """Processor time of everything that ran, all cores together; in a virtual machine, of that machine."""
    own_s: float | None
    """Processor time of the benchmark: its process, those it started, and those they started."""
    steal_s: float | None
    """Time in which the host gave the cores of this virtual machine to others."""
    swapped_bytes: int | None
    """Memory written to swap and read back from it."""
    stalled_s: float | None
    """Time in which at least one process waited for memory (Linux, accounting/psi, ``some``)."""


class Load:
    """Counts what a benchmark, and what others, take of a machine."""

    def __init__(self, pid: int, root: Path = Path("/")) -> None:
        """Begin with nothing known of the other processes.

        Args:
            pid: the process at the root of the benchmark's own.
            root: where ``/proc`` stands; tests give a board's files.
        """
        self._pid = pid
        self._root = root
        self._others: set[int] = set()

    def read(self) -> Counters:
        """What the machine has counted up to now."""
        busy_s, steal_s = _processors(self._root)
        return Counters(busy_s, self._own_s(), steal_s, _swapped(self._root), _stalled(self._root))

    def _own_s(self) -> float | None:
        """Processor time of the benchmark's process and all below it.

        A process that once was another's never becomes ours, so that only new ones and our own are read:
        a tenth of the work on a machine with a hundred processes.
        """
        there = _processes(self._root)
        self._others &= there  # numbers are given anew
        children: dict[int, list[int]] = defaultdict(list)
        times: dict[int, int] = {}
        for number in there - self._others:
            # A name may hold anything, blanks and brackets too: what counts stands behind its last bracket.
            words = (read_text(self._root / f"proc/{number}/stat") or "").rpartition(")")[2].split()
            try:  # a process may end while it is looked at
                times[number] = sum(int(words[column]) for column in _TIMES)
                children[int(words[_PARENT])].append(number)
            except (ValueError, IndexError):
                continue
        if self._pid not in times:
            return None
        own, below = 0, [self._pid]
        while below:
            current = below.pop()
            own += times.pop(current)
            below += children[current]
        self._others |= times.keys()
        return own / _TICKS


def _processors(root: Path) -> tuple[float | None, float | None]:
    line = (read_text(root / "proc/stat") or "").partition("\n")[0].split()
    try:
        times = [int(word) / _TICKS for word in line[1:]]
        busy = sum(times[column] for column in (_USER, _NICE, _SYSTEM, _IRQ, _SOFTIRQ))
        return busy, times[_STEAL]
    except (ValueError, IndexError):
        return None, None


def _processes(root: Path) -> set[int]:
    try:
        with os.scandir(root / "proc") as entries:
            return {int(entry.name) for entry in entries if entry.name.isdecimal()}
    except OSError:
        return set()


def _swapped(root: Path) -> int | None:
    lines = (line.split() for line in (read_text(root / "proc/vmstat") or "").splitlines())
    told = [line[1] for line in lines if len(line) == 2 and line[0] in ("pswpin", "pswpout")]
    pages = [int(count) for count in told if count.isdecimal()]
    return sum(pages) * _PAGE_BYTES if pages else None


def _stalled(root: Path) -> float | None:
    text = (read_text(root / "proc/pressure/memory") or "").partition("\n")[0]
    microseconds = text.rpartition("total=")[2]
    return int(microseconds) / 1_000_000 if text.startswith("some") and microseconds.isdecimal() else None
