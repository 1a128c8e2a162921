"""Pictures on the page, small, with a line below each."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgetl.reports.markup import Html, join, tag, text
from edgetl.reports.page import Section

MOST_PICTURES = 40
"""Some 6 kB each: the page stays far below a megabyte."""

_SIDE = 200  # pixels; sharp at the 124 to 160 they are shown at


def pictures(title: str, items: Sequence[tuple[NDArray[np.uint8], str]], *, note: str = "") -> Section:
    """A gallery.

    Args:
        title: its heading.
        items: uint8 (h, w, 3) RGB, and what to say of it; the first 40 are shown.
        note: what they are, in a sentence.
    """
    shown = [picture(pixels, text(caption), alt=caption) for pixels, caption in items[:MOST_PICTURES]]
    sentences = [note, f"The first {MOST_PICTURES} of {len(items)}." if len(items) > MOST_PICTURES else ""]
    said = " ".join(sentence for sentence in sentences if sentence)
    head = tag("p", text(said)) if said else Html("")
    return Section(title, join(head, tag("div", *shown, class_="gallery")))


def picture(pixels: NDArray[np.uint8], caption: Html, *, alt: str) -> Html:
    """One of a gallery: uint8 (h, w, 3) RGB with a line below it, and what it is for who cannot see it."""
    return tag("figure", tag("img", src=_data(pixels), alt=alt), tag("figcaption", caption))


def _data(pixels: NDArray[np.uint8]) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
