"""Outliers that do not hide each other: by median and median absolute deviation."""

import numpy as np
from numpy.typing import NDArray

OUTLYING = 3.5
"""Modified z-score from which a value is one (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
"""

_TO_SIGMA = 1.4826  # turns the median deviation of normal values into their standard deviation


def deviations(values: NDArray[np.float64], least_spread: float) -> NDArray[np.float64]:
    """How far each value lies from the median, in robust standard deviations, with its sign.

    Args:
        values: float64 (n,), n of 1 or more.
        least_spread: taken for the standard deviation where values differ less: of photos that are all of
            one size, one more pixel is no outlier.
    """
    middle = np.median(values)
    spread = _TO_SIGMA * np.median(np.abs(values - middle))
    return np.asarray((values - middle) / max(spread, least_spread))
