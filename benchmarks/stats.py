"""From raw times to figures. Every rule names its source; what cannot be known is None."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgetl.benchmarks import confidence
from edgetl.benchmarks.confidence import CONFIDENCE
from edgetl.manifest import Interval

STEADY_WINDOW = 10
"""Runs that are looked at to tell whether the times still fall."""
STEADY_TOLERANCE = 0.02
"""Largest change within the window, as a share."""

MODIFIED_Z = 0.6745
"""Median absolute deviation of the standard normal distribution."""
OUTLIER = 3.5
"""Modified z-score beyond which a value is an outlier."""


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


def median_absolute_deviation(values: Sequence[float]) -> float:
    """The median distance from the median, in the unit of ``values``, which is not empty."""
    return float(np.median(np.abs(np.asarray(values) - np.median(values))))


def spread(values: Sequence[float]) -> float | None:
    """A standard deviation that a few interrupted runs do not move; None with fewer than two values.

    1.4826 turns the median absolute deviation into an estimate of the standard deviation of normal
    times (F. R. Hampel, The influence curve and its role in robust estimation, JASA 69, 1974).
    """
    return None if len(values) < 2 else 1.4826 * median_absolute_deviation(values)


def outliers(values: Sequence[float]) -> int | None:
    """How many lie far from the rest; they are counted and stay in every figure.

    Those whose modified z-score, 0.6745 times the distance from the median over the median absolute
    deviation, is beyond 3.5 (B. Iglewicz, D. C. Hoaglin, How to Detect and Handle Outliers, 1993). None where
    more than half of the values are equal, which leaves nothing to measure the others by.
    """
    scale = median_absolute_deviation(values) if len(values) else 0.0
    if scale == 0:
        return None
    distances = np.abs(np.asarray(values) - np.median(values))
    return int(np.count_nonzero(MODIFIED_Z * distances > OUTLIER * scale))


def median_interval(processes: Sequence[Sequence[float]]) -> Interval:
    """The median of all runs with its interval of at least 95 % confidence.

    It takes in two intervals. That of the bootstrap (``confidence.interval``) says what other processes would
    give; with a single process there is none. That of the order statistics of all runs (G. J. Hahn,
    W. Q. Meeker, Statistical Intervals, 1991, 5.2) assumes no shape, but independent runs; with fewer than
    six runs no such interval has 95 %, and it is their range.

    Args:
        processes: the times of each process, seconds above 0; at least one time in all.
    """
    groups = [group for group in processes if group]
    pooled = np.sort(np.concatenate([np.asarray(group, dtype=float) for group in groups]))
    rank = _lower_rank(len(pooled))
    low, high = float(pooled[rank - 1]), float(pooled[len(pooled) - rank])
    if (between := confidence.interval(groups, _median)) is not None:
        low, high = min(low, between.low), max(high, between.high)
    return Interval(_median(pooled), low, high)


def percentile_interval(processes: Sequence[Sequence[float]], share: float) -> Interval | None:
    """:func:`percentile` of all runs with its 95 % interval (``confidence.interval``).

    None where the percentile is unknown, or there are fewer than two processes.
    """
    if percentile([time for process in processes for time in process], share) is None:
        return None
    return confidence.interval([group for group in processes if group], lambda times: _quantile(times, share))


def median_ratio(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> Interval | None:
    """The second median over the first (``confidence.ratio``).

    None where one has fewer than two processes.
    """
    return confidence.ratio(first, second, _median)


def percentile_ratio(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], share: float
) -> Interval | None:
    """The same of a percentile; None too where one of the two is unknown."""
    if any(
        percentile([time for group in groups for time in group], share) is None for groups in (first, second)
    ):
        return None
    return confidence.ratio(first, second, lambda times: _quantile(times, share))


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


def _median(times: NDArray[np.float64]) -> float:
    return float(np.median(times))


def _quantile(times: NDArray[np.float64], share: float) -> float:
    return float(np.quantile(times, share))


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
