"""The pictures that a person should look at: surely wrong ones, and those the model can hardly decide on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.training.dataset import Photo

_OF_EACH = 16
_UNSURE = 0.9
"""A right answer with a higher score is nothing to look at."""


@dataclass(frozen=True)
class Hard:
    """One picture of the scored split."""

    path: str
    """Below the root of the dataset where it lies there, else the whole path."""
    label: str
    """What the dataset calls it."""
    answer: str
    """What the model calls it."""
    score: float
    """How sure it is of that, 0 to 1."""
    wrong: bool


def of(
    photos: Sequence[Photo], probabilities: NDArray[np.float32], labels: tuple[str, ...], root: Path
) -> tuple[Hard, ...]:
    """Wrong answers, the surest first; then right ones of a score below 0.9, the least sure first; 16 each.

    Args:
        photos: of the scored split.
        probabilities: float32 (n, classes), a row for each.
        labels: class names.
        root: of the dataset.
    """
    truth = np.array([photo.label for photo in photos])
    answers, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = answers != truth
    surest = [place for place in np.argsort(-scores, kind="stable") if wrong[place]]
    unsure = [
        place for place in np.argsort(scores, kind="stable") if not wrong[place] and scores[place] < _UNSURE
    ]

    def hard(place: int) -> Hard:
        path = photos[place].path
        return Hard(
            path=(path.relative_to(root) if path.is_relative_to(root) else path).as_posix(),
            label=labels[truth[place]],
            answer=labels[answers[place]],
            score=float(scores[place]),
            wrong=bool(wrong[place]),
        )

    return tuple(hard(int(place)) for place in surest[:_OF_EACH] + unsure[:_OF_EACH])
