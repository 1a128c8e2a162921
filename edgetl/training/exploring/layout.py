"""Where pictures lie on the map: alike ones near each other, none on top of another."""

import math

import numpy as np

from edgetl import extras
from edgetl.training.arrays import Floats, Labels
from edgetl.training.threads import threads_for

_ROOM = 2.2
"""Cells for each picture: the empty ones show which pictures lie together."""
_WIDE = 1.5
"""Columns for each row."""
_FEWEST = 5


def cells(points: Floats, seed: int) -> tuple[Labels, tuple[int, int]]:
    """A cell for each picture of a map.

    t-SNE (van der Maaten & Hinton, JMLR 2008) says which lie together, and each then gets the cell that
    makes all of them move least.

    Args:
        points: float32 (n, components), n of 1 or more, some hundreds at most.
        seed: of t-SNE.

    Returns:
        int64 (n, 2), row and column; and how many rows and columns there are.
    """
    columns = max(2, math.ceil(math.sqrt(_ROOM * len(points) * _WIDE)))
    rows = max(2, math.ceil(_ROOM * len(points) / columns))
    optimize = extras.load("scipy.optimize", extra="train", purpose="drawing a map")
    flat = _flat(points, seed)
    low, high = flat.min(axis=0), flat.max(axis=0)
    flat = (flat - low) / np.maximum(high - low, 1e-9) * [columns - 1, rows - 1]
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=2).reshape(-1, 2)
    away = ((flat[:, None, :] - grid[None]) ** 2).sum(axis=2)
    _, chosen = optimize.linear_sum_assignment(away)
    return grid[chosen][:, ::-1], (rows, columns)


def _flat(points: Floats, seed: int) -> Floats:
    if len(points) < _FEWEST:
        return np.pad(points, ((0, 0), (0, 2)))[:, :2]
    manifold = extras.load("sklearn.manifold", extra="train", purpose="drawing a map")
    model = manifold.TSNE(
        2,
        perplexity=min(30.0, (len(points) - 1) / 3),
        init="random" if points.shape[1] < 2 else "pca",
        max_iter=500,
        random_state=seed,
        n_jobs=1,
    )
    # With two threads and other work on the machine, a second of work took ten.
    with threads_for(1):
        return np.asarray(model.fit_transform(points), np.float32)
