"""Confidence intervals of shares: what a number of pictures can and cannot say."""

import math

from edgetl.manifest import Interval

_Z = 1.959963984540054  # two-sided 95 % of the normal distribution


def wilson(successes: int, total: int) -> Interval:
    """95 % interval of a share.

    Wilson's score interval (E. B. Wilson, 1927), which stays sensible near 0 and 1 and at small totals;
    Brown, Cai and DasGupta (2001) recommend it over the usual one.

    Args:
        successes: 0 to ``total``.
        total: 1 or more.

    Returns:
        The share and its bounds, 0 to 1.
    """
    if not 0 <= successes <= total or total < 1:
        raise ValueError(f"{successes} of {total} is no share")
    share = successes / total
    shrink = 1 + _Z**2 / total
    centre = (share + _Z**2 / (2 * total)) / shrink
    half = _Z / shrink * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    return Interval(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def f1_score(right: int, wrong: int) -> Interval:
    """95 % interval of an F1 score.

    F1 is 2 J / (1 + J), where J is a share: that of the right answers among all photos that are of the class
    or were taken for it. So the ends of J's Wilson interval give those of F1 (Lam, Gopal and Qian,
    *Confidence intervals for the F1 score*, 2023, call it Wilson indirect).

    Args:
        right: photos of the class that were found.
        wrong: photos of the class that were not, and others taken for it.
    """
    share = wilson(right, right + wrong)
    value, low, high = (2 * end / (1 + end) for end in (share.value, share.low, share.high))
    return Interval(value, low, high)


def paired_difference(only_first: int, only_second: int, total: int) -> Interval:
    """95 % interval of the difference of two shares measured on the same pictures.

    Wald's interval after adding 0.5 to each cell of the 2 x 2 table (Agresti and Min, Statistics in
    Medicine 2005), which keeps its promise at small counts, where the plain one does not.

    Args:
        only_first: pictures that only the first got right.
        only_second: pictures that only the second got right.
        total: all pictures, 1 or more.

    Returns:
        First share minus second share and its bounds, -1 to 1.
    """
    if only_first < 0 or only_second < 0 or total < 1 or only_first + only_second > total:
        raise ValueError(f"{only_first} and {only_second} of {total} are no counts of pairs")
    first, second, count = only_first + 0.5, only_second + 0.5, total + 2
    centre = (first - second) / count
    half = _Z * math.sqrt(first + second - (first - second) ** 2 / count) / count
    value = (only_first - only_second) / total
    return Interval(value, min(value, max(-1.0, centre - half)), max(value, min(1.0, centre + half)))
