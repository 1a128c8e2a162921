"""From every colour mode there is to 8 bits: RGB or grey."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgetl.errors import ImageError

_BAND = 1_000_000
"""Pixels that are converted at a time: some conversions take 16 bytes for each."""


def from_array(array: NDArray[np.uint8]) -> Image.Image:
    """The picture in an array: uint8 (h, w), (h, w, 1), (h, w, 3) RGB or (h, w, 4) RGBA.

    Raises:
        ImageError: the array is none of these.
    """
    if array.dtype != np.uint8:
        raise ImageError(f"an array of {array.dtype} is no picture: edgetl takes uint8 pixels, 0 to 255")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ImageError(
            f"an array of shape {array.shape} is no picture: (h, w), (h, w, 3) RGB or (h, w, 4) RGBA"
        )
    return to_8_bit(Image.fromarray(array), "the array")


def to_8_bit(image: Image.Image, name: str) -> Image.Image:
    """RGB or L; what neither can hold is converted, what cannot be converted is refused.

    Raises:
        ImageError: the values have no stated range, or the colours no way to RGB.
    """
    if image.mode in ("RGB", "L") and "transparency" not in image.info:
        image.load()
        return image
    if image.mode in ("P", "PA") and image.palette is None:  # Pillow makes it black
        raise ImageError(f"{name} has the colours of a palette and no palette: it is truncated or damaged")
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _in_bands(image, "L", lambda band: _from_16_bits(band, name))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _in_bands(image, "RGB", _on_white)
    if image.mode == "F":
        raise ImageError(f"{name} has float values of no stated range: save it with 8 or 16 bits a channel")
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise ImageError(f"{name} has colour mode {image.mode}, which cannot become RGB") from error


def _in_bands(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert some rows at a time; the pixels are those of converting all at once."""
    rows = max(1, _BAND // image.width)
    if rows >= image.height:
        return convert(image)
    whole = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        whole.paste(convert(band), (0, top))
    return whole


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _from_16_bits(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(f"{name} has 32-bit values: save it with 8 or 16 bits a channel")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))
