"""Samples of a board's state as they would have been taken, for tests of what follows from them.

Import it as ``import sampled``: pyproject.toml puts tests/ on pytest's path.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from boards import write

from edgetl.benchmarks.board.sampling import Sample

QUIET = Sample(
    at_s=0.0,
    cost_s=0.001,
    governor="ondemand",
    clocks_hz=(1_800_000_000,) * 4,
    temperature_c=60.0,
    throttled=0,
    slowed_count=None,
    busy_s=1000.0,
    own_s=0.0,
    steal_s=0.0,
    swapped_bytes=0,
    stalled_s=0.0,
    power_w=None,
)
"""A Pi 4 that has been running at 60 degrees for a while."""
SILENT = replace(
    QUIET,
    governor=None,
    clocks_hz=None,
    temperature_c=None,
    throttled=None,
    busy_s=None,
    own_s=None,
    steal_s=None,
    swapped_bytes=None,
    stalled_s=None,
)
"""A machine that tells nothing."""


def run(
    seconds: float = 20.0,
    *,
    others: Callable[[float], float] = lambda _: 0.01,
    **told: Callable[[float], Any],
) -> tuple[Sample, ...]:
    """Samples of a run on two cores, one each half second.

    Args:
        seconds: for how long.
        others: cores that other programs take, by the second.
        told: fields of ``Sample`` that differ from a quiet board's, each by the second.
    """
    taken, busy, own = [], 1000.0, 0.0
    for step in range(int(seconds / 0.5) + 1):
        at_s = step / 2
        if step:
            own += 1.0  # two cores, half a second
            busy += 1.0 + others(at_s) / 2
        values = {name: value(at_s) for name, value in told.items()}
        taken.append(replace(QUIET, at_s=100 + at_s, busy_s=busy, own_s=own, **values))
    return tuple(taken)


def write_load(
    root: Path, *, busy: int, own: int, other: int = 0, steal: int = 0, swapped: int = 0, stalled_us: int = 0
) -> Path:
    """Write how a machine's counters stand; processor times are in ticks of 10 ms.

    Process 100 is the benchmark, 101 its child with a troublesome name, 102 another program.
    """

    def stat(number: int, name: str, parent: int, ticks: int) -> str:
        return f"{number} ({name}) S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 1 0 0\n"

    return write(
        root,
        {
            "proc/stat": f"cpu  {busy} 0 0 99999 7 0 0 {steal} 0 0\ncpu0 1 0 0 1 0 0 0 0 0 0\n",
            "proc/100/stat": stat(100, "python", 1, 0),
            "proc/101/stat": stat(101, "a ) S 1 (b", 100, own),
            "proc/102/stat": stat(102, "other", 1, other),
            "proc/vmstat": f"nr_free_pages 5\npswpin {swapped}\npswpout 0\n",
            "proc/pressure/memory": f"some avg10=0.00 avg60=0.00 avg300=0.00 total={stalled_us}\n"
            "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        },
    )
