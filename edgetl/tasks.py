"""The questions a model answers about a picture, each a task with labels of its own. Standard library only.

A model has one output. Its last axis is cut into the tasks, one behind the other; of a ``softmax`` task
exactly one label holds, of a ``sigmoid`` task any number of them, or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from edgetl.errors import BundleError

SOFTMAX, SIGMOID = "softmax", "sigmoid"


@dataclass(frozen=True)
class Task:
    """One question, and where its answer stands among a model's outputs."""

    name: str
    """Of the column that labels it: ``colour``."""
    activation: str
    """``softmax``: exactly one label holds. ``sigmoid``: any number of them, or none."""
    labels: tuple[str, ...]
    """In the order of its outputs."""
    start: int
    """Its first output."""
    reject_threshold: float | None = None
    """Of a softmax: scores below it are unknown, 0 to 1; None when it was not calibrated."""
    thresholds: tuple[float, ...] = ()
    """Of a sigmoid: the probability from which on each label is said to hold, 0 to 1."""

    def __post_init__(self) -> None:
        limits = [*self.thresholds, *([] if self.reject_threshold is None else [self.reject_threshold])]
        several = self.activation == SIGMOID
        rules = (
            (
                bool(self.name.strip()) and self.name.isprintable() and "=" not in self.name,
                "a name without =",
            ),
            (self.activation in (SOFTMAX, SIGMOID), f"the activation {SOFTMAX} or {SIGMOID}"),
            (len(self.labels) >= (1 if several else 2), "two labels or more, or one of a sigmoid"),
            (len(set(self.labels)) == len(self.labels), "labels that are all different"),
            (self.start >= 0, "its first output at 0 or behind"),
            (len(self.thresholds) == (len(self.labels) if several else 0), "a threshold for each sigmoid"),
            (not several or self.reject_threshold is None, "a reject threshold of a softmax only"),
            (all(0 <= limit <= 1 for limit in limits), "thresholds of 0 to 1"),
        )
        for holds, rule in rules:
            if not holds:
                raise BundleError(f"the task {self.name!r} breaks a rule: a task has {rule}")

    @property
    def places(self) -> slice:
        """Its outputs."""
        return slice(self.start, self.start + len(self.labels))

    @property
    def several(self) -> bool:
        """Whether any number of its labels may hold."""
        return self.activation == SIGMOID


def from_list(values: Any) -> tuple[Task, ...]:
    """Tasks that were written as plain JSON values.

    Raises:
        BundleError: a task breaks a rule.
        TypeError: they are no tasks.
    """
    return tuple(
        Task(**{**value, "labels": tuple(value["labels"]), "thresholds": tuple(value["thresholds"])})
        for value in values
    )


def names_of_outputs(tasks: Sequence[Task]) -> tuple[str, ...]:
    """A name for each output of a model: its label, with the task in front where there are several."""
    return tuple(name_of_output(tasks, task, label) for task in tasks for label in task.labels)


def name_of_output(tasks: Sequence[Task], task: Task, label: str) -> str:
    """``mono``, or ``crystal=mono`` where the model has several tasks."""
    return label if len(tasks) == 1 else f"{task.name}={label}"


def check(tasks: Sequence[Task], outputs: Sequence[str]) -> None:
    """Refuse tasks that do not cut the outputs of a model into parts.

    Args:
        tasks: of the model; none is fine.
        outputs: the labels of its contract.

    Raises:
        BundleError: two tasks share a name, or they do not cover the outputs one behind the other.
    """
    if not tasks:
        return
    if len({task.name for task in tasks}) != len(tasks):
        raise BundleError(f"two tasks share a name: {', '.join(task.name for task in tasks)}")
    ends = accumulate(len(task.labels) for task in tasks)
    starts = [0, *ends][: len(tasks)]
    if [task.start for task in tasks] != starts or names_of_outputs(tasks) != tuple(outputs):
        raise BundleError("the tasks do not cover the outputs of the model, one behind the other")
