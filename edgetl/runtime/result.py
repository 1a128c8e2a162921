"""What a classifier answers, and how a row of probabilities is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError


@dataclass(frozen=True)
class Timings:
    """Seconds each stage of one classification took."""

    decode_s: float
    resize_s: float
    infer_s: float
    post_s: float

    @property
    def total_s(self) -> float:
        """From bytes to label."""
        return self.decode_s + self.resize_s + self.infer_s + self.post_s


@dataclass(frozen=True, eq=False)
class Result:
    """What a model says of one picture."""

    label: str
    """The most probable class, also when :attr:`unknown` is True."""
    score: float
    """Its calibrated probability, 0 to 1."""
    unknown: bool
    """Whether the score is under the bundle's reject threshold."""
    probabilities: NDArray[np.float32]
    """float32 (classes,), in the order of ``labels``, summing to 1."""
    labels: tuple[str, ...]
    """The bundle's classes, then those that were taught on this device."""
    timings: Timings
    embedding: NDArray[np.float32] | None = None
    """float32 (features,), what the model sees in the picture; None unless exported with ``--embedding``."""

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The ``count`` most probable labels and their scores, best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.labels[index], float(self.probabilities[index])) for index in order]

    def to_dict(self, *, top: int = 1) -> dict[str, Any]:
        """Plain JSON values: the ``top`` best labels, times in milliseconds; probabilities are left out."""
        timings = {"decode": self.timings.decode_s, "resize": self.timings.resize_s}
        timings |= {"infer": self.timings.infer_s, "post": self.timings.post_s}
        return {
            "label": self.label,
            "score": self.score,
            "unknown": self.unknown,
            "top": [{"label": label, "score": score} for label, score in self.top(top)],
            "timings_ms": {stage: round(1000 * seconds, 3) for stage, seconds in timings.items()},
        }


def interpret(
    row: NDArray[np.float32], labels: Sequence[str], reject_threshold: float | None
) -> tuple[str, float, bool]:
    """Post-processing: the label, its score, and whether that is under the reject threshold.

    Args:
        row: float32 (classes,), the probabilities of one picture.
        labels: (classes,), in the same order.
        reject_threshold: 0 to 1, as the manifest has it; None rejects nothing.

    Raises:
        ModelError: a probability is no number.
    """
    best = int(row.argmax())  # the first that is no number, if there is one
    score = float(row[best])
    if math.isnan(score):
        raise ModelError("the model answers with what is no number: take another of its variants or engines")
    return labels[best], score, reject_threshold is not None and score < reject_threshold
