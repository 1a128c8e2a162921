"""Two benchmarks at one speed of the machine, by the yardstick that lay beside their inferences.

It is an analysis of covariance (R. A. Fisher, Statistical Methods for Research Workers, 4th edition, 1932,
49.1): how far times follow the yardstick is learnt from processes of one benchmark, between which only the
machine changed, and what the yardstick then explains of the difference between the benchmarks is taken away.
An engine that does not follow it, such as one that waits for something else, loses nothing.

On a shared virtual machine 20 pairs of benchmarks of the same had medians up to 6.7 % apart, and levelled
up to 3.4 % (``benchmarks/peers/bench_repeatability.py``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgetl.benchmarks import confidence
from edgetl.benchmarks.running.raw import ProcessRun
from edgetl.manifest import Interval

FOLLOWS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How far times may follow the yardstick, as the exponent of its time: not at all, up to wholly. More steps
than there are processes to tell them by would only fit noise."""


@dataclass(frozen=True)
class Level:
    """What the machine itself did to the second of two benchmarks."""

    machine: float
    """How many times as long as in the first the yardstick took: above 1, the machine was slower."""
    follows: float
    """How far the times follow the yardstick, one of :data:`FOLLOWS`."""
    first: tuple[tuple[float, ...], ...]
    """Seconds of each process, as they would have been at the machine's mean speed in the first."""
    second: tuple[tuple[float, ...], ...]
    half: float
    """Half the 95 % interval of what was taken away, as a logarithm: ``follows`` is not known exactly."""

    def widened(self, ratio: Interval) -> Interval:
        """The interval of a ratio of levelled times, with the levelling's own uncertainty."""
        low, high = (math.log(end / ratio.value) for end in (ratio.low, ratio.high))
        return Interval(
            ratio.value,
            ratio.value * math.exp(-math.hypot(low, self.half)),
            ratio.value * math.exp(math.hypot(high, self.half)),
        )


def level(first: Sequence[ProcessRun], second: Sequence[ProcessRun]) -> Level | None:
    """Level two measurements of one kind.

    Returns:
        What they come to at one speed; None where a process has no yardstick, the works differ, or there are
        fewer than four processes in all, too few to learn from.
    """
    groups = [[_logarithms(process) for process in group] for group in (first, second)]
    works = {process.yardstick.work for process in (*first, *second) if process.yardstick}
    # Two means and a slope are learnt, and something must be left over.
    freedom = len(first) + len(second) - 3
    if len(works) != 1 or freedom < 1:
        return None
    known = [[process for process in group if process is not None] for group in groups]
    if [len(group) for group in known] != [len(first), len(second)]:
        return None
    speeds = [[float(np.median(process.yardstick)) for process in group] for group in known]
    left = {follows: sum(map(_scatter, _levels(known, follows))) for follows in FOLLOWS}
    follows = min(left, key=lambda each: left[each])
    base, other = (float(np.mean(group)) for group in speeds)
    changed = sum(map(_scatter, speeds))
    unsure = 0.0
    if changed > 0:
        error = math.sqrt(left[follows] / freedom / changed)
        # Times that follow by more than wholly or less than nothing were ruled out from the start.
        unsure = min(1.0, confidence.student(freedom) * error)
    one, two = (
        tuple(tuple(np.exp(each.times - follows * (each.yardstick - base)).tolist()) for each in group)
        for group in known
    )
    return Level(math.exp(other - base), follows, one, two, unsure * abs(other - base))


@dataclass(frozen=True)
class _Logarithms:
    times: NDArray[np.float64]
    """Of the inferences (n,)."""
    yardstick: NDArray[np.float64]
    """And of the yardstick that came next after each (n,)."""


_Groups: TypeAlias = Sequence[Sequence[_Logarithms]]


def _logarithms(process: ProcessRun) -> _Logarithms | None:
    beside = process.yardstick
    if beside is None or not beside.taken_s:
        return None
    places = np.searchsorted(beside.after, np.arange(len(process.inference_s)), side="right")
    taken = np.log(beside.taken_s)
    # What ran after the last one is measured by the last one.
    return _Logarithms(np.log(process.inference_s), taken[np.minimum(places, len(taken) - 1)])


def _levels(groups: _Groups, follows: float) -> list[list[float]]:
    return [[float(np.median(each.times - follows * each.yardstick)) for each in group] for group in groups]


def _scatter(values: Sequence[float]) -> float:
    """The sum of squares around the mean."""
    return float(np.var(values)) * len(values)
