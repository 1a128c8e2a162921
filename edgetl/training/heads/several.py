"""A head of a task of several labels: a logistic regression for each label, all solved at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgetl.training.arrays import Floats, Labels, Rows
from edgetl.training.heads import thresholds
from edgetl.training.heads.choosing import Problem
from edgetl.training.heads.held_out import sigmoid
from edgetl.training.heads.logistic import Basis


@dataclass(frozen=True)
class SeveralHead:
    """``sigmoid(features @ kernel + bias)``."""

    kernel: Floats
    """float32 (features, labels)."""
    bias: Floats
    """float32 (labels,)."""
    strength: float
    """The inverse regularisation strength that was chosen, one for all labels."""
    chosen_on: str
    """As ``Head.chosen_on``."""
    class_weights: str
    """``balanced``: the yes and the no of each label have the same say; or ``none``."""
    temperature: float
    """What the logits were divided by; already inside ``kernel`` and ``bias``."""
    thresholds: tuple[float, ...]
    """From which probability on each label holds, 0 to 1."""
    label_smoothing: float = 0.0
    """Share of the certainty that was spread over yes and no."""

    def probabilities(self, features: Floats) -> Floats:
        """float32 (n, features) -> float32 (n, labels), each 0 to 1."""
        return sigmoid(features @ self.kernel + self.bias)

    def describe(self) -> dict[str, Any]:
        """What ``run.json`` says of it: all but the weights."""
        return {name: value for name, value in vars(self).items() if name not in ("kernel", "bias")}


def fit(
    features: Floats,
    yes: Labels,
    *,
    held_out: tuple[Floats, Labels] | None,
    strengths: tuple[float, ...],
    class_weights: str = "auto",
    label_smoothing: float = 0.0,
    precision: float | None = None,
    hashes: Sequence[str] | None = None,
    seed: int = 0,
) -> SeveralHead:
    """Solve the head.

    Args:
        features: float32 (n, features) of the train photos.
        yes: 0 and 1, int64 (n, labels), each label with two photos that have it and two that have not.
        held_out: the same of val photos, to choose regularisation, temperature and thresholds on; None takes
            cross-validation inside train.
        strengths: inverse regularisation strengths to try, ascending.
        class_weights: ``balanced`` gives the yes and the no of each label the same say; ``auto`` and ``none``
            give each photo the same, which leaves the probabilities honest, for thresholds are chosen anyway.
        label_smoothing: share of the certainty that is spread over yes and no, 0 to below 1.
        precision: as :func:`thresholds.choose` takes it.
        hashes: SHA-256 of each photo: copies of one are held out together; None: all differ.
        seed: for the folds.
    """
    rows = Rows.of(features)
    basis = Basis.of(rows)
    rows, solved_in = basis.compact(rows)
    if solved_in is not basis and held_out is not None:
        held_out = (basis.project(held_out[0]), held_out[1])
    balanced = class_weights == "balanced"
    problem = Problem(
        rows,
        yes,
        np.ones(len(yes)),
        solved_in,
        classes=yes.shape[1],
        balanced=balanced,
        smoothing=label_smoothing,
        hashes=hashes,
    )
    choice = problem.choose(strengths, held_out, seed)
    solution, divisor = choice.solution, choice.temperature
    kernel, bias = basis.unfold(solution.weights / divisor, solution.bias / divisor)
    return SeveralHead(
        kernel.astype(np.float32),
        bias.astype(np.float32),
        strength=choice.strength,
        chosen_on=choice.chosen_on,
        class_weights="balanced" if balanced else "none",
        temperature=divisor,
        thresholds=thresholds.choose(sigmoid(choice.logits / divisor), choice.truth > 0, precision),
        label_smoothing=label_smoothing,
    )
