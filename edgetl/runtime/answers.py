"""How probabilities are read where a model has several tasks, or a task of several labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.tasks import Task, name_of_output


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of one picture to one task."""

    task: str
    """Its name."""
    found: tuple[str, ...]
    """The labels that hold, the surest first: one at most of a softmax; none where it is unknown."""
    label: str
    """The most probable label, also where it is not found."""
    score: float
    """Its probability, 0 to 1."""
    probabilities: NDArray[np.float32]
    """float32 (labels,); of a softmax they sum to 1."""
    labels: tuple[str, ...]
    """In the same order."""

    @property
    def unknown(self) -> bool:
        """Whether no label holds: a softmax under its reject threshold, or none of several labels."""
        return not self.found

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The ``count`` most probable labels and their scores, best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.labels[index], float(self.probabilities[index])) for index in order]

    def to_dict(self, *, top: int = 1) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "label": self.label,
            "score": self.score,
            "unknown": self.unknown,
            "found": list(self.found),
            "top": [{"label": label, "score": score} for label, score in self.top(top)],
        }


def said(probabilities: NDArray[np.float32], tasks: Sequence[Task]) -> NDArray[np.bool_]:
    """Which labels a model says hold: the most probable one of a softmax, of others all at their threshold.

    A reject threshold is not heeded: this is what answers are counted and compared by.

    Args:
        probabilities: float32 (n, outputs).
        tasks: that cover the outputs; none: one softmax over all.

    Returns:
        bool (n, outputs).
    """
    answers = np.zeros(probabilities.shape, np.bool_)
    rows = np.arange(len(probabilities))
    for places, thresholds in [(task.places, task.thresholds) for task in tasks] or [(slice(None), ())]:
        part = probabilities[:, places]
        if thresholds:
            answers[:, places] = part >= np.asarray(thresholds, np.float32)
        else:
            answers[:, places][rows, part.argmax(axis=1)] = True
    return answers


def shared(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """How alike two tables of labels are, 0 to 1: F1 over all labels together.

    Where each picture has one label in both, that is the share of pictures on which they agree. Two tables
    without any label are the same.

    Args:
        one: bool (n, outputs), as :func:`said` gives them.
        other: likewise.
    """
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def read(row: NDArray[np.float32], tasks: Sequence[Task]) -> tuple[Answer, ...]:
    """The answer to each task.

    Args:
        row: float32 (outputs,), the probabilities of one picture.
        tasks: one or more, that cover them.

    Raises:
        ModelError: a probability is no number.
    """
    if math.isnan(row.sum()):
        raise ModelError("the model answers with what is no number: take another of its variants or engines")
    holds = said(row[np.newaxis], tasks)[0]
    answers = []
    for task in tasks:
        part = row[task.places]
        order = np.argsort(-part, kind="stable")
        best = int(order[0])
        kept = [task.labels[place] for place in order if holds[task.places][place]]
        if task.reject_threshold is not None and part[best] < task.reject_threshold:
            kept = []
        answers.append(
            Answer(task.name, tuple(kept), task.labels[best], float(part[best]), part, task.labels)
        )
    return tuple(answers)


def names(answers: Sequence[Answer], tasks: Sequence[Task]) -> tuple[str, ...]:
    """All labels that hold, with the task in front where there are several."""
    return tuple(
        name_of_output(tasks, task, label)
        for task, answer in zip(tasks, answers, strict=True)
        for label in answer.found
    )
