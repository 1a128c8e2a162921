"""Fit ``edgetl.benchmarks.estimate.costs`` to published rows, and leave models or boards out of the fit.

The sum of exponentials is fitted to the logarithm of the latency by Levenberg and Marquardt's method, each
weight held near its prior (a Gaussian prior, so this is the maximum a posteriori), with Huber's loss
(Huber 1964, doi 10.1214/aoms/1177703732), so that one odd source does not draw the rest with it.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from published_rows import Row

from edgetl.benchmarks.estimate.costs import terms
from edgetl.benchmarks.estimate.work import COMPONENTS

_NOISE = 0.08  # of a row's logarithm: what remains between rounds of one source, 5 to 10 %
_HUBER = 2.0  # deviations from which on a row's pull grows no more
_STEPS, _SMALL = 200, 1e-6  # left-out rows then move by less than 1 % with the start
_DAMPING, _STUCK = 1.0, 1e9

Weights: TypeAlias = NDArray[np.float64]
"""float64 (terms,)."""


class Fitter:
    """Rows as arrays, to be fitted in whole or in part."""

    def __init__(self, rows: Sequence[Row]) -> None:
        index: dict[str, int] = {}
        priors: list[tuple[float, float]] = []
        entries: list[tuple[int, int, int, float]] = []
        for place, row in enumerate(rows):
            for number, component in enumerate(COMPONENTS):
                for term in terms(row.setting, component):
                    if term.name not in index:
                        index[term.name] = len(priors)
                        priors.append((term.prior, term.spread))
                    entries.append((place, number, index[term.name], term.value))
        self.names = tuple(index)
        self.expected, spreads = np.array(priors).T
        self._stiffness = spreads**-2.0
        self._matrix = np.zeros((len(rows), len(COMPONENTS), len(priors)))
        for place, number, term_index, value in entries:
            self._matrix[place, number, term_index] += value
        self._amounts = np.array([row.work.amounts for row in rows])
        self._measured = np.log([1e3 * row.latency_s for row in rows])

    def errors(self, weights: Weights) -> NDArray[np.float64]:
        """Logarithm of estimate over measurement, float64 (rows,)."""
        parts = np.exp(np.clip(self._matrix @ weights, -30, 30)) * self._amounts
        logs: NDArray[np.float64] = np.log(parts.sum(axis=1)) - self._measured
        return logs

    def fit(self, chosen: NDArray[np.bool_], start: Weights) -> Weights:
        """Weights from the chosen rows alone; a term that none of them has keeps its prior.

        Args:
            chosen: bool (rows,).
            start: where the descent begins, which decides how long it takes.
        """
        matrix, amounts, measured = self._matrix[chosen], self._amounts[chosen], self._measured[chosen]

        def state(weights: Weights) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
            parts = np.exp(np.clip(matrix @ weights, -30, 30)) * amounts
            errors = (measured - np.log(parts.sum(axis=1))) / _NOISE
            far = np.abs(errors)
            loss = np.where(far < _HUBER, far**2 / 2, _HUBER * (far - _HUBER / 2)).sum()
            return float(loss + self._stiffness @ (weights - self.expected) ** 2 / 2), parts, errors

        weights, damping = start.copy(), _DAMPING
        loss, parts, errors = state(weights)
        for _ in range(_STEPS):
            slopes = np.einsum("rc,rcw->rw", parts / parts.sum(axis=1, keepdims=True), matrix) / _NOISE
            pull = np.minimum(1.0, _HUBER / np.maximum(np.abs(errors), 1e-12))
            gradient = slopes.T @ (pull * errors) - self._stiffness * (weights - self.expected)
            curvature = (slopes.T * pull) @ slopes + np.diag(self._stiffness)
            while damping < _STUCK:
                step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient)
                reached, new_parts, new_errors = state(weights + step)
                if reached < loss:
                    break
                damping *= 4
            else:
                break
            gained, loss, parts, errors = loss - reached, reached, new_parts, new_errors
            weights, damping = weights + step, max(damping / 5, 1e-9)
            if gained < _SMALL:
                break
        return weights


def fit(rows: Sequence[Row]) -> dict[str, float]:
    """The weight of each term that a row has."""
    fitter = Fitter(rows)
    weights = fitter.fit(np.ones(len(rows), dtype=bool), fitter.expected)
    return {name: float(weight) for name, weight in zip(fitter.names, weights, strict=True)}


def left_out(rows: Sequence[Row], group: Callable[[Row], str]) -> NDArray[np.float64]:
    """Estimate each group of rows from a fit to all the others.

    Returns:
        float64 (rows,): logarithm of estimate over measurement; NaN where the others have no row of
        that precision with those kernels, so that ``edgetl estimate`` would refuse.
    """
    fitter, names = Fitter(rows), np.array([group(row) for row in rows])
    # Where all rows led is near where all but a group's lead: a start, and no part of the result.
    start = fitter.fit(np.ones(len(rows), dtype=bool), fitter.expected)
    errors = np.full(len(rows), np.nan)
    for name in sorted(set(names)):
        mine = names == name
        seen = {row.kernels for row, its in zip(rows, mine, strict=True) if not its}
        known = mine & np.array([row.kernels in seen for row in rows])
        errors[known] = fitter.errors(fitter.fit(~mine, start))[known]
    return errors
