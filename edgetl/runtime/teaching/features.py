"""Embeddings as the head for new classes takes them."""

import numpy as np
from numpy.typing import NDArray

_TINY = 1e-12


def rooted(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """The signed square root of each feature, float32 (n, features) of the same shape.

    A few features of a network are many times larger than the rest and would speak for all; after the root
    more of them have a say (Perronnin et al., Improving the Fisher Kernel for Large-Scale Image
    Classification, ECCV 2010). It finds 2 to 8 points more of the new classes (``docs/teaching.md``).
    """
    values = np.asarray(embeddings, np.float32)
    return np.asarray(np.copysign(np.sqrt(np.abs(values)), values), np.float32)


def directions(rows: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """From the centre to each row, at length 1: float32 (n, features).

    Args:
        rows: float32 (n, features), rooted.
        centre: float32 (features,).
    """
    away = rows - centre
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    return np.asarray(away / np.maximum(lengths, _TINY), np.float32)
