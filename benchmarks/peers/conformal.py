"""Intervals from the errors of left-out cases, which ask nothing of how errors are distributed.

A user's model, or board, is one new group, and what a published group has of rows is much alike. So each
group gives one figure, the quantile of its own errors, and the width is the order statistic of these figures
that a new group stays below with probability :data:`LEVEL`: conformal prediction (Vovk, Gammerman & Shafer
2005) from left-out errors (Barber et al. 2021, "Predictive inference with the jackknife+", doi
10.1214/20-AOS1965) for groups (Dunn, Wasserman & Ramdas 2023, doi 10.1080/01621459.2022.2060112). With few
groups it is the largest.
"""

import math

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.8


def half_width(errors: NDArray[np.float64], groups: NDArray[np.str_], asked_for: NDArray[np.bool_]) -> float:
    """What the absolute errors of a new group stay below.

    Args:
        errors: float64 (rows,).
        groups: str (rows,).
        asked_for: bool (rows,); rows like those that users ask about. Where a group has some, its
            figure holds as many of them alone as of all its rows.
    """
    figures = []
    for name in np.unique(groups):
        mine = groups == name
        parts = [part for part in (mine, mine & asked_for) if part.any()]
        figures.append(max(float(np.quantile(np.abs(errors[part]), LEVEL)) for part in parts))
    place = math.ceil((len(figures) + 1) * LEVEL)
    return sorted(figures)[min(place, len(figures)) - 1]


def covered(
    errors: NDArray[np.float64], groups: NDArray[np.str_], asked_for: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether each error is within the half width that the other groups give."""
    inside = np.zeros(len(errors), dtype=bool)
    for name in np.unique(groups):
        mine = groups == name
        inside[mine] = np.abs(errors[mine]) <= half_width(errors[~mine], groups[~mine], asked_for[~mine])
    return inside
