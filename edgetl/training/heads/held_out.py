"""What is chosen on photos that the head was not solved on: folds, temperature, reject threshold."""

import numpy as np
from numpy.typing import NDArray

from edgetl.training.logistic import Doubles, Floats, Labels

_FOLDS = 5
_MANY = 1000
"""From so many photos on 3 folds are as good as 5 and take half the time."""
_KEPT = 0.95


def softmax(logits: NDArray[np.floating]) -> Floats:
    """Probabilities (n, classes) of logits (n, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)


def folds(labels: Labels, seed: int, wanted: int | None = None) -> list[NDArray[np.bool_]]:
    """Stratified masks of the held-out photos.

    Args:
        labels: int64 (n,).
        seed: which of the ways to deal the photos.
        wanted: how many folds; None takes 5, or 3 of many photos. The rarest class may allow fewer.
    """
    count = wanted or (3 if len(labels) >= _MANY else _FOLDS)
    present = np.bincount(labels)
    count = int(min(count, present[present > 0].min()))
    random = np.random.default_rng(seed)
    fold_of = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        fold_of[places] = np.arange(len(places)) % count
    return [fold_of == fold for fold in range(count)]


def log_loss(
    logits: NDArray[np.floating], labels: Labels, weights: NDArray[np.floating] | None = None
) -> float:
    """Mean cross-entropy of logits (n, classes), weighted by (n,) where weights are given."""
    return float(np.average(losses(logits, labels), weights=weights))


def losses(logits: NDArray[np.floating], labels: Labels) -> Doubles:
    """Cross-entropy (n,) of logits (n, classes)."""
    shifted = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels])


def temperature(
    logits: NDArray[np.floating], labels: Labels, weights: NDArray[np.floating] | None = None
) -> float:
    """The divisor of the logits that makes the scores honest (Guo et al., ICML 2017), 0.25 to 4."""
    grid = np.geomspace(0.25, 4.0, 161)
    return float(grid[int(np.argmin([log_loss(logits / value, labels, weights) for value in grid]))])


def reject_threshold(scores: Floats, right: NDArray[np.bool_]) -> float:
    """The score that 95 % of the right answers reach."""
    return float(np.quantile(scores[right], 1 - _KEPT)) if right.any() else 0.0
