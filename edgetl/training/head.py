"""The head: multinomial logistic regression on cached features, solved rather than trained.

What Keras' ``fit`` approaches in many epochs over the pictures is here the exact optimum of the same
loss (with L2 regularisation chosen on held-out photos), found in seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import UsageError
from edgetl.training import logistic
from edgetl.training.logistic import Basis, Floats, Labels, Solution
from edgetl.training.scoring import calibration, folds, rejection

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse regularisation strengths tried, strongest first, for features of unit variance on average."""

_MANY = 1000
"""From so many photos on 3 folds are as good as 5 and take half the time."""
_CLEARLY = 1.02
_ROUGH, _EXACT = 1e-4, 1e-5
"""Where the solver stops while strengths are compared, and for the head itself."""
_SKEWED = 3.0
"""``auto`` weighs the classes when the largest has this many times the photos of the smallest."""


@dataclass(frozen=True)
class Head:
    """A dense layer: ``softmax(features @ kernel + bias)``."""

    kernel: Floats
    """float32 (features, classes)."""
    bias: Floats
    """float32 (classes,)."""
    strength: float
    """The inverse regularisation strength that was chosen."""
    chosen_on: str
    """``val``, or ``5-fold cross-validation``."""
    class_weights: str
    """``balanced`` or ``none``."""
    temperature: float
    """What the logits were divided by; already inside ``kernel`` and ``bias``."""
    reject_threshold: float
    """Scores below it count as unknown: it keeps 95 % of the right answers on the held-out photos, unless a
    false-accept rate was asked for (``scoring/rejection.py``)."""

    def probabilities(self, features: Floats) -> Floats:
        """float32 (n, features) -> float32 (n, classes), rows summing to 1."""
        return softmax(features @ self.kernel + self.bias)


def softmax(logits: NDArray[np.floating]) -> Floats:
    """Probabilities (n, classes) of logits (n, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)


def fit(
    features: Floats,
    labels: Labels,
    *,
    held_out: tuple[Floats, Labels] | None,
    class_weights: str = "auto",
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
) -> Head:
    """Solve the head.

    Args:
        features: float32 (n, features) of the train photos.
        labels: int64 (n,), 0 to classes - 1, each present at least twice.
        held_out: features and labels of the val photos, to choose the regularisation and the
            temperature on; None takes cross-validation inside train, so that val can serve
            as an unbiased measure when there is no test split.
        class_weights: ``balanced`` gives each class the same say, ``none`` each photo; ``auto`` is
            ``balanced`` when one class has three times the photos of another.
        strengths: inverse regularisation strengths to try, ascending.
        seed: for the folds.

    Raises:
        UsageError: ``class_weights`` is none of the three.
    """
    if class_weights not in ("auto", "balanced", "none"):
        raise UsageError(f"class weights {class_weights!r} are not offered: choose auto, balanced or none")
    counts = np.bincount(labels)
    if class_weights == "auto":
        class_weights = "balanced" if counts.max() >= _SKEWED * counts.min() else "none"
    balanced = class_weights == "balanced"
    basis = Basis.of(features)
    inputs = basis.project(features)
    if held_out is not None:
        parts = [_Part(inputs, labels, basis.project(held_out[0]), held_out[1])]
        chosen_on = "val"
    else:
        masks = folds.stratified(labels, 3 if len(labels) >= _MANY else folds.FOLDS, seed)
        parts = [_Part(inputs[~fold], labels[~fold], inputs[fold], labels[fold]) for fold in masks]
        chosen_on = f"{len(masks)}-fold cross-validation"
    truth = np.concatenate([part.held_labels for part in parts])

    def solve(
        rows: Floats, answers: Labels, strength: float, start: Solution | None, tolerance: float
    ) -> Solution:
        return logistic.solve(
            rows,
            answers,
            basis.variances,
            strength,
            classes=len(counts),
            balanced=balanced,
            start=start,
            tolerance=tolerance,
        )

    losses: list[float] = []
    best_logits = np.empty((0, 0))
    starts: list[Solution | None] = [None] * len(parts)
    for strength in strengths:
        solved = [
            solve(part.rows, part.labels, strength, start, _ROUGH)
            for part, start in zip(parts, starts, strict=True)
        ]
        logits = np.concatenate(
            [solution.logits(part.held_rows) for part, solution in zip(parts, solved, strict=True)]
        )
        losses.append(_log_loss(logits, truth))
        if losses[-1] == min(losses):
            best_logits = logits
        elif losses[-1] > _CLEARLY * min(losses) or losses[-2] > min(losses):
            break  # weaker regularisation only overfits more, and takes the solver longest
        starts = list(solved)
    strength = strengths[int(np.argmin(losses))]
    temperature = calibration.temperature(best_logits, truth)
    scores = softmax(best_logits / temperature)
    final = solve(inputs, labels, strength, None, _EXACT)
    kernel, bias = basis.unfold(final.weights / temperature, final.bias / temperature)
    return Head(
        kernel.astype(np.float32),
        bias.astype(np.float32),
        strength=strength,
        chosen_on=chosen_on,
        class_weights=class_weights,
        temperature=temperature,
        reject_threshold=rejection.keeping(scores.max(axis=1), scores.argmax(axis=1) == truth),
    )


@dataclass(frozen=True)
class _Part:
    """Projected features and labels to solve on, and those held out to judge by."""

    rows: Floats
    labels: Labels
    held_rows: Floats
    held_labels: Labels


def _log_loss(logits: NDArray[np.floating], labels: Labels) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(axis=1))
    return float(-chosen.mean())
