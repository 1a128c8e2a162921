"""What the profiling process is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WARM_UP = 5


@dataclass(frozen=True)
class ProfileRequest:
    """One variant in one engine."""

    files: Mapping[str, bytes]
    """The model's bytes by file name."""
    precision: str
    engine: str
    threads: int
    runs: int
    """Inferences to profile, after 5 that are not."""
    pixels: NDArray[np.uint8]
    """(1, height, width, 3): the picture that is shown."""

    @property
    def quantized(self) -> bool:
        """Whether its layers should compute in integers."""
        return self.precision.startswith("int")
