"""How near the nearest pictures are: which picture is odd, and which is typical."""

import numpy as np
from numpy.typing import NDArray

from edgetl.training.arrays import Doubles, Floats
from edgetl.training.checking import robust
from edgetl.training.threads import threads_for

_NEAREST = 5
_COMPARED = 20_000
"""Of more pictures, each is compared with so many: memory and time grow no faster than their number."""
_BLOCK = 512
_LEAST_SPREAD = 0.05
"""Of the logarithm of distances: pictures that are all about as far from each other have no odd ones."""
_FEWEST = 20
"""Pictures under which none is called odd."""


def nearness(points: Floats, seed: int) -> Doubles:
    """Mean distance of each picture from its nearest five, float64 (n,).

    Args:
        points: float32 (n, components), of different pictures, n of 2 or more.
        seed: for which they are compared with, where there are very many.
    """
    compared = np.sort(np.random.default_rng(seed).permutation(len(points))[:_COMPARED])
    others = points[compared]
    squares = (others**2).sum(axis=1)
    count = min(_NEAREST, len(others) - 1)
    found = np.empty(len(points))
    with threads_for(_BLOCK * others.size):
        for start in range(0, len(points), _BLOCK):
            block = points[start : start + _BLOCK]
            away = squares - 2 * block @ others.T + (block**2).sum(axis=1, keepdims=True)
            # A picture is its own nearest, where it is among those compared with.
            own = np.searchsorted(compared, np.arange(start, start + len(block)))
            inside = (own < len(compared)) & (
                compared[np.minimum(own, len(compared) - 1)] == np.arange(start, start + len(block))
            )
            away[np.flatnonzero(inside), own[inside]] = np.inf
            near = np.partition(away, count - 1, axis=1)[:, :count]
            found[start : start + len(block)] = np.sqrt(np.maximum(near, 0)).mean(axis=1)
    return found


def odd(distances: Doubles) -> NDArray[np.int64]:
    """The pictures that no other is like, the oddest first.

    Args:
        distances: from :func:`nearness`.
    """
    if len(distances) < _FEWEST:
        return np.empty(0, np.int64)
    logarithms = np.log(np.maximum(distances, 1e-9))
    scores = robust.deviations(logarithms, _LEAST_SPREAD)
    found = np.flatnonzero(scores > robust.OUTLYING)
    return found[np.argsort(-scores[found], kind="stable")]
