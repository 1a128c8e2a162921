"""Which pairs of photos are worth a closer look: each photo's nearest, and no comparison of pixels."""

import numpy as np
from numpy.typing import NDArray

from edgetl.progress import Progress
from edgetl.training.checking.duplicates.places import TURNS, Turn, turned
from edgetl.training.checking.duplicates.space import Floats, Space, cosines, cropped, normalised, unit

NEAREST = 10
_CUT = 0.05
_CUTS = ((0, 0, 0, 0), (1, 1, 1, 1), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
"""Of which sides a twentieth is cut off: left, right, top, bottom."""
_UPRIGHT = TURNS[0], (False, True, False)
_LEAST = 0.5
"""Cosine below which no copy was ever seen; the second look, at many more views, asks for more."""
_BLOCK = 128
"""Photos compared with all others at a time: 100,000 others are 51 MB."""


def directions(space: Space, thumbnails: NDArray[np.float16]) -> Floats:
    """Photos as they are, float16 (n, COARSE, COARSE) -> float32 (n, DIMENSIONS)."""
    whole = cosines()
    blocks = (thumbnails[start : start + _BLOCK] for start in range(0, len(thumbnails), _BLOCK))
    return np.concatenate([space.directions(normalised(whole @ block @ whole.T)) for block in blocks])


def near(
    space: Space, thumbnails: NDArray[np.float16], plain: Floats, progress: Progress
) -> NDArray[np.int64]:
    """Pairs of photos of which one, cropped or turned, is among the other's nearest.

    Args:
        thumbnails: float16 (n, COARSE, COARSE).
        plain: :func:`directions` of them.

    Returns:
        int64 (m, 2), the smaller number first, sorted.
    """
    found = []
    with progress.step("near duplicates: candidates", total=len(plain)) as advance:
        for start in range(0, len(plain), _BLOCK):
            block = thumbnails[start : start + _BLOCK].astype(np.float32)
            likeness = np.full((len(block), len(plain)), -1, np.float32)
            for rows in _views(space, block):
                np.maximum(likeness, rows @ plain.T, out=likeness)
            found.append(_nearest(likeness, start, NEAREST, _LEAST))
            advance(len(block))
    return _unique(found)


def near_in_features(features: Floats, count: int = 5) -> NDArray[np.int64]:
    """Pairs of photos whose features are nearest: the backbone knows a crop, a turn of the camera and a flip.

    Args:
        features: float32 (n, features).
        count: neighbours of each photo.

    Returns:
        int64 (m, 2), the smaller number first, sorted.
    """
    rows = unit(np.sqrt(np.abs(features)) * np.sign(features))
    return _unique(
        [
            _nearest(rows[start : start + _BLOCK] @ rows.T, start, count, _LEAST)
            for start in range(0, len(rows), _BLOCK)
        ]
    )


def _views(space: Space, thumbnails: Floats) -> list[Floats]:
    whole, cut = cosines(), _CUT
    views = []
    for left, right, top, bottom in _CUTS:
        rows, columns = cropped(cut * top, cut * bottom), cropped(cut * left, cut * right)
        seen = normalised(rows @ thumbnails @ columns.T)
        views += [_seen(space, seen, turn) for turn in _UPRIGHT]
    seen = normalised(whole @ thumbnails @ whole.T)
    return views + [_seen(space, seen, turn) for turn in TURNS if turn not in _UPRIGHT]


def _seen(space: Space, rows: Floats, turn: Turn) -> Floats:
    return unit(rows @ turned(space.axes, turn) - space.centre @ space.axes)


def _nearest(likeness: Floats, start: int, count: int, least: float) -> NDArray[np.int64]:
    """The pairs of a block of rows with their largest columns, itself left out."""
    rows = np.arange(len(likeness))
    likeness[rows, start + rows] = -1
    count = min(count, likeness.shape[1] - 1)  # 1 or more: find() compares two photos at least
    columns = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    kept = np.take_along_axis(likeness, columns, axis=1) > least
    pairs = np.stack([np.repeat(start + rows, count).reshape(columns.shape)[kept], columns[kept]], axis=1)
    return np.sort(pairs, axis=1)


def _unique(found: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.unique(np.concatenate([*found, np.zeros((0, 2), np.int64)]), axis=0)
