"""Does a variant still answer like the trained model? Scored on pictures it has never seen."""

import numpy as np
from numpy.typing import NDArray

from edgetl.intervals import paired_difference, wilson
from edgetl.manifest import Interval, Score
from edgetl.progress import Progress
from edgetl.runtime.base import AbstractEngine

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
