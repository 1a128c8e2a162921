"""Time a function, again and again: until its times are steady, and then until enough were measured."""

import time
from collections.abc import Callable
from typing import TypeVar

from edgetl.benchmarks import stats

BLOCK_S = 0.02
"""Runs of so many seconds count as one when it is told whether the times still change. Ten such blocks make
0.2 s: clocks need some tens of milliseconds to rise, and ten runs of a quick model are over before that."""
WARMUP_AT_MOST_S = 5.0

T = TypeVar("T")


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """What the function returns, and the seconds it took, to the nanosecond."""
    start = time.perf_counter()
    value = function()
    return value, round(time.perf_counter() - start, 9)


def warm_up(infer: Callable[[], float]) -> tuple[list[float], bool | None]:
    """Run until the times are steady, and at most 5 s.

    They are steady when ``stats.is_steady`` says so of the medians of blocks of :data:`BLOCK_S`. Its window
    is then 0.2 s of a quick model, and ten runs of one that takes longer than a block.

    Args:
        infer: runs once and returns the seconds it took.

    Returns:
        The times, and whether they became steady; None when too few ran to tell.
    """
    times: list[float] = []
    block: list[float] = []
    blocks: list[float] = []
    start = begun = time.perf_counter()
    while True:
        block.append(infer())
        now = time.perf_counter()
        if now - begun >= BLOCK_S:
            times += block
            blocks.append(stats.median(block))
            block, begun = [], now
            if stats.is_steady(blocks):
                return times, True
        if now - start >= WARMUP_AT_MOST_S:
            return times + block, False if len(blocks) >= stats.STEADY_WINDOW else None


def repeat(infer: Callable[[], float], runs: int, seconds: float, at_most_s: float | None) -> list[float]:
    """Run at least ``runs`` times and ``seconds`` long, once at least, and no longer than ``at_most_s``."""
    times = []
    start = time.perf_counter()
    while True:
        times.append(infer())
        elapsed = time.perf_counter() - start
        if (len(times) >= runs and elapsed >= seconds) or (at_most_s is not None and elapsed >= at_most_s):
            return times
