"""How one photo may lie in another: cut off at its sides, mirrored, turned.

A place is float32 (2, 3): it takes x, y of the first photo, each -1 to 1 from border to border, to x, y of
the second. The views of a photo need no pixels: a crop is a matrix on each side of the cosine transform, a
mirror the signs of the odd waves, a transposition swaps the axes.
"""

import itertools
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgetl.training.checking.duplicates.space import (
    WAVES,
    Floats,
    Space,
    cropped,
    normalised,
    unit,
)

_CUTS = (
    (0.0, 0.0),
    *((0.025, 0.0), (0.0, 0.025), (0.025, 0.025)),
    *((0.05, 0.0), (0.0, 0.05), (0.05, 0.05), (0.025, 0.05), (0.05, 0.025)),
    *((0.1, 0.0), (0.0, 0.1)),
)
"""Shares cut off at the beginning and the end of an axis."""
Turn: TypeAlias = tuple[bool, bool, bool]
TURNS: tuple[Turn, ...] = tuple(itertools.product((False, True), (False, True), (False, True)))
"""Transposed after: mirrored left to right, mirrored top to bottom."""
_BATCH = 32


def place(columns: tuple[float, float], rows: tuple[float, float], turn: Turn) -> Floats:
    """The place of a photo in a copy of it that was first cut off at its sides, then turned."""
    wide, high = 1 / (1 - sum(columns)), 1 / (1 - sum(rows))
    found = np.array(
        [[wide, 0, wide * (columns[1] - columns[0])], [0, high, high * (rows[1] - rows[0])]], np.float32
    )
    transposed, across, down = turn
    found[0] *= -1 if across else 1
    found[1] *= -1 if down else 1
    return found[::-1].copy() if transposed else found


def inverse(places: Floats) -> Floats:
    """The places of the second photos in the first: float32 (n, 2, 3)."""
    linear = np.linalg.inv(places[:, :, :2])
    return np.concatenate([linear, -linear @ places[:, :, 2:]], axis=2)


def turned(axes: Floats, turn: Turn) -> Floats:
    """The axes of the space, changed so that they see a photo as its turned one: same shape."""
    transposed, across, down = turn
    signs = np.where(np.arange(WAVES) % 2, -1, 1).astype(np.float32)
    grid = np.concatenate([np.zeros((1, axes.shape[1]), np.float32), axes]).reshape(WAVES, WAVES, -1)
    if transposed:
        grid = grid.swapaxes(0, 1)
    grid = grid * (signs[:, None] if across else np.float32(1))
    grid = grid * (signs[:, None, None] if down else np.float32(1))
    return np.asarray(grid.reshape(WAVES**2, -1)[1:])


def best(
    space: Space, thumbnails: NDArray[np.float16], plain: Floats, pairs: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """The best of all known places for each pair, looked for in both directions.

    Args:
        thumbnails: float16 (n, COARSE, COARSE), of the photos that ``pairs`` counts.
        plain: their directions, float32 (n, DIMENSIONS).
        pairs: int64 (m, 2).

    Returns:
        Cosines, float32 (m,), and places, float32 (m, 2, 3).
    """
    likeness = np.full(len(pairs), -1, np.float32)
    places = np.tile(place((0, 0), (0, 0), TURNS[0]), (len(pairs), 1, 1))
    known = np.stack([place(x, y, turn) for turn in TURNS for y in _CUTS for x in _CUTS])
    for first, second in ((0, 1), (1, 0)):
        order = np.argsort(pairs[:, first], kind="stable")
        owners = pairs[order, first]
        for photos, views in _views(space, thumbnails, np.unique(owners)):
            begin, end = np.searchsorted(owners, [photos[0], photos[-1] + 1])
            for row in order[begin:end]:
                seen = views[np.searchsorted(photos, pairs[row, first])] @ plain[pairs[row, second]]
                if seen.max() > likeness[row]:
                    likeness[row] = seen.max()
                    found = known[seen.argmax()][None]
                    places[row] = (found if first == 0 else inverse(found))[0]
    return likeness, places


def _views(
    space: Space, thumbnails: NDArray[np.float16], photos: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Some photos and their views, float32 (n, views, DIMENSIONS): turns first, then rows, then columns."""
    cuts = np.stack([cropped(*cut) for cut in _CUTS])
    axes = np.stack([turned(space.axes, turn) for turn in TURNS])
    centre = space.centre @ space.axes
    for start in range(0, len(photos), _BATCH):
        batch = photos[start : start + _BATCH]
        across = thumbnails[batch] @ cuts.reshape(-1, cuts.shape[2]).T
        both = cuts.reshape(-1, cuts.shape[2]) @ across
        grid = both.reshape(len(batch), len(_CUTS), WAVES, len(_CUTS), WAVES).swapaxes(2, 3)
        rows = normalised(grid).reshape(len(batch), 1, len(_CUTS) ** 2, -1)
        yield batch, unit(rows @ axes - centre).reshape(len(batch), -1, len(centre))
