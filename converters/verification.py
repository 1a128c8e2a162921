"""Does a variant still answer like the trained model? Scored on pictures it has never seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.intervals import paired_difference, wilson
from edgetl.manifest import Interval, Score, TaskScore
from edgetl.progress import Progress
from edgetl.runtime.answers import said, shared
from edgetl.runtime.base import AbstractEngine
from edgetl.tasks import Task
from edgetl.training.kinds import Truth
from edgetl.training.scoring import bootstrap
from edgetl.training.scoring.several import f1_parts

Floats = NDArray[np.float32]


def answers(engine: AbstractEngine, pixels: NDArray[np.uint8], what: str, progress: Progress) -> Floats:
    """Probabilities of every picture: uint8 (n, h, w, 3) -> float32 (n, classes)."""
    rows = []
    with progress.step(f"score {what}", total=len(pixels)) as advance:
        for start in range(0, len(pixels), 16):
            batch = np.ascontiguousarray(pixels[start : start + 16])
            rows.append(engine.run(batch)[0])
            advance(len(batch))
    return np.concatenate(rows)


def score_tasks(
    reference: Floats, probabilities: Floats, truth: Truth, tasks: Sequence[Task], *, split: str
) -> Score:
    """:func:`score` of several tasks, or of several labels: of all together, and of each task.

    Args:
        reference: float32 (n, outputs) of the Keras model.
        probabilities: float32 (n, outputs) of the variant.
        truth: what is said of the pictures.
        tasks: that cover the outputs.
        split: where the pictures come from.
    """
    expected, found = said(reference, tasks), said(probabilities, tasks)

    def figures(known: NDArray[np.bool_], places: slice) -> dict[str, Any]:
        """Of the outputs in some places, where they are known; bool (n, outputs)."""
        was, now, right = (table[:, places] & known[:, places] for table in (expected, found, truth.holds))
        tops, bottoms = (
            np.stack(sides, axis=1)
            for sides in zip(
                *([part.sum(axis=1) for part in f1_parts(table, right)] for table in (was, now)), strict=True
            )
        )
        lost = bootstrap.of_ratios(tops, bottoms, lambda f1: _whole(f1[:, 0]) - _whole(f1[:, 1]))
        return {
            "images": int(known[:, places].any(axis=1).sum()),
            "accuracy": bootstrap.of_ratios(tops[:, 1:], bottoms[:, 1:], lambda f1: _whole(f1[:, 0])),
            "drop": Interval(100 * lost.value, 100 * lost.low, 100 * lost.high),
            # Answers are compared on every picture, whatever is known of it.
            "agreement": shared(expected[:, places], found[:, places]),
        }

    known = truth.known_outputs(tasks)
    each = tuple(TaskScore(task.name, **figures(known, task.places)) for task in tasks)
    return Score(
        split=split,
        **{**figures(known, slice(None)), "images": len(probabilities)},
        largest_difference=float(np.abs(reference - probabilities).max()),
        tasks=each if len(tasks) > 1 else (),
    )


def _whole(f1: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 where nothing is there and nothing is said is that of right answers."""
    return np.nan_to_num(f1, nan=1.0)


def score(reference: Floats, probabilities: Floats, truth: NDArray[np.int64], *, split: str) -> Score:
    """Compare a variant's answers with the float Keras model's on the same pictures.

    Args:
        reference: float32 (n, classes) of the Keras model.
        probabilities: float32 (n, classes) of the variant.
        truth: int64 (n,), the right classes.
        split: where the pictures come from.
    """
    expected, found = reference.argmax(axis=1), probabilities.argmax(axis=1)
    was_right, is_right = expected == truth, found == truth
    count = len(truth)
    lost = paired_difference(int((was_right & ~is_right).sum()), int((~was_right & is_right).sum()), count)
    return Score(
        split=split,
        images=count,
        accuracy=wilson(int(is_right.sum()), count),
        drop=Interval(100 * lost.value, 100 * lost.low, 100 * lost.high),
        agreement=float((expected == found).mean()),
        largest_difference=float(np.abs(reference - probabilities).max()),
    )
