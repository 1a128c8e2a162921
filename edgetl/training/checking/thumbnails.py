"""Small pictures for the page, of the whole photo."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import ImageError
from edgetl.runtime.engines import available_cores

SIDE = 200  # pixels; sharp at the 124 to 160 they are shown at
_SHORTEST = 8  # of a contract


def make(paths: Iterable[Path]) -> dict[Path, images.Pixels]:
    """uint8 (h, w, 3), RGB, at most 200 pixels long, of every photo that can be decoded."""
    wanted = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(available_cores()) as pool:
        made = pool.map(_make, wanted)
        return {path: pixels for path, pixels in zip(wanted, made, strict=True) if pixels is not None}


def _make(path: Path) -> images.Pixels | None:
    try:
        header = images.open_header(path)
        turned = images.orientation(header) in images.ON_THEIR_SIDE
        width, height = header.size[::-1] if turned else header.size
        scale = SIDE / max(width, height)
        height, width = (max(_SHORTEST, round(scale * side)) for side in (height, width))
        return images.decode(path, Contract(height, width, resize="squash"))
    except ImageError:
        return None
