"""A label for each picture: what a model says, or which group it is in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.training.arrays import Floats, Labels
from edgetl.training.exploring.grouping import Groups

_MOSTLY = 0.5
"""Share of a group's pictures that are unknown above which it is a new kind."""


@dataclass(frozen=True)
class Suggested:
    """What each picture may be called."""

    labels: tuple[str, ...]
    """Of each picture."""
    scores: NDArray[np.floating] | None
    """(n,), the model's probability of that label, 0 to 1; None without a model."""
    unsure: NDArray[np.floating] | None
    """(n,), how little the model tells its two best answers apart, 0 to 1; None without a model."""
    names: tuple[str, ...]
    """What each group is called: the label that most of it has."""
    new: tuple[bool, ...]
    """Of each group, whether it shows what the model does not know."""


def by_group(groups: Groups) -> Suggested:
    """Names that say no more than the number of the group, from 1."""
    names = tuple(f"group-{group + 1:02d}" for group in range(groups.count))
    labels = tuple(names[group] for group in groups.of)
    return Suggested(labels, None, None, names, (False,) * groups.count)


def by_model(
    groups: Groups, answers: Floats, known: tuple[str, ...], unknown: NDArray[np.bool_]
) -> Suggested:
    """What a model says, and what the other pictures of the group say where it does not know.

    Args:
        groups: of the pictures.
        answers: float32 (n, classes), probabilities.
        known: names of the classes.
        unknown: bool (n,), pictures that the model may not know.
    """
    best = answers.argmax(axis=1)
    scores = answers.max(axis=1)
    two = np.partition(answers, -2, axis=1)[:, -2:]
    labels = np.array(known, object)[best]
    shown: Floats = scores.copy()
    names, new = [], []
    for group in range(groups.count):
        inside = groups.of == group
        strange = inside & unknown
        is_new = bool(strange.sum() > _MOSTLY * inside.sum())
        new.append(is_new)
        if is_new:
            name = _unused(f"new-{group + 1:02d}", known)
            shown[strange] = 0.0
        else:
            usual = int(answers[inside].sum(axis=0).argmax())
            name = known[usual]
            shown[strange] = answers[strange, usual]
        labels[strange] = name
        names.append(name)
    return Suggested(tuple(labels), shown, 1 - (two[:, 1] - two[:, 0]), tuple(names), tuple(new))


def _unused(name: str, known: tuple[str, ...]) -> str:
    taken = {label.casefold() for label in known}
    while name in taken:
        name += "-b"
    return name


def counts(groups: Groups, labels: tuple[str, ...]) -> list[dict[str, int]]:
    """How many pictures of each group have each label, the most frequent first."""
    told = []
    everything: NDArray[np.object_] = np.array(labels, object)
    for group in range(groups.count):
        names, numbers = np.unique(everything[groups.of == group].astype(str), return_counts=True)
        order: Labels = np.argsort(-numbers, kind="stable")
        told.append({str(names[place]): int(numbers[place]) for place in order})
    return told
