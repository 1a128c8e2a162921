"""Hundreds of small pictures in one image, each shown as a part of it: the page has each only once."""

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgetl.reports.markup import Html, tag, text

SIDE = 96  # pixels of a picture; sharp enough at the 100 to 120 they are shown at
_COLUMNS = 20
_COLOURS = 8
"""That page.css has for groups; the ninth looks as the first."""


@dataclass(frozen=True)
class Mosaic:
    """The pictures of a page, and a map of them."""

    numbers: Mapping[Path, int]
    """Which picture is which."""
    pixels: NDArray[np.uint8]
    """uint8 (n, SIDE, SIDE, 3), RGB, n of 1 or more."""
    cells: NDArray[np.int64]
    """int64 (n, 2): row and column of each on the map."""
    grid: tuple[int, int]
    """Rows and columns of the map."""


def style(mosaic: Mosaic) -> Html:
    """The rule that puts the one image behind every tile."""
    rows, columns = _shape(mosaic)
    canvas = np.full((rows * columns, SIDE, SIDE, 3), 127, np.uint8)
    canvas[: len(mosaic.pixels)] = mosaic.pixels
    whole = (
        canvas.reshape(rows, columns, SIDE, SIDE, 3).swapaxes(1, 2).reshape(rows * SIDE, columns * SIDE, 3)
    )
    buffer = io.BytesIO()
    Image.fromarray(whole).save(buffer, "JPEG", quality=72)
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f"{100 * columns}% {100 * rows}%"
    return Html(f".tile{{background-image:url(data:image/jpeg;base64,{data});background-size:{size}}}")


def tile(mosaic: Mosaic, path: Path, alt: str) -> Html:
    """One picture of a sheet."""
    return tag("span", class_="tile", role="img", aria_label=alt, style=_position(mosaic, path))


def on_map(mosaic: Mosaic, path: Path, *, group: int, caption: str, badge: str) -> Html:
    """One picture of the map: larger, with its caption, where a pointer, a tap or the keyboard stands.

    Args:
        mosaic: all of them.
        path: which.
        group: its number, which decides the colour of its frame.
        caption: what to say of it.
        badge: a few letters that stand on it; empty for none.
    """
    row, column = (int(place) for place in mosaic.cells[mosaic.numbers[path]])
    rows, columns = mosaic.grid
    # It grows away from the edges of the map, which would cut it.
    origin = f"{100 * column / (columns - 1):.0f}% {100 * row / (rows - 1):.0f}%"
    place = f"grid-area:{row + 1}/{column + 1};transform-origin:{origin};{_position(mosaic, path)}"
    parts = [tag("em", text(badge))] if badge else []
    return tag(
        "span",
        *parts,
        tag("b", text(caption)),
        class_=f"tile {colour(group)}",
        role="img",
        aria_label=caption,
        tabindex="0",
        style=place,
    )


def colour(group: int) -> str:
    """The class of a group's colour."""
    return f"hue-{(group - 1) % _COLOURS + 1}"


def _shape(mosaic: Mosaic) -> tuple[int, int]:
    columns = min(_COLUMNS, len(mosaic.pixels))
    return math.ceil(len(mosaic.pixels) / columns), columns


def _position(mosaic: Mosaic, path: Path) -> str:
    rows, columns = _shape(mosaic)
    row, column = divmod(mosaic.numbers[path], columns)
    across, down = (100 * place / max(1, count - 1) for place, count in ((column, columns), (row, rows)))
    return f"background-position:{across:.3f}% {down:.3f}%"
