"""The head: logistic regression on cached features, solved rather than trained.

What Keras' ``fit`` approaches in many epochs over the pictures is here the exact optimum of the same
loss (with L2 regularisation chosen on held-out photos), found in seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import UsageError
from edgetl.training.arrays import Doubles, Floats, Labels, Rows
from edgetl.training.heads.choosing import Problem
from edgetl.training.heads.held_out import softmax
from edgetl.training.heads.hidden import better
from edgetl.training.heads.logistic import Basis
from edgetl.training.scoring import rejection

__all__ = ["STRENGTHS", "Head", "check", "fit", "softmax"]

STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse regularisation strengths tried, strongest first, for features of unit variance on average."""

_SKEWED = 3.0
"""``auto`` weighs the classes when the largest has this many times the photos of the smallest."""
_WIDEST = 4096


@dataclass(frozen=True)
class Head:
    """A dense layer, ``softmax(features @ kernel + bias)``, perhaps with another in front of it."""

    kernel: Floats
    """float32 (features or hidden units, classes)."""
    bias: Floats
    """float32 (classes,)."""
    strength: float
    """The inverse regularisation strength that was chosen."""
    chosen_on: str
    """``val``, ``5-fold cross-validation`` or ``5000 photos held out``."""
    class_weights: str
    """``balanced`` or ``none``."""
    temperature: float
    """What the logits were divided by; already inside ``kernel`` and ``bias``."""
    reject_threshold: float
    """Scores below it count as unknown: it keeps 95 % of the right answers on the held-out photos, unless a
    false-accept rate was asked for (``scoring/rejection.py``)."""
    label_smoothing: float = 0.0
    """Share of the certainty that was spread over all classes."""
    hidden_kernel: Floats | None = None
    """float32 (features, hidden units); None for a linear head."""
    hidden_bias: Floats | None = None
    """float32 (hidden units,)."""
    layers: str = "last"
    """What it reads of the backbone: the ``last`` feature map, its ``blocks``, or ``both``."""
    scales: Floats | None = None
    """float32 (features,), what those were multiplied by before it reads them; None: by nothing."""

    @property
    def unscaled(self) -> "Head":
        """The same head for features as the backbone gives them."""
        if self.scales is None:
            return self
        if self.hidden_kernel is not None:
            return replace(self, hidden_kernel=self.scales[:, None] * self.hidden_kernel, scales=None)
        return replace(self, kernel=self.scales[:, None] * self.kernel, scales=None)

    @property
    def hidden(self) -> int:
        """Units of the hidden layer, 0 for a linear head."""
        return 0 if self.hidden_bias is None else len(self.hidden_bias)

    def probabilities(self, features: Floats) -> Floats:
        """float32 (n, features) -> float32 (n, classes), rows summing to 1."""
        if self.hidden_kernel is not None and self.hidden_bias is not None:
            features = np.maximum(features @ self.hidden_kernel + self.hidden_bias, 0)
        return softmax(features @ self.kernel + self.bias)

    def describe(self) -> dict[str, Any]:
        """What ``run.json`` says of it: all but the weights."""
        arrays = ("kernel", "bias", "hidden_kernel", "hidden_bias", "scales")
        told = {name: value for name, value in vars(self).items() if name not in arrays}
        return told | {"hidden": self.hidden}


@dataclass(frozen=True)
class Solved:
    """A head, and what heads like it answered to photos they had not seen."""

    head: Head
    logits: Doubles
    """float64 (n, classes), of the held-out photos, divided by the temperature."""
    truth: Labels
    """int64 (n,), their labels."""
    says: Doubles
    """float64 (n,), how much each of them counts."""


def fit(features: Floats | Rows, labels: Labels, **options: Any) -> Head:
    """The head of :func:`solve`, whose arguments it takes."""
    return solve(features, labels, **options).head


