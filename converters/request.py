"""What a converter is asked for and what it gives back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.contract import Contract
from edgetl.errors import UsageError


@dataclass(frozen=True)
class ConversionRequest:
    """One model to convert to one precision."""

    model: Path
    """A ``.keras`` file that edgetl wrote: uint8 ``pixels`` in, ``probabilities`` or features out."""
    precision: str
    """``float32`` or ``int8``."""
    out: Path
    """An empty folder to write into."""
    calibration: Path | None
    """``.npy`` file of train pictures, uint8 (n, height, width, 3), RGB; needed for int8."""
    contract: Contract
    """Of the model."""

    def __post_init__(self) -> None:
        if self.precision == "int8" and self.calibration is None:
            raise UsageError("int8 needs calibration pictures: give some, or choose float32")

    def pictures(self) -> NDArray[np.uint8]:
        """The calibration pictures, uint8 (n, height, width, 3), read from the disk as they are touched.

        Raises:
            UsageError: the request has none.
        """
        if self.calibration is None:
            raise UsageError(f"{self.precision} has no calibration pictures")
        pixels: NDArray[np.uint8] = np.load(self.calibration, mmap_mode="r")
        return pixels


@dataclass(frozen=True)
class ConvertedModel:
    """What a converter wrote."""

    files: tuple[str, ...]
    """Names below the request's folder."""
    seconds: float
    """What it took, without starting the process."""
    libraries: dict[str, str]
    """Name and version of the libraries that did the work."""
