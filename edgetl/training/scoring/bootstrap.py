"""Intervals of figures that are no plain share: stratified bootstrap, bias-corrected and accelerated.

The strata are the classes: a test set is drawn with its number of photos of each class. In 300 simulated
test sets each of 2 to 10 classes the intervals of macro-F1 and of balanced accuracy held the truth in 92 to
98 of 100, as plain percentiles did; intervals after adding pseudo-counts, which do not shrink to nothing
without errors, in as few as 60. ``tests/training/scoring/test_bootstrap.py`` repeats a part of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edgetl.intervals import wilson
from edgetl.manifest import Interval

Doubles = NDArray[np.float64]

REPLICATES = 1000
_NORMAL = NormalDist()
_SIDES = (_NORMAL.inv_cdf(0.025), _NORMAL.inv_cdf(0.975))
_CHUNK = 2_000_000
"""Numbers held at a time."""


@dataclass(frozen=True)
class ConfusionIntervals:
    """Means over classes, 0 to 1."""

    balanced_accuracy: Interval
    """Mean recall; every class has the same say."""
    macro_f1: Interval
    """Mean F1; every class has the same say."""
    weighted_f1: Interval
    """Mean F1, every class with the say of its photos."""


def of_confusion(confusion: NDArray[np.int64], *, seed: int = 0) -> ConfusionIntervals:
    """Intervals of what is computed from a confusion matrix.

    Args:
        confusion: int64 (classes, classes), a row for each true class; classes without photos are left out
            of balanced accuracy, and count in the F1s where something was taken for them.
        seed: for the replicates.
    """
    rows, columns = np.nonzero(confusion)
    counts = confusion[rows, columns].astype(np.float64)
    layout = _Layout(rows, columns, confusion.sum(axis=1).astype(np.float64))
    random = np.random.default_rng(seed)
    drawn = np.empty((REPLICATES, len(counts)))
    for row in np.unique(rows):
        cells = np.flatnonzero(rows == row)
        total = int(counts[cells].sum())
        drawn[:, cells] = random.multinomial(total, counts[cells] / total, REPLICATES)
    jackknife = layout.jackknife(counts)
    values = layout.figures(counts[np.newaxis])[0]
    replicates = layout.figures(drawn)
    found = [
        bca(float(values[number]), replicates[:, number], jackknife[:, number], counts) for number in range(3)
    ]
    return ConfusionIntervals(*(not_proved(one, int(counts.sum())) for one in found))


def of_means(values: Doubles, strata: NDArray[np.int64], *, seed: int = 0) -> tuple[Interval, ...]:
    """Intervals of the means of figures that each photo has, such as its log loss.

    Args:
        values: float64 (n, figures), n of 1 or more.
        strata: int64 (n,), the class of each photo.
        seed: for the replicates.
    """
    random = np.random.default_rng(seed)
    count, figures = values.shape
    totals = np.zeros((REPLICATES, figures))
    for stratum in np.unique(strata):
        inside = values[strata == stratum].astype(np.float32).T
        step = max(1, _CHUNK // inside.shape[1])
        for start in range(0, REPLICATES, step):
            shape = (min(step, REPLICATES - start), inside.shape[1])
            drawn = random.integers(0, inside.shape[1], shape, dtype=np.int32)
            for number, column in enumerate(inside):
                totals[start : start + step, number] += column.take(drawn).sum(axis=1, dtype=np.float64)
    jackknife = (values.sum(axis=0) - values) / max(1, count - 1)
    alike = np.ones(count)
    return tuple(
        bca(float(values[:, n].mean()), totals[:, n] / count, jackknife[:, n], alike) for n in range(figures)
    )


def of_ratios(
    tops: Doubles, bottoms: Doubles, figure: Callable[[Doubles], Doubles], *, seed: int = 0
) -> Interval:
    """The interval of a figure made of ratios of sums over photos, such as F1 or a difference of two.

    Args:
        tops: float64 (n, ratios), what each photo adds above, n of 1 or more.
        bottoms: float64 (n, ratios), what it adds below.
        figure: ratios, float64 (m, ratios), not a number where nothing is below -> figures, float64 (m,).
        seed: for the replicates.
    """
    random = np.random.default_rng(seed)
    count = len(tops)

    def of(above: Doubles, below: Doubles) -> Doubles:
        with np.errstate(invalid="ignore", divide="ignore"):
            return figure(np.where(below > 0, above / below, np.nan))

    value = float(of(tops.sum(axis=0)[np.newaxis], bottoms.sum(axis=0)[np.newaxis])[0])
    parts = []
    step = max(1, _CHUNK // count)
    for start in range(0, REPLICATES, step):
        size = min(step, REPLICATES - start)
        drawn = random.multinomial(count, np.full(count, 1 / count), size).astype(np.float64)
        parts.append(of(drawn @ tops, drawn @ bottoms))
    less = of(tops.sum(axis=0) - tops, bottoms.sum(axis=0) - bottoms)
    replicates = np.nan_to_num(np.concatenate(parts), nan=value)
    return bca(value, replicates, np.nan_to_num(less, nan=value), np.ones(count))


def bca(value: float, replicates: Doubles, jackknife: Doubles, weights: Doubles) -> Interval:
    """The 95 % interval BCa (Efron, *Better bootstrap confidence intervals*, JASA 82, 1987).

    Args:
        value: the figure itself.
        replicates: float64 (replicates,), the figure of each resampled set.
        jackknife: float64 (m,), the figure with one photo of each kind left out.
        weights: float64 (m,), how many photos of each kind there are.
    """
    below = ((replicates < value).sum() + 0.5 * (replicates == value).sum()) / len(replicates)
    half = 0.5 / len(replicates)
    bias = _NORMAL.inv_cdf(min(max(float(below), half), 1 - half))
    away = np.average(jackknife, weights=weights) - jackknife
    square = float((weights * away**2).sum())
    acceleration = float((weights * away**3).sum()) / (6 * square**1.5) if square > 0 else 0.0
    ends = []
    for side in _SIDES:
        moved = bias + side
        share = _NORMAL.cdf(bias + moved / max(1e-9, 1 - acceleration * moved))
        ends.append(float(np.quantile(replicates, share)))
    return Interval(value, min(value, ends[0]), max(value, ends[1]))


def not_proved(found: Interval, photos: int) -> Interval:
    """The interval of a share of right answers, Wilson's where there is no error at all.

    All replicates are alike then, but the share of errors is not proved to be 0.
    """
    return replace(found, low=wilson(photos, photos).low) if found.low == found.high == 1.0 else found


@dataclass(frozen=True)
class _Layout:
    """Where the cells of a confusion matrix that are not empty lie."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    support: Doubles
    """float64 (classes,), photos of each class."""

    def figures(self, counts: Doubles) -> Doubles:
        """Balanced accuracy, macro-F1 and weighted F1: float64 (m, cells) -> float64 (m, 3)."""
        classes = len(self.support)
        answered = _summed(counts, self.columns, classes)
        support = _summed(counts, self.rows, classes)
        diagonal = self.rows == self.columns
        right = _summed(counts[:, diagonal], self.rows[diagonal], classes)
        named = answered + support
        f1 = 2 * right / np.maximum(named, 1)
        recall = right / np.maximum(support, 1)
        present, known = support > 0, named > 0
        return np.stack(
            [
                recall.sum(axis=1) / np.maximum(present.sum(axis=1), 1),
                f1.sum(axis=1) / np.maximum(known.sum(axis=1), 1),
                (f1 * support).sum(axis=1) / np.maximum(support.sum(axis=1), 1),
            ],
            axis=1,
        )

    def jackknife(self, counts: Doubles) -> Doubles:
        """The figures with one photo less in a cell, for each cell: float64 (cells,) -> (cells, 3)."""
        cells = len(counts)
        step = max(1, _CHUNK // max(cells, len(self.support)))
        parts = []
        for first in range(0, cells, step):
            less = np.repeat(counts[np.newaxis], min(step, cells - first), axis=0)
            places = np.arange(len(less))
            less[places, first + places] -= 1
            parts.append(self.figures(less))
        return np.concatenate(parts)


def _summed(counts: Doubles, groups: NDArray[np.int64], classes: int) -> Doubles:
    """Sums of the cells of each class: float64 (m, cells) -> float64 (m, classes)."""
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    sums = np.zeros((len(counts), classes))
    if len(present):
        sums[:, present] = np.add.reduceat(counts[:, order], starts, axis=1)
    return sums
