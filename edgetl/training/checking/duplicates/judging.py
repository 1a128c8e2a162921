"""Whether two photos that lie on each other show the same: fine structure compared tile by tile.

Solar cells, product shots and frames of one camera share their large lines; what they do not share
is grain, dust and texture, everywhere. A correlation over the whole picture is won by a few strong lines. So
each tile counts alike, and what decides is how well the fifth of them that agrees least still agrees.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from edgetl.progress import Progress
from edgetl.runtime.engines import available_cores
from edgetl.training.checking.duplicates.alignment import align, blurred, local_contrast, moved
from edgetl.training.checking.duplicates.space import Floats
from edgetl.training.checking.duplicates.thumbnails import halved

TILES = 16
"""Along each side: small enough that the lines of a common frame fill the fewer of them."""
_LEAST_AGREEING = 0.2
_FINE = 0.7
"""Structure between this and twice this standard deviation of a blur is compared, pixels of a thumbnail."""
_CONTRAST_SIGMA, _CONTRAST_FLOOR = 4.0, 4.0
_STEPS = 4, 3
"""Of the alignment of the coarse pictures, and then of the thumbnails."""
_HOPELESS = 0.3
"""Agreement of the coarse pictures under which their thumbnails are not looked at: of the planted and the
published pairs that reach 0.35 in the end, none had less than 0.35 here, and 99 of 100 had more than 0.6."""
_BATCH = 64


def judge(
    thumbnails: NDArray[np.uint8], pairs: NDArray[np.int64], places: Floats, progress: Progress
) -> tuple[Floats, Floats]:
    """Align and compare pairs, on all cores.

    Args:
        thumbnails: uint8 (n, SIDE, SIDE).
        pairs: int64 (m, 2).
        places: where to begin, float32 (m, 2, 3).

    Returns:
        Agreement, float32 (m,), 1 at most, and the places found, float32 (m, 2, 3).
    """
    scores, found = np.zeros(len(pairs), np.float32), places.copy()

    def work(start: int) -> int:
        rows = np.arange(start, min(start + _BATCH, len(pairs)))
        scores[rows], found[rows] = _judge(thumbnails, pairs[rows], places[rows])
        return len(rows)

    with (
        progress.step("near duplicates: comparison", total=len(pairs)) as advance,
        ThreadPoolExecutor(available_cores()) as pool,
    ):
        for count in pool.map(work, range(0, len(pairs), _BATCH)):
            advance(count)
    return scores, found


def _judge(thumbnails: NDArray[np.uint8], pairs: NDArray[np.int64], places: Floats) -> tuple[Floats, Floats]:
    first, second = thumbnails[pairs[:, 0]], thumbnails[pairs[:, 1]]
    small, other = halved(first), halved(second)
    places, _ = align(_contrast(small), _contrast(other), places, _STEPS[0])
    scores = agreement(small, other, places)
    rest = np.flatnonzero(scores > _HOPELESS)
    if len(rest):
        large, beside = first[rest].astype(np.float32), second[rest].astype(np.float32)
        places[rest], _ = align(_contrast(large), _contrast(beside), places[rest], _STEPS[1])
        scores[rest] = agreement(large, beside, places[rest])
    scores[np.setdiff1d(np.arange(len(pairs)), rest)] = 0
    return scores, places


def agreement(first: Floats, second: Floats, places: Floats) -> Floats:
    """Correlation of fine structure in the tile at the lower fifth, float32 (n,); 0 where little overlaps.

    Args:
        first, second: float32 (n, s, s).
        places: float32 (n, 2, 3).
    """
    one, two = (blurred(photos, _FINE) - blurred(photos, 2 * _FINE) for photos in (first, second))
    seen, inside = moved(two, places)
    a, b, reached = (_tiles(values, len(first)) for values in (one, seen, inside.astype(np.float32)))
    count = reached.sum(axis=2)
    a, b = (
        (part - ((part * reached).sum(axis=2) / np.maximum(count, 1))[:, :, None]) * reached
        for part in (a, b)
    )
    length = np.sqrt((a * a).sum(axis=2) * (b * b).sum(axis=2))
    tiles = (a * b).sum(axis=2) / np.maximum(length, 1e-9)
    # Without any structure in either, or outside the other photo, a tile says nothing.
    tiles[(length < 1e-6) | (count < reached.shape[2] / 2)] = np.nan
    few = np.isfinite(tiles).sum(axis=1) < TILES**2 / 4
    tiles[few] = 0
    return np.asarray(np.nanquantile(tiles, _LEAST_AGREEING, axis=1), np.float32)


def _contrast(photos: Floats) -> Floats:
    return local_contrast(photos, _CONTRAST_SIGMA, _CONTRAST_FLOOR)


def _tiles(values: Floats, count: int) -> Floats:
    side = round((values.size / count) ** 0.5)
    grid = values.reshape(count, TILES, side // TILES, TILES, side // TILES)
    return grid.swapaxes(2, 3).reshape(count, TILES**2, -1)
