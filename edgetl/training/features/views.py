"""Views of a picture: each shows the backbone the same thing in another way, and is the same every time."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import UsageError


@dataclass(frozen=True)
class View:
    """How a picture is looked at. Everything but the mirror happens in the one decoder."""

    name: str
    mirrored: bool = False
    """Left and right exchanged."""
    upended: bool = False
    """Top and bottom exchanged."""
    zoom: float = 1.0
    """The share of the contract's window that is kept along each side, 0.5 to 1."""
    corner: tuple[int, int] = (0, 0)
    """Where in the window the kept part lies: rows and columns, each -1 (begin), 0 (middle) or 1 (end)."""
    gain: float = 1.0
    """What the pixels are multiplied by."""

    @property
    def key(self) -> str:
        """A folder name: equal keys, equal pixels."""
        return f"{self.name}-{hashlib.sha256(repr(asdict(self)).encode()).hexdigest()[:8]}"

    def decode(self, path: Path, contract: Contract) -> images.Pixels:
        """The picture as this view shows it: uint8 (contract.height, contract.width, 3).

        Raises:
            ImageError: as :func:`edgetl.images.decode`.
        """
        if self.zoom == 1.0:
            pixels = images.decode(path, contract)
        else:
            # Decoded larger and cut out, so that a part off the middle needs no other decoder.
            sides = (round(contract.height / self.zoom), round(contract.width / self.zoom))
            larger = images.decode(path, replace(contract, height=sides[0], width=sides[1]))
            kept = (contract.height, contract.width)
            top, left = (
                (whole - part) * (1 + place) // 2
                for whole, part, place in zip(sides, kept, self.corner, strict=True)
            )
            pixels = larger[top : top + contract.height, left : left + contract.width]
        if self.gain != 1.0:
            scale = (np.arange(256) * self.gain).round().clip(0, 255).astype(np.uint8)
            pixels = scale[pixels]
        return np.ascontiguousarray(pixels[:: -1 if self.upended else 1, :: -1 if self.mirrored else 1])


TABLE = (
    View("plain"),
    View("mirrored", mirrored=True),
    View("upended", upended=True),
    View("turned", mirrored=True, upended=True),
    View("begin", zoom=0.8, corner=(-1, -1)),
    View("end", zoom=0.8, corner=(1, 1), mirrored=True),
    View("bright", gain=1.25),
    View("dark", gain=0.8, mirrored=True),
)
"""View 0 is the picture as the contract says. To change one is to rename it: the cache tells them apart."""


def get(number: int) -> View:
    """A view by its number.

    Raises:
        UsageError: there is none of that number.
    """
    if not 0 <= number < len(TABLE):
        names = ", ".join(f"{place} ({view.name})" for place, view in enumerate(TABLE))
        raise UsageError(f"view {number} is not known: choose {names}")
    return TABLE[number]
