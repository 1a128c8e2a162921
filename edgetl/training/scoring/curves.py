"""Points of the curves on the page, few enough to stand in ``metrics.json``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_CLASSES = 10
"""With more classes precision and recall are not drawn."""
BINS = 20
_POINTS = 60


@dataclass(frozen=True)
class PrecisionRecall:
    """One class against the rest, as its probability is taken from 1 down."""

    label: str
    average_precision: float
    """Mean precision over the recalls, 0 to 1."""
    points: tuple[tuple[float, float], ...]
    """Recall and precision, 0 to 1, recall rising."""


@dataclass(frozen=True)
class Curves:
    """What is drawn of the scored split."""

    selective: tuple[tuple[float, float], ...]
    """Share of photos accepted, and share of right answers among them, the surest first."""
    precision_recall: tuple[PrecisionRecall, ...]
    """For each class; empty with more than 10."""
    right: tuple[int, ...]
    """Photos answered rightly in each of 20 equal bins of the score."""
    wrong: tuple[int, ...]
    """The same of those answered wrongly."""
    unknown: tuple[int, ...] | None
    """The same of unknown pictures; None when there are none."""


def of(
    probabilities: NDArray[np.float32],
    truth: NDArray[np.int64],
    labels: tuple[str, ...],
    unknown: NDArray[np.floating] | None,
) -> Curves:
    """The points of all curves.

    Args:
        probabilities: float32 (n, classes), n of 1 or more.
        truth: int64 (n,).
        labels: class names.
        unknown: (m,), scores of unknown pictures.
    """
    scores, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    classes = range(len(labels)) if len(labels) <= MOST_CLASSES else range(0)
    return Curves(
        selective=selective(scores, right),
        precision_recall=tuple(
            precision_recall(labels[number], probabilities[:, number], truth == number)
            for number in classes
            if (truth == number).any()
        ),
        right=_histogram(scores[right]),
        wrong=_histogram(scores[~right]),
        unknown=None if unknown is None else _histogram(unknown),
    )


def selective(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """Accuracy against the share accepted (El-Yaniv and Wiener, JMLR 2010): scores (n,), bool (n,)."""
    order = np.argsort(-scores, kind="stable")
    sums = np.cumsum(right[order])
    # Photos of one score are accepted together.
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    return tuple(
        (float((end + 1) / len(scores)), float(sums[end] / (end + 1))) for end in ends[_thinned(len(ends))]
    )


def precision_recall(
    label: str, scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> PrecisionRecall:
    """Precision against recall of one class: scores (n,), bool (n,) with at least one True."""
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(positive[order])
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    recall, precision = found[ends] / found[-1], found[ends] / (ends + 1)
    average = float((np.diff(recall, prepend=0.0) * precision).sum())
    points = zip(recall, precision, strict=True)
    every = [(float(x), float(y)) for x, y in points]
    return PrecisionRecall(label, average, tuple(every[place] for place in _thinned(len(every))))


def _thinned(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, _POINTS)).round().astype(np.int64))


def _histogram(scores: NDArray[np.floating]) -> tuple[int, ...]:
    counts, _ = np.histogram(scores, bins=BINS, range=(0.0, 1.0))
    return tuple(int(count) for count in counts)
