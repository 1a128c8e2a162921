"""Pictures of the self-test that take no room in a bundle: two golden ones laid over each other.

Most golden pictures are answered with a probability near 0 or 1, which little can move. Between two classes
stand mixtures, of which the bundle records how to mix them and what each variant answered.
"""

import numpy as np
from numpy.typing import NDArray

from edgetl.runtime.base import Images

Recipes = NDArray[np.uint8]
"""(n, 4): the place of a golden picture, that of another, whether the other is mirrored, and how many parts
of eight the first is given."""

MOST = 64
"""In a bundle: more would take long on a small board."""
_PARTS = 8
NONE: Recipes = np.empty((0, 4), np.uint8)


def candidates(count: int) -> Recipes:
    """Every mixture worth trying of so many golden pictures."""
    found = [
        (first, second, mirrored, parts)
        for first in range(count)
        for second in range(first, count)
        for mirrored in ((0, 1) if first != second else (1,))
        for parts in (3, 4, 5)
    ]
    return np.array(found, np.uint8).reshape(-1, 4)


def mix(pixels: Images, recipes: Recipes) -> Images:
    """The mixtures, in integers and so the same on every machine: uint8 (n, height, width, 3).

    Args:
        pixels: of the golden pictures, uint8 (count, height, width, 3).
        recipes: whose places are below ``count``.
    """
    mixed = np.empty((len(recipes), *pixels.shape[1:]), np.uint8)
    for place, (first, second, mirrored, parts) in enumerate(recipes.tolist()):
        other = pixels[second, :, ::-1] if mirrored else pixels[second]
        total = pixels[first].astype(np.uint16) * parts + other.astype(np.uint16) * (_PARTS - parts)
        mixed[place] = (total + _PARTS // 2) // _PARTS
    return mixed


def sensitive(outputs: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Places of the answers, float32 (n, classes), that the least change moves most; at most ``count``.

    The slope of softmax and of sigmoid is p (1 - p).
    """
    slopes = (outputs.astype(np.float64) * (1.0 - outputs)).mean(axis=1)
    return np.argsort(-slopes, kind="stable")[:count]


def check(recipes: NDArray[np.generic], count: int) -> str | None:
    """Why an array that was read is no list of recipes for so many golden pictures; None when it is one."""
    if recipes.dtype != np.uint8 or recipes.ndim != 2 or recipes.shape[1] != 4 or len(recipes) > MOST:
        return f"{recipes.dtype} {recipes.shape}, where at most {MOST} rows of 4 uint8 are due"
    if (recipes >= np.array([count, count, 2, _PARTS + 1])).any():
        return f"names of pictures that are not among the {count} golden ones, or parts that are none"
    return None
