"""A space of few dimensions in which an altered copy lies near its original and other photos do not.

Fixed descriptors fail where all photos of a dataset are built alike: a solar cell is all busbars. So the
space is learned from the dataset: directions in which photos differ much, and a photo and its crops little
(Fisher's discriminant, with each photo a class). The crops are made from the thumbnails by matrices alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.training.checking.duplicates.thumbnails import COARSE

Floats = NDArray[np.float32]

WAVES = 16
"""Coefficients of the cosine transform that are kept along each axis; finer ones do not survive a shift."""
DIMENSIONS = 64
_SAMPLE = 2000
"""Photos that it is learned from."""
_ALTERED = 400
"""Photos of which altered copies are made, ``_COPIES`` of each."""
_COPIES = 8
_CROP = 0.05
_NOISE = 2.0
"""Standard deviation of what re-encoding adds to a thumbnail's pixels, 0 to 255: a high guess."""
_SHRINKAGE = 0.1
_PRIOR = 100
"""How many photos the prior is worth: with two photos, their difference would be all that there is."""
_QUIET = 16.0
"""Added to the norm of coefficients: a picture of one colour has no structure, whatever its noise."""


def cosines() -> Floats:
    """The orthonormal cosine transform, float32 (WAVES, COARSE)."""
    phase = np.pi * np.outer(np.arange(WAVES), np.arange(COARSE) + 0.5) / COARSE
    rows = np.sqrt(2 / COARSE) * np.cos(phase)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float32)


def cropped(low: float, high: float) -> Floats:
    """The transform of what is left of an axis after a crop, float32 (WAVES, COARSE).

    Args:
        low, high: shares that are cut off at its beginning and end.
    """
    source = low * COARSE + (np.arange(COARSE) + 0.5) * (1 - low - high) - 0.5
    source = source.clip(0, COARSE - 1)
    left = np.minimum(source.astype(int), COARSE - 2)
    stretch = np.zeros((COARSE, COARSE), np.float32)
    stretch[np.arange(COARSE), left] = 1 - (source - left)
    stretch[np.arange(COARSE), left + 1] += source - left
    return cosines() @ stretch


def normalised(coefficients: NDArray[Any]) -> Floats:
    """float32 (..., WAVES, WAVES) -> (..., WAVES**2 - 1): without brightness and contrast."""
    flat = coefficients.reshape(*coefficients.shape[:-2], WAVES**2)[..., 1:]
    return np.asarray(flat / (np.linalg.norm(flat, axis=-1, keepdims=True) + _QUIET), np.float32)


@dataclass(frozen=True)
class Space:
    """An affine map of normalised coefficients, and directions thereafter."""

    centre: Floats
    """float32 (WAVES**2 - 1,)."""
    axes: Floats
    """float32 (WAVES**2 - 1, DIMENSIONS)."""

    def directions(self, rows: Floats) -> Floats:
        """Normalised coefficients (..., WAVES**2 - 1) -> float32 (..., DIMENSIONS) of length 1."""
        return unit((rows - self.centre) @ self.axes)


def unit(rows: NDArray[Any]) -> Floats:
    """Rows of length 1 in the last axis; zeros stay zeros."""
    return np.asarray(rows / (np.linalg.norm(rows, axis=-1, keepdims=True) + np.float32(1e-6)), np.float32)


def learn(thumbnails: NDArray[np.float16]) -> Space:
    """Learn the space from a dataset.

    Args:
        thumbnails: float16 (n, COARSE, COARSE), 0 to 255, in an order that does not depend on file names.
    """
    import scipy.linalg

    chosen = thumbnails[np.linspace(0, len(thumbnails) - 1, min(_SAMPLE, len(thumbnails))).astype(int)]
    chosen = chosen.astype(np.float32)
    whole = cosines()
    rows = normalised(whole @ chosen @ whole.T)
    # What natural pictures are like: power falls with the square of the frequency (Field, JOSA A 1987).
    waves = np.arange(WAVES)
    power = (1 / np.maximum(waves[:, None] ** 2 + waves**2, 1)).reshape(-1)[1:]
    centre = rows.sum(axis=0) / (len(rows) + _PRIOR)
    spread = (rows - centre).T @ (rows - centre) + _PRIOR * np.diag(power / power.sum())
    changes = _changes(chosen[: _ALTERED * max(1, len(chosen) // _ALTERED) : max(1, len(chosen) // _ALTERED)])
    within = changes.T @ changes / len(changes)
    within += _SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    _, axes = scipy.linalg.eigh(spread / (len(rows) + _PRIOR), within)
    return Space(centre.astype(np.float32), axes[:, ::-1][:, :DIMENSIONS].astype(np.float32))


def _changes(photos: Floats) -> NDArray[Any]:
    """What small crops and noise change in normalised coefficients, one row each."""
    random = np.random.default_rng(0)
    whole = cosines()
    before = normalised(whole @ photos @ whole.T)
    parts = []
    for _ in range(_COPIES):
        left, right, top, bottom = random.uniform(0, _CROP, 4)
        noisy = photos + random.normal(0, _NOISE, photos.shape).astype(np.float32)
        parts.append(normalised(cropped(top, bottom) @ noisy @ cropped(left, right).T) - before)
    return np.concatenate(parts)
