"""How well a model does on photos it was not trained on, with what that number is worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.intervals import wilson
from edgetl.manifest import Interval


@dataclass(frozen=True)
class ClassScore:
    """One class on the scored split; None where it has no photos or no answers."""

    label: str
    support: int
    """Photos of this class."""
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Metrics:
    """What ``metrics.json`` of a run holds."""

    split: str
    """``test`` or ``val``."""
    images: int
    accuracy: Interval
    """Share of right answers, 0 to 1; Wilson interval."""
    train_accuracy: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Counts: a row for each true class, a column for each answer."""
    expected_calibration_error: float
    """Mean gap between score and accuracy over 15 equal bins (Naeini et al., AAAI 2015), 0 to 1."""


def measure(
    probabilities: NDArray[np.float32],
    truth: NDArray[np.int64],
    labels: tuple[str, ...],
    *,
    split: str,
    train_accuracy: float,
) -> Metrics:
    """Score answers.

    Args:
        probabilities: float32 (n, classes), n of 1 or more.
        truth: int64 (n,), the right classes.
        labels: class names.
        split: where the photos come from.
        train_accuracy: share of right answers on the photos the head was solved on.
    """
    answers = probabilities.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, answers), 1)
    right = answers == truth
    scores = probabilities.max(axis=1)
    return Metrics(
        split=split,
        images=len(truth),
        accuracy=wilson(int(right.sum()), len(truth)),
        train_accuracy=train_accuracy,
        classes=tuple(
            ClassScore(
                label,
                support=int(confusion[number].sum()),
                precision=_share(confusion[number, number], confusion[:, number].sum()),
                recall=_share(confusion[number, number], confusion[number].sum()),
            )
            for number, label in enumerate(labels)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        expected_calibration_error=_calibration_error(scores, right),
    )


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _calibration_error(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    bins = np.clip((scores * 15).astype(int), 0, 14)
    gaps = [
        (bins == number).sum() * abs(scores[bins == number].mean() - right[bins == number].mean())
        for number in np.unique(bins)
    ]
    return float(sum(gaps) / len(scores))