def solve(
    features: Floats | Rows,
    labels: Labels,
    *,
    held_out: tuple[Floats, Labels] | None,
    class_weights: str = "auto",
    strengths: Sequence[float] = STRENGTHS,
    weights: NDArray[np.floating] | None = None,
    judged_by: NDArray[np.floating] | None = None,
    label_smoothing: float = 0.0,
    hidden: int = 0,
    hashes: Sequence[str] | None = None,
    seed: int = 0,
) -> Solved:
    """Solve the head.

    Args:
        features: float32 (n, features) of the train photos, or the same in blocks, where they are
            more than memory should hold.
        labels: int64 (n,), 0 to classes - 1, each present at least twice.
        held_out: features and labels of the val photos, to choose the regularisation and the
            temperature on; None takes cross-validation inside train, so that val can serve
            as an unbiased measure when there is no test split.
        class_weights: ``balanced`` gives each class the same say, ``none`` each photo; ``auto`` is
            ``balanced`` when one class has three times the photos of another.
        strengths: inverse regularisation strengths to try, ascending.
        weights: (n,), the say of each photo, 0 or more; None: all the same.
        judged_by: (n,), the say of each while it is held out; None: the same.
        label_smoothing: share of the certainty that is spread over all classes, 0 to below 1.
        hidden: units of a hidden layer to try, which is adopted where it answers held-out photos better
            than the linear head, beyond noise; 0 for none. The features must then fit into memory.
        hashes: SHA-256 of each photo: copies of one are held out together; None: all differ.
        seed: for the folds and the hidden layer.

    Raises:
        UsageError: ``class_weights`` is none of the three, or another option is out of range.
    """
    check(class_weights, label_smoothing, hidden)
    counts = np.bincount(labels)
    if class_weights == "auto":
        class_weights = "balanced" if counts.max() >= _SKEWED * counts.min() else "none"
    raw = rows = Rows.of(features)
    raw_held_out = held_out
    basis = Basis.of(rows)
    rows, solved_in = basis.compact(rows)
    if solved_in is not basis and held_out is not None:
        held_out = (basis.project(held_out[0]), held_out[1])
    problem = Problem(
        rows,
        labels,
        np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64),
        solved_in,
        classes=len(counts),
        balanced=class_weights == "balanced",
        smoothing=label_smoothing,
        judged_by=None if judged_by is None else np.asarray(judged_by, np.float64),
        hashes=hashes,
    )
    choice = problem.choose(strengths, held_out, seed)
    kernel, bias = basis.unfold(
        choice.solution.weights / choice.temperature, choice.solution.bias / choice.temperature
    )
    linear = Head(
        kernel.astype(np.float32),
        bias.astype(np.float32),
        strength=choice.strength,
        chosen_on=choice.chosen_on,
        class_weights=class_weights,
        temperature=choice.temperature,
        reject_threshold=_reject_threshold(choice.logits / choice.temperature, choice.truth),
        label_smoothing=label_smoothing,
    )
    solved = Solved(linear, choice.logits / choice.temperature, choice.truth, choice.says)
    if not hidden:
        return solved
    everything = np.ones(len(labels), np.bool_)
    found = better(
        raw.take(), labels, problem.targets(everything), choice, raw_held_out, units=hidden, seed=seed
    )
    if found is None:
        return solved
    head = replace(
        linear,
        kernel=(found.layers.second / found.temperature).astype(np.float32),
        bias=(found.layers.second_bias / found.temperature).astype(np.float32),
        hidden_kernel=found.layers.first,
        hidden_bias=found.layers.first_bias,
        temperature=found.temperature,
        reject_threshold=_reject_threshold(found.logits / found.temperature, choice.truth),
    )
    return Solved(head, found.logits / found.temperature, choice.truth, choice.says)


def check(class_weights: str, label_smoothing: float, hidden: int) -> None:
    """Refuse options of the head before the slow work.

    Raises:
        UsageError: one is not among those offered.
    """
    if class_weights not in ("auto", "balanced", "none"):
        raise UsageError(f"class weights {class_weights!r} are not offered: choose auto, balanced or none")
    if not 0 <= label_smoothing < 1:
        raise UsageError(f"label smoothing {label_smoothing:g} is not offered: choose 0 to below 1, like 0.1")
    if not 0 <= hidden <= _WIDEST:
        raise UsageError(f"a hidden layer of {hidden} units is not offered: choose 0 (none) to {_WIDEST}")


def _reject_threshold(logits: Doubles, truth: Labels) -> float:
    scores = softmax(logits)
    return rejection.keeping(scores.max(axis=1), scores.argmax(axis=1) == truth)
