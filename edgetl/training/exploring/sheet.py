"""The pictures that the page has room for, small, in one image, and where each lies on the map."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import ImageError
from edgetl.reports.mosaic import SIDE, Mosaic
from edgetl.runtime.engines import available_cores
from edgetl.training.arrays import Floats
from edgetl.training.exploring import layout
from edgetl.training.exploring.found import Exploration

MOST = 300
"""Of some 3 kB each: the page stays below 1.5 MB."""
_MOST_ODD = 24
_SQUARE = Contract(SIDE, SIDE)


def make(found: Exploration, points: Floats, seed: int) -> Mosaic:
    """The pictures of the page.

    Args:
        found: what the page is about.
        points: float32 (n, components), of its pictures.
        seed: of the map.
    """
    places = {picture.path: place for place, picture in enumerate(found.pictures)}
    wanted = _wanted(found, places, seed)
    decoded = _decoded([found.pictures[place].path for place in wanted])
    shown = [place for place, pixels in zip(wanted, decoded, strict=True) if pixels is not None]
    tiles = [pixels for pixels in decoded if pixels is not None]
    cells, grid = layout.cells(points[shown], seed)
    return Mosaic(
        numbers={found.pictures[place].path: number for number, place in enumerate(shown)},
        pixels=np.stack(tiles),
        cells=cells,
        grid=grid,
    )


def _wanted(found: Exploration, places: dict[Path, int], seed: int) -> list[int]:
    """What the page names, then typical pictures of each group in turn, then any others."""
    named = [*found.first, *found.odd[:_MOST_ODD]]
    wanted = dict.fromkeys(places[picture.path] for picture in named)
    longest = max(len(group.typical) for group in found.groups)
    for rank in range(longest):
        for group in found.groups:
            if rank < len(group.typical):
                wanted.setdefault(places[group.typical[rank]])
    others = np.random.default_rng(seed).permutation(len(found.pictures)).tolist()
    for place in others:
        wanted.setdefault(place)
    return list(wanted)[:MOST]


def _decoded(paths: Sequence[Path]) -> list[NDArray[np.uint8] | None]:
    def small(path: Path) -> NDArray[np.uint8] | None:
        try:
            return images.decode(path, _SQUARE)
        except ImageError:  # it was there when its features were computed, and may be gone by now
            return None

    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(small, paths))
