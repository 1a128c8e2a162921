"""How often the answers are right, over all and in each class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.intervals import f1_score, wilson
from edgetl.manifest import Interval
from edgetl.training.scoring import bootstrap

_MANY_CLASSES = 5
"""With more classes it is also told how often the right one is among the first five."""
_TINY = 1e-12
"""A probability of 0 for the right class costs as much as this one."""


@dataclass(frozen=True)
class ClassScore:
    """One class on the scored split; None where it has no photos, no answers, or neither."""

    label: str
    support: int
    """Photos of this class."""
    precision: Interval | None
    """Of the answers that name it, the share that is right, 0 to 1; Wilson interval."""
    recall: Interval | None
    """Of its photos, the share that was found, 0 to 1; Wilson interval."""
    f1: Interval | None
    """Harmonic mean of both, 0 to 1."""


@dataclass(frozen=True)
class Answers:
    """How right the answers are."""

    images: int
    accuracy: Interval
    """Share of right answers, 0 to 1; Wilson interval."""
    balanced_accuracy: Interval
    macro_f1: Interval
    weighted_f1: Interval
    top5: Interval | None
    """Share of photos whose class is among the five likeliest; None with five classes or fewer."""
    log_loss: Interval
    """Mean of minus the logarithm of the right class's probability, nats."""
    brier: Interval
    """Mean squared distance of the probabilities from the truth, 0 to 2 (Brier, 1950)."""
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Counts: a row for each true class, a column for each answer."""


def of(
    probabilities: NDArray[np.float32], truth: NDArray[np.int64], labels: tuple[str, ...], *, seed: int = 0
) -> Answers:
    """Score answers.

    Args:
        probabilities: float32 (n, classes), n of 1 or more.
        truth: int64 (n,), the right classes.
        labels: class names.
        seed: for the bootstrap.
    """
    answers = probabilities.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, answers), 1)
    means = bootstrap.of_confusion(confusion, seed=seed)
    losses = np.stack([log_losses(probabilities, truth), brier_scores(probabilities, truth)], axis=1)
    log_loss, brier = bootstrap.of_means(losses, truth, seed=seed)
    return Answers(
        images=len(truth),
        accuracy=wilson(int((answers == truth).sum()), len(truth)),
        balanced_accuracy=means.balanced_accuracy,
        macro_f1=means.macro_f1,
        weighted_f1=means.weighted_f1,
        top5=_top5(probabilities, truth) if len(labels) > _MANY_CLASSES else None,
        log_loss=log_loss,
        brier=brier,
        classes=tuple(_class_score(label, confusion, number) for number, label in enumerate(labels)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def log_losses(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log loss of each photo, nats: float32 (n, classes), int64 (n,) -> float64 (n,)."""
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return np.asarray(-np.log(np.maximum(chosen, _TINY)))


def brier_scores(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared distance of each photo, 0 to 2: float32 (n, classes), int64 (n,) -> float64 (n,)."""
    away = probabilities.astype(np.float64)
    away[np.arange(len(truth)), truth] -= 1.0
    return np.asarray((away**2).sum(axis=1))


def _class_score(label: str, confusion: NDArray[np.int64], number: int) -> ClassScore:
    right = int(confusion[number, number])
    support, answered = int(confusion[number].sum()), int(confusion[:, number].sum())
    either = support + answered - right
    return ClassScore(
        label,
        support=support,
        precision=wilson(right, answered) if answered else None,
        recall=wilson(right, support) if support else None,
        f1=f1_score(right, either - right) if either else None,
    )


def _top5(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> Interval:
    right = probabilities[np.arange(len(truth)), truth]
    better = (probabilities > right[:, np.newaxis]).sum(axis=1)
    return wilson(int((better < _MANY_CLASSES).sum()), len(truth))
