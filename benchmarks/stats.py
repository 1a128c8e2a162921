"""From raw times to figures. Every rule names its source; what cannot be known is None."""

import math
from collections.abc import Sequence

import numpy as np

from edgetl.manifest import Interval

CONFIDENCE = 0.95

STEADY_WINDOW = 10
"""Runs that are looked at to tell whether the times still fall."""
STEADY_TOLERANCE = 0.02
"""Largest change within the window, as a share."""


def median(values: Sequence[float]) -> float:
    """The middle value; of an even number, the mean of the two in the middle. ``values`` is not empty."""
    return float(np.median(values))


def percentile(values: Sequence[float], share: float) -> float | None:
    """The time that ``share`` (0 to 1) of the runs do not exceed, interpolated between neighbours.

    None with fewer samples than :func:`samples_needed`: it would say more about luck than about the tail.
    """
    if len(values) < samples_needed(share):
        return None
    return float(np.quantile(values, share))


def samples_needed(share: float) -> int:
    """Samples whose largest exceeds the true percentile in 95 of 100 benchmarks: 59 for p95, 299 for p99.

    S. S. Wilks, Determination of sample sizes for setting tolerance limits, Ann. Math. Stat. 12 (1941):
    the largest of n lies below the percentile with probability share ** n.
    """
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(share))


def spread(values: Sequence[float]) -> float | None:
    """A standard deviation that a few interrupted runs do not move; None with fewer than two values.

    1.4826 turns the median absolute deviation into an estimate of the standard deviation of normal
    times (F. R. Hampel, The influence curve and its role in robust estimation, JASA 69, 1974).
    """
    if len(values) < 2:
        return None
    return 1.4826 * float(np.median(np.abs(np.asarray(values) - np.median(values))))


def median_interval(processes: Sequence[Sequence[float]]) -> Interval:
    """The median of all runs with its interval of at least 95 % confidence.

    The interval ends at two of the samples, chosen by the binomial distribution of how many lie below
    the median, so it assumes no shape (G. J. Hahn, W. Q. Meeker, Statistical Intervals, 1991, 5.2). It does
    assume independent runs, and runs of one process resemble each other: so it is widened to take in
    the median of every process. With fewer than six runs no interval has 95 %, and it is their range.

    Args:
        processes: the times of each process; at least one time in all.
    """
    groups = [group for group in processes if group]
    pooled = np.sort(np.concatenate([np.asarray(group, dtype=float) for group in groups]))
    rank = _lower_rank(len(pooled))
    medians = [median(group) for group in groups]
    low = min(float(pooled[rank - 1]), *medians)
    high = max(float(pooled[len(pooled) - rank]), *medians)
    return Interval(median(pooled.tolist()), low, high)


def is_steady(values: Sequence[float]) -> bool:
    """Whether the last runs no longer differ from those before them.

    The window of 10 and the 2 % are those of A. Georges, D. Buytaert, L. Eeckhout, Statistically rigorous
    Java performance evaluation, OOPSLA 2007, section 4.2. They ask for a coefficient of variation below
    2 %; here the medians of the window's two halves are compared, since one run that the operating system
    interrupted should not start the warm-up anew.
    """
    if len(values) < STEADY_WINDOW:
        return False
    half = STEADY_WINDOW // 2
    earlier, later = median(values[-STEADY_WINDOW:-half]), median(values[-half:])
    return abs(later - earlier) <= STEADY_TOLERANCE * earlier


def _lower_rank(count: int) -> int:
    """The largest rank r such that fewer than r of ``count`` runs lie below the median in at most 2.5 %."""
    tail = (1 - CONFIDENCE) / 2
    half = -count * math.log(2)
    below = 0.0
    for rank in range(count // 2 + 1):
        # Binomial probability of exactly `rank` runs below, in logarithms: 2 ** -count underflows.
        ways = math.lgamma(count + 1) - math.lgamma(rank + 1) - math.lgamma(count - rank + 1)
        below += math.exp(ways + half)
        if below > tail:
            return max(1, rank)
    return max(1, count // 2)
