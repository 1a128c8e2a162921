"""Photos that the head was not solved on: which, and how well it answers them."""

import numpy as np
from numpy.typing import NDArray

from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.scoring.folds import FOLDS, stratified

_MANY, _FOLDS_OF_MANY = 1000, 3
"""From so many photos on 3 folds are as good as 5 and take half the time."""


def softmax(logits: NDArray[np.floating]) -> Floats:
    """Probabilities (n, classes) of logits (n, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)


def sigmoid(logits: NDArray[np.floating]) -> Floats:
    """Probabilities (n, labels), each for itself, of logits (n, labels)."""
    return np.asarray(np.exp(-np.logaddexp(0, -logits.astype(np.float64))), np.float32)


def rarest(yes: Labels) -> Labels:
    """The label with the fewest photos that each has, int64 (n,), and -1 for none: 0 and 1 (n, labels)."""
    counts = np.where(yes > 0, yes.sum(axis=0), len(yes) + 1)
    return np.where(yes.any(axis=1), counts.argmin(axis=1), -1)


def folds(labels: Labels, seed: int, *, copies_of: Labels | None = None) -> list[NDArray[np.bool_]]:
    """Stratified masks of the held-out photos: bool (n,), 5 of them, or 3 of many photos.

    Args:
        labels: int64 (n,), or 0 and 1 (n, labels) where a photo may have any number of them.
        seed: for the order.
        copies_of: int64 (n,), equal for copies of one photo, which then share a fold; None: all differ.
    """
    if labels.ndim == 2:
        labels = rarest(labels)
        # Those whose label is too rare to be in every fold are handed out with the most common ones.
        kinds, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
        labels = np.where(counts[places] < FOLDS, kinds[counts.argmax()], labels)
    return stratified(labels, _FOLDS_OF_MANY if len(labels) >= _MANY else FOLDS, seed, copies_of=copies_of)


def log_loss(
    logits: NDArray[np.floating],
    labels: Labels,
    weights: NDArray[np.floating] | None = None,
) -> float:
    """Mean of :func:`losses`, weighted by (n,) where weights are given."""
    return float(np.average(losses(logits, labels), weights=weights))


def losses(logits: NDArray[np.floating], labels: Labels) -> Doubles:
    """Cross-entropy (n,) of logits (n, classes); summed over labels that are 0 and 1 (n, labels)."""
    if labels.ndim == 2:
        answers = logits.astype(np.float64)
        return np.asarray((np.logaddexp(0, answers) - labels * answers).sum(axis=1))
    shifted = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels])


def beats(ours: NDArray[np.floating], theirs: NDArray[np.floating], truth: Labels) -> bool:
    """Whether answers to the same held-out photos are better beyond noise.

    That is: in log loss by two standard errors of the difference photo by photo, and with as many right
    answers at least.

    Args:
        ours: logits (n, classes), at their best temperature.
        theirs: the same.
        truth: int64 (n,).
    """
    gain = losses(theirs, truth) - losses(ours, truth)
    right, before = ((each.argmax(axis=1) == truth).sum() for each in (ours, theirs))
    return bool(gain.mean() > 2 * gain.std() / np.sqrt(len(gain)) and right >= before)
