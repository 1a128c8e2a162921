"""What is said of a photo where there are several tasks, or a task of several labels."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.tasks import SIGMOID, SOFTMAX, Task
from edgetl.training.columns import Labels, text_of
from edgetl.training.listing import Listing
from edgetl.training.photo import Photo

Kind = tuple[tuple[int, ...] | None, ...]
"""For each task the labels of a photo, as indices into ``Task.labels``; None: nothing is said of it."""


@dataclass(frozen=True)
class Truth:
    """What is said of some photos."""

    holds: NDArray[np.bool_]
    """bool (n, outputs): which labels they have."""
    known: NDArray[np.bool_]
    """bool (n, tasks): of which tasks anything is said."""

    def of(self, tasks: Sequence[Task], number: int) -> NDArray[np.int64]:
        """The answers to one task, of the photos of which it is known.

        Returns:
            int64 (m,), indices of labels, of a softmax; int64 (m, labels), 0 and 1, of a sigmoid.
        """
        task = tasks[number]
        part = self.holds[self.known[:, number], task.places]
        return part.astype(np.int64) if task.several else part.argmax(axis=1)

    def known_outputs(self, tasks: Sequence[Task]) -> NDArray[np.bool_]:
        """bool (n, outputs): of which outputs anything is said."""
        return np.repeat(self.known, [len(task.labels) for task in tasks], axis=1)


def tasks_of(listing: Listing) -> tuple[Task, ...]:
    """The tasks that the columns of a CSV file ask; none where each photo has one label.

    Thresholds are those that nothing has chosen yet: a half.
    """
    tasks: list[Task] = []
    for number, column in enumerate(listing.columns):
        labels = listing.of_column(number).labels
        activation, limits = (SIGMOID, (0.5,) * len(labels)) if column.several else (SOFTMAX, ())
        start = tasks[-1].places.stop if tasks else 0
        tasks.append(Task(column.name, activation, labels, start, None, limits))
    return tuple(tasks)


def kind_of(answers: Sequence[Labels], tasks: Sequence[Task]) -> Kind:
    """What the columns of a CSV file say, in numbers."""
    return tuple(
        None if answer is None else tuple(task.labels.index(label) for label in answer)
        for answer, task in zip(answers, tasks, strict=True)
    )


def answers_of(kind: Kind, tasks: Sequence[Task]) -> tuple[Labels, ...]:
    """The inverse of :func:`kind_of`."""
    return tuple(
        None if found is None else tuple(task.labels[number] for number in found)
        for found, task in zip(kind, tasks, strict=True)
    )


def name_of(kind: Kind, tasks: Sequence[Task]) -> str:
    """All that is said, in words."""
    return text_of([task.name for task in tasks], answers_of(kind, tasks))


def outputs_of(kind: Kind, tasks: Sequence[Task]) -> list[int]:
    """The outputs that hold, over all tasks."""
    return [task.start + n for task, found in zip(tasks, kind, strict=True) for n in found or ()]


def truth(photos: Sequence[Photo], kinds: Sequence[Kind], tasks: Sequence[Task]) -> Truth:
    """What is said of photos whose ``label`` is an index into ``kinds``."""
    width = sum(len(task.labels) for task in tasks)
    holds = np.zeros((len(kinds), width), np.bool_)
    known = np.zeros((len(kinds), len(tasks)), np.bool_)
    for row, kind in enumerate(kinds):
        holds[row, outputs_of(kind, tasks)] = True
        known[row] = [found is not None for found in kind]
    chosen = np.fromiter((photo.label for photo in photos), np.int64, len(photos))
    return Truth(holds[chosen], known[chosen])


def rarest(photos: Iterable[Photo], kinds: Sequence[Kind], tasks: Sequence[Task]) -> list[int]:
    """For each kind, its label with the fewest different photos; -1 where it has none.

    Photos are split by it, so that rare labels are in every part (Sechidis, Tsoumakas and Vlahavas, *On the
    stratification of multi-label data*, ECML 2011, hand out the rarest first too).
    """
    different = {(photo.sha256, photo.label) for photo in photos}
    counts: Counter[int] = Counter()
    for _, label in different:
        counts.update(outputs_of(kinds[label], tasks))
    return [
        min(outputs_of(kind, tasks), key=lambda output: (counts[output], output), default=-1)
        for kind in kinds
    ]
