"""Laying one photo exactly on another: Gauss-Newton on an affine map, many pairs at a time.

The efficient second-order form (Benhimane and Malis, IROS 2004): the mean of both photos' gradients, which
converges from farther away; brightness and contrast are taken out in every step.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.training.checking.duplicates.space import Floats

_DAMPING = 1e-3
_LONGEST = 0.1
"""The most that a step may move, in half pictures."""
_TINY = 1e-6


def local_contrast(photos: Floats, sigma: float, floor: float) -> Floats:
    """Fine structure, equally strong everywhere: float32 (n, s, s).

    Args:
        sigma: what is coarser, in pixels, is taken out.
        floor: contrast, in grey levels of 255, that is taken for noise and left weak.
    """
    fine = photos - blurred(photos, sigma)
    return np.asarray(fine / (np.sqrt(blurred(fine * fine, sigma)) + floor), np.float32)


def blurred(photos: Floats, sigma: float) -> Floats:
    """Gaussian blur of each photo, float32 (n, s, s)."""
    import scipy.ndimage

    return np.asarray(scipy.ndimage.gaussian_filter(photos, (0, sigma, sigma), mode="nearest", truncate=3.0))


def moved(photos: Floats, places: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Second photos as seen in the frame of the first, by bilinear interpolation.

    Args:
        photos: float32 (n, s, s).
        places: float32 (n, 2, 3).

    Returns:
        float32 (n, s * s), and where the second photos reach.
    """
    count, side, _ = photos.shape
    x, y = _grid(side)
    across = places[:, 0, :1] * x + places[:, 0, 1:2] * y + places[:, 0, 2:]
    down = places[:, 1, :1] * x + places[:, 1, 1:2] * y + places[:, 1, 2:]
    inside = (np.abs(across) <= 1) & (np.abs(down) <= 1)
    column = ((across + 1) * (side / 2) - 0.5).clip(0, side - 1.001)
    row = ((down + 1) * (side / 2) - 0.5).clip(0, side - 1.001)
    left, top = column.astype(np.int32), row.astype(np.int32)
    right_share, lower_share = column - left, row - top
    flat = photos.reshape(-1)
    corner = (np.arange(count, dtype=np.int32) * side * side)[:, None] + top * side + left
    upper = flat[corner] * (1 - right_share) + flat[corner + 1] * right_share
    lower = flat[corner + side] * (1 - right_share) + flat[corner + side + 1] * right_share
    return np.asarray(upper * (1 - lower_share) + lower * lower_share, np.float32), inside


def align(first: Floats, second: Floats, places: Floats, steps: int) -> tuple[Floats, Floats]:
    """Improve places.

    Args:
        first, second: float32 (n, s, s), from :func:`local_contrast`.
        places: where to begin, float32 (n, 2, 3), right to a few pixels.
        steps: how many.

    Returns:
        The best places met, and their correlation, float32 (n,).
    """
    count, side, _ = first.shape
    x, y = _grid(side)
    basis = np.stack([x, y, np.ones_like(x)])
    still = _gradients(first)
    best, score = places.copy(), np.full(count, -2, np.float32)
    for step in range(steps + 1):
        seen, inside = moved(second, places)
        mine, my_scale = _standard(first.reshape(count, -1), inside)
        theirs, their_scale = _standard(seen, inside)
        correlation = (mine * theirs).sum(axis=1)
        better = correlation > score
        best[better], score[better] = places[better], correlation[better]
        if step == steps:
            break
        slopes = _gradients(seen.reshape(first.shape)) / their_scale + still / my_scale
        slopes *= inside / np.float32(2)
        jacobian = (slopes[:, :, None] * basis).transpose(1, 0, 2, 3).reshape(count, 6, -1)
        normal = (jacobian @ jacobian.transpose(0, 2, 1)).astype(np.float64)
        damping = _DAMPING * np.trace(normal, axis1=1, axis2=2) / 6 + _TINY
        normal += damping[:, None, None] * np.eye(6)
        change = np.linalg.solve(normal, (jacobian @ (mine - theirs)[:, :, None]).astype(np.float64))
        places = _composed(places, change.reshape(count, 2, 3).clip(-_LONGEST, _LONGEST))
    return best, score


def _grid(side: int) -> tuple[Floats, Floats]:
    centres = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / side) - 1
    y, x = np.meshgrid(centres, centres, indexing="ij")
    return x.ravel(), y.ravel()


def _gradients(photos: Floats) -> Floats:
    """Slopes to the right and down, for half a picture: float32 (2, n, s * s)."""
    count, side, _ = photos.shape
    slopes = np.stack([np.gradient(photos, axis=2), np.gradient(photos, axis=1)])
    return np.asarray(slopes.reshape(2, count, -1) * np.float32(side / 2), np.float32)


def _standard(values: Floats, inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Rows of mean 0 and length 1 over the pixels inside, and the length they had."""
    mean = (values * inside).sum(axis=1, keepdims=True) / (inside.sum(axis=1, keepdims=True) + _TINY)
    centred = (values - mean) * inside
    length = np.linalg.norm(centred, axis=1, keepdims=True) + np.float32(_TINY)
    return np.asarray(centred / length, np.float32), np.asarray(length, np.float32)


def _composed(places: Floats, change: NDArray[Any]) -> Floats:
    linear = np.eye(2) + change[:, :, :2]
    moved_ = np.concatenate([places[:, :, :2] @ linear, places[:, :, :2] @ change[:, :, 2:]], axis=2)
    moved_[:, :, 2] += places[:, :, 2]
    return moved_.astype(np.float32)
