"""From which probability on a label of several is said to hold, chosen on photos that were held out."""

import numpy as np
from numpy.typing import NDArray

from edgetl.training.arrays import Floats

_FEW = 10
"""Photos with a label under which its best threshold is mostly luck: such labels share one."""


def choose(
    probabilities: Floats, yes: NDArray[np.bool_], precision: float | None = None
) -> tuple[float, ...]:
    """A threshold for each label.

    Args:
        probabilities: float32 (n, labels), of photos the head was not solved on.
        yes: bool (n, labels), which labels they have.
        precision: of the photos that are said to have a label, the share that should; None: what makes F1
            best.
    """
    together = _best(probabilities.ravel(), yes.ravel(), precision)
    return tuple(
        _best(scores, holds, precision) if min(holds.sum(), (~holds).sum()) >= _FEW else together
        for scores, holds in zip(probabilities.T, yes.T, strict=True)
    )


def _best(scores: NDArray[np.float32], yes: NDArray[np.bool_], precision: float | None) -> float:
    """The threshold half-way between two scores that parts the photos best; (n,) each."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order].astype(np.float64)
    # Photos of one score are told apart by no threshold.
    ends = np.flatnonzero(np.append(np.diff(falling) != 0, True))
    found, taken = np.cumsum(yes[order])[ends], ends + 1
    edges = np.append(falling[ends], 0.0)
    if precision is None:
        place = int(np.argmax(2 * found / (taken + max(1, yes.sum()))))
    else:
        good = np.flatnonzero(found / taken >= precision)
        if len(good) == 0:
            return (1.0 + float(edges[0])) / 2  # nothing is sure enough
        place = int(good[-1])
    return float(edges[place] + edges[place + 1]) / 2
