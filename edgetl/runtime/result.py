"""What a classifier answers, and how a row of probabilities is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError, UsageError
from edgetl.manifest import Manifest
from edgetl.runtime import answers as tasks
from edgetl.runtime.answers import Answer


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
    """The most probable class, also when :attr:`unknown` is True; of several tasks that of each, joined."""
    score: float
    """Its calibrated probability, 0 to 1; of several tasks the lowest."""
    unknown: bool
    """Whether the score is under the bundle's reject threshold; of other bundles, whether no label holds."""
    probabilities: NDArray[np.float32]
    """float32 (classes,), in the order of ``labels``; of each task with one answer summing to 1."""
    labels: tuple[str, ...]
    """The bundle's classes, then those that were taught on this device."""
    timings: Timings
    embedding: NDArray[np.float32] | None = None
    """float32 (features,), what the model sees in the picture; None unless exported with ``--embedding``."""
    answers: tuple[Answer, ...] = ()
    """To each task of the bundle; empty where exactly one of its labels holds."""
    found: tuple[str, ...] = ()
    """The labels that hold, the surest first, of several tasks as ``task=label``; none if it is unknown."""
    version: str = ""
    """Digest of the bundle that answered: the SHA-256 of its manifest."""
    truncated: bool = False
    """Whether part of the picture was missing, with grey in its place; refused unless that is allowed."""

    def __getitem__(self, task: str) -> Answer:
        """The answer to one of the bundle's tasks.

        Raises:
            UsageError: the bundle has no such task.
        """
        names = [answer.task for answer in self.answers]
        if task not in names:
            known = f"choose {', '.join(names)}" if names else "it has but one, the result itself"
            raise UsageError(f"the bundle has no task {task!r}: {known}")
        return self.answers[names.index(task)]

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The ``count`` most probable labels and their scores, best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.labels[index], float(self.probabilities[index])) for index in order]

    def to_dict(self, *, top: int = 1) -> dict[str, Any]:
        """Plain JSON values: the ``top`` best labels, times in milliseconds; probabilities are left out."""
        timings = {"decode": self.timings.decode_s, "resize": self.timings.resize_s}
        timings |= {"infer": self.timings.infer_s, "post": self.timings.post_s}
        told = {
            "label": self.label,
            "score": self.score,
            "unknown": self.unknown,
            "truncated": self.truncated,
            "top": [{"label": label, "score": score} for label, score in self.top(top)],
        }
        if self.answers:
            told["found"] = list(self.found)
            told["tasks"] = {answer.task: answer.to_dict(top=top) for answer in self.answers}
        return told | {"timings_ms": {stage: round(1000 * seconds, 3) for stage, seconds in timings.items()}}


@dataclass(frozen=True, eq=False)
class Reading:
    """What a row of probabilities says; see :class:`Result`."""

    label: str
    score: float
    unknown: bool
    answers: tuple[Answer, ...]
    found: tuple[str, ...]


def read(row: NDArray[np.float32], labels: Sequence[str], manifest: Manifest) -> Reading:
    """Post-processing: which labels hold.

    Args:
        row: float32 (classes,), the probabilities of one picture.
        labels: (classes,), the bundle's and those taught.
        manifest: of the bundle, with its tasks or its reject threshold.

    Raises:
        ModelError: a probability is no number.
    """
    if not manifest.tasks:
        label, score, unknown = interpret(row, labels, manifest.reject_threshold)
        return Reading(label, score, unknown, (), () if unknown else (label,))
    answers = tasks.read(row, manifest.tasks)
    found = tasks.names(answers, manifest.tasks)
    joined = ", ".join(answer.label for answer in answers)
    return Reading(joined, min(answer.score for answer in answers), not found, answers, found)


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
