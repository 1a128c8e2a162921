"""What numbers are kept in: the types of arrays, and tables of features that may be larger than memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Labels = NDArray[np.int64]

BLOCK = 4096
"""Rows that are worked on at a time: what the scores of a block take stays in the processor's cache."""


@dataclass(frozen=True)
class Rows:
    """Features that are read a block at a time, again for each step of the solver."""

    shape: tuple[int, int]
    """Photos and features."""
    read: Callable[[], Iterator[Floats]]
    """Blocks of float32 (some, features), each time in the same order."""

    @classmethod
    def of(cls, features: "Floats | Rows") -> "Rows":
        """Blocks of an array, float32 (n, features), without a copy; what is in blocks stays as it is."""
        if isinstance(features, Rows):
            return features
        count, width = features.shape
        array = features

        def read() -> Iterator[Floats]:
            for start in range(0, count, BLOCK):
                yield array[start : start + BLOCK]

        return cls((count, width), read)

    def take(self, chosen: NDArray[np.bool_] | None = None) -> Floats:
        """The rows of a mask (n,), or all, as one array."""
        parts, first = [], 0
        for block in self.read():
            parts.append(block if chosen is None else block[chosen[first : first + len(block)]])
            first += len(block)
        return np.concatenate(parts)
