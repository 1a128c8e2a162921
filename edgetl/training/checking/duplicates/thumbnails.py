"""Small grey pictures of all photos, on disk, so that a large dataset needs no large memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import files
from edgetl.contract import Contract
from edgetl.progress import Progress
from edgetl.training import features
from edgetl.training.dataset import Photo

SIDE = 128
COARSE = 64
"""Height and width of the pictures that candidates are looked for in."""
# Squashed, not cropped: what a crop of the photo has lost are its borders.
_CONTRACT = Contract(SIDE, SIDE, resize="squash")
_BLOCK = 1024
"""Photos that are in memory at a time: 67 MB."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def write(photos: Sequence[Photo], file: Path, progress: Progress) -> tuple[NDArray[np.uint8], list[Photo]]:
    """Decode photos into a file.

    Args:
        photos: each of another content.
        file: a ``.npy`` to make.

    Returns:
        uint8 (n, SIDE, SIDE), mapped from the file; and the n photos that can be decoded, in their order.

    Raises:
        WriteError: the disk is full.
    """
    thumbnails = files.new_array(file, (len(photos), SIDE, SIDE), np.uint8)
    kept: list[Photo] = []
    with progress.step("thumbnails", total=len(photos)) as advance:
        for photo, pixels in features.decode_all(photos, _CONTRACT, {}):
            thumbnails[len(kept)] = (pixels @ _LUMA).round()
            kept.append(photo)
            advance(1)
    return thumbnails[: len(kept)], kept


def coarse(thumbnails: NDArray[np.uint8], file: Path) -> NDArray[np.float16]:
    """The same in half the size, in another file.

    Args:
        thumbnails: uint8 (n, SIDE, SIDE).
        file: a ``.npy`` to make.

    Returns:
        float16 (n, COARSE, COARSE), mapped from the file. It holds quarters up to 255 exactly.

    Raises:
        WriteError: the disk is full.
    """
    smaller = files.new_array(file, (len(thumbnails), COARSE, COARSE), np.float16)
    for start in range(0, len(thumbnails), _BLOCK):
        smaller[start : start + _BLOCK] = halved(thumbnails[start : start + _BLOCK])
    return smaller


def halved(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n, SIDE, SIDE) -> float32 (n, COARSE, COARSE), averaged."""
    step = SIDE // COARSE
    parts = thumbnails.reshape(len(thumbnails), COARSE, step, COARSE, step)
    return np.asarray(parts.mean(axis=(2, 4), dtype=np.float32))
