"""Photos that the head was not solved on: which, and how well it answers them."""

import numpy as np
from numpy.typing import NDArray

from edgetl.training.logistic import Doubles, Floats, Labels
from edgetl.training.scoring.folds import FOLDS, stratified

_MANY, _FOLDS_OF_MANY = 1000, 3
"""From so many photos on 3 folds are as good as 5 and take half the time."""


def softmax(logits: NDArray[np.floating]) -> Floats:
    """Probabilities (n, classes) of logits (n, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)


def folds(labels: Labels, seed: int) -> list[NDArray[np.bool_]]:
    """Stratified masks of the held-out photos: bool (n,), 5 of them, or 3 of many photos."""
    return stratified(labels, _FOLDS_OF_MANY if len(labels) >= _MANY else FOLDS, seed)


def log_loss(
    logits: NDArray[np.floating], labels: Labels, weights: NDArray[np.floating] | None = None
) -> float:
    """Mean cross-entropy of logits (n, classes), weighted by (n,) where weights are given."""
    return float(np.average(losses(logits, labels), weights=weights))


def losses(logits: NDArray[np.floating], labels: Labels) -> Doubles:
    """Cross-entropy (n,) of logits (n, classes)."""
    shifted = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels])
