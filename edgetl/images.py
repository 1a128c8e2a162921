"""The only decoder and resizer of the project: training, export, verify and the device all come here.

The same bytes and the same contract give the same pixels everywhere, so what a model was trained on is
what it sees on the board.
"""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from edgetl import limits as limit_table
from edgetl import pillow_warnings
from edgetl.contract import Contract
from edgetl.errors import EdgetlError, ImageError
from edgetl.limits import Limits
from edgetl.pictures import bmp, exif, gif, jpeg, png, tiff, webp
from edgetl.pictures.colour import from_array, to_8_bit
from edgetl.pictures.reading import read
from edgetl.pictures.structure import StructureError, check_pixels, cut_off, too_many_pixels

Pixels: TypeAlias = NDArray[np.uint8]
Source: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"})
"""File name endings taken for pictures, in lower case; upper case is taken too."""

# Named here, and their plug-ins imported, since Image.open() would try every format Pillow knows.
_FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        BmpImagePlugin.BmpImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        TiffImagePlugin.TiffImageFile,
    )
)
_KERNELS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# Chosen as Pillow chooses, by the first bytes.
_CHECKS: dict[bytes, Callable[[bytes, Limits], None]] = {
    b"\xff\xd8\xff": jpeg.check,
    b"\x89PNG\r\n\x1a\n": png.check,
    b"BM": bmp.check,
    b"RIFF": webp.check,
    b"GIF8": gif.check,
    b"II": tiff.check,
    b"MM": tiff.check,
}
_JPEG = ("JPEG", "MPO")  # MPO: several pictures in one file, as phones write; the first is taken
ON_THEIR_SIDE = exif.ON_THEIR_SIDE
orientation = exif.orientation
_TURNS = {  # EXIF 2.32, tag 274: what undoes each orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# A JPEG may be decoded at 1/2, 1/4 or 1/8 as long as the antialiased resize still has twice the
# pixels it needs in each direction; Pillow's thumbnail() uses the same margin.
_REDUCING_GAP = 2.0


@dataclass(frozen=True)
class Decoded:
    """An 8-bit RGB or grey picture that is still as the camera stored it."""

    image: Image.Image | Pixels
    """An array, uint8 (h, w, 3), where one was given: it may be of the right size already."""
    orientation: int = 1
    """EXIF orientation, 1 to 8; :func:`fit` turns the small picture instead of the large one."""
    truncated: bool = False
    """Whether data are missing, and what the decoder put in their place is shown."""


def decode(
    source: Source, contract: Contract, *, limits: Limits | None = None, allow_truncated: bool = False
) -> Pixels:
    """Turn a picture into the pixels a model expects.

    Args:
        source: a path, the bytes of a file, an open binary file, a Pillow image, or an array:
            uint8 (h, w), (h, w, 1), (h, w, 3) in RGB order or (h, w, 4) RGBA.
        contract: size, resize rule and kernel.
        limits: larger pictures are refused; None takes those of this machine, see :mod:`edgetl.limits`.
        allow_truncated: whether a JPEG whose end is missing is taken, with grey in its place.

    Returns:
        uint8 (contract.height, contract.width, 3), RGB, 0 to 255. EXIF orientation is applied, grey,
        palette and CMYK become RGB, 16 bits become 8, and transparent parts are laid on white.

    Raises:
        ImageError: the source is missing, too large, truncated, or no picture.
        UsageError: this machine's limits are no numbers.
    """
    return fit(load(source, contract, limits=limits, allow_truncated=allow_truncated), contract)


def load(
    source: Source, contract: Contract, *, limits: Limits | None = None, allow_truncated: bool = False
) -> Decoded:
    """Decode a picture to 8 bits, at reduced size where the contract allows. See :func:`decode`."""
    if isinstance(source, np.ndarray):
        ready = source.dtype == np.uint8 and source.ndim == 3 and source.shape[2] == 3 and source.size > 0
        return Decoded(source if ready else from_array(source))
    with pillow_warnings.HIDDEN:
        name = "the picture"
        try:
            if isinstance(source, Image.Image):
                return _of_pillow(source, name)
            allowed = limits or limit_table.current()
            name, data = read(source, allowed)
            image = _open(name, data, allowed)
            if image.format in _JPEG:
                return _of_jpeg(image, name, data, contract, allowed, allow_truncated)
            return _of_file(image, name, data)
        except StructureError as error:
            raise ImageError(f"{name} {error}") from None
        except EdgetlError:
            raise
        except Exception as error:
            raise ImageError(f"{name} cannot be decoded ({error}): it is truncated or damaged") from error


def open_header(source: Source, *, limits: Limits | None = None) -> Image.Image:
    """Format, mode, size and EXIF data of a file, as a Pillow image of which no pixel is decoded.

    Raises:
        ImageError: the source is missing, too large, or no picture.
        UsageError: this machine's limits are no numbers.
    """
    if isinstance(source, (np.ndarray, Image.Image)):
        raise ImageError(f"a {type(source).__name__} has no header: give a path, bytes or an open file")
    allowed = limits or limit_table.current()
    with pillow_warnings.HIDDEN:
        return _open(*read(source, allowed), allowed)


def _open(name: str, data: bytes, allowed: Limits) -> Image.Image:
    """Read the header; no pixel is decoded yet."""
    try:
        for prefix, check in _CHECKS.items():
            if data.startswith(prefix):
                check(data, allowed)
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        check_pixels(image.width, image.height, allowed)
    except Image.DecompressionBombError:
        raise ImageError(f"{name} {too_many_pixels(allowed)}") from None
    except StructureError as error:
        raise ImageError(f"{name} {error}") from None
    except Exception as error:
        raise ImageError(f"{name} is no picture that edgetl reads ({', '.join(_FORMATS)})") from error
    return image


def _of_pillow(image: Image.Image, name: str) -> Decoded:
    if 0 in image.size:
        raise ImageError(f"{name} has no pixels: its size is {image.width} x {image.height}")
    image.load()
    return Decoded(to_8_bit(image, name), exif.of_pillow(image))


def _of_file(image: Image.Image, name: str, data: bytes) -> Decoded:
    if image.format == "PNG":
        png.check_whole(data)
    if image.format == "TIFF" and any(part[0] == "libtiff" for part in getattr(image, "tile", ())):
        # It prints every damaged code it meets from C; Pillow reads what is not compressed without it.
        from edgetl.runtime.quiet import native_output_hidden

        with native_output_hidden():
            image.load()
    else:
        image.load()
    # Read only now: Pillow turns TIFF itself while it loads, and then drops the tag.
    return Decoded(to_8_bit(image, name), orientation(image))


def _of_jpeg(
    image: Image.Image, name: str, data: bytes, contract: Contract, allowed: Limits, allow_truncated: bool
) -> Decoded:
    """Decode a JPEG and find out whether all of it is there: libjpeg only warns, and Pillow does not tell."""
    truncated = jpeg.breaks_off(data)
    if not truncated:
        try:
            _load_reduced(image, contract)
            # Only where it ends in grey is it worth decoding it a second time.
            if jpeg.may_have_run_dry(image.getpixel((image.width - 1, image.height - 1))):
                again = _load_reduced(_open(name, jpeg.padded(data), allowed), contract)
                truncated = not np.array_equal(np.asarray(image), np.asarray(again))
        except OSError as error:
            if not allow_truncated:
                raise cut_off(str(error)) from error
            truncated = True
    if truncated:
        if not allow_truncated:
            raise cut_off("its data end before its last pixel")
        # Pillow's LOAD_TRUNCATED_IMAGES would do the same, but for all threads and all formats at once.
        image = _load_reduced(_open(name, data + jpeg.END, allowed), contract)
    return Decoded(to_8_bit(image, name), orientation(image), truncated)


def _load_reduced(image: Image.Image, contract: Contract) -> Image.Image:
    """Load the pixels of a JPEG, as few as the resize allows."""
    width, height = target = _target(contract, orientation(image))
    left, top, right, bottom = _window(image.size, target, contract)
    scale = _REDUCING_GAP * max(width / (right - left), height / (bottom - top))
    if scale < 1:
        image.draft(None, (round(image.width * scale), round(image.height * scale)))
    image.load()
    return image


def fit(decoded: Decoded, contract: Contract) -> Pixels:
    """Crop, resize and turn a decoded picture as the contract says.

    Returns:
        uint8 (contract.height, contract.width, 3), RGB, contiguous. Where an array was given that already is
        that, the array itself.
    """
    image = decoded.image
    target = _target(contract, decoded.orientation)
    if isinstance(image, np.ndarray):
        if _is_whole((image.shape[1], image.shape[0]), target, contract):
            return np.ascontiguousarray(image)  # the caller's own memory where that lies in order
        image = Image.fromarray(image)
    box = _window(image.size, target, contract)
    if not _is_whole(image.size, target, contract):
        image = image.resize(target, _KERNELS[contract.interpolation], box=box)
    if decoded.orientation in _TURNS:
        image = image.transpose(_TURNS[decoded.orientation])
    if image.mode == "L":  # half the time of converting to RGB and copying that
        return np.repeat(np.asarray(image)[:, :, np.newaxis], 3, axis=2)
    return np.asarray(image)


def _target(contract: Contract, orientation: int) -> tuple[int, int]:
    """(width, height) before the picture is turned; orientations 5 to 8 lie on their side."""
    size = (contract.width, contract.height)
    return size[::-1] if orientation in ON_THEIR_SIDE else size


def _is_whole(size: tuple[int, int], target: tuple[int, int], contract: Contract) -> bool:
    """Whether nothing is cropped and nothing resized."""
    return size == target and _window(size, target, contract) == (0, 0, *target)


def _window(
    size: tuple[int, int], target: tuple[int, int], contract: Contract
) -> tuple[float, float, float, float]:
    """The part of the picture that is kept: (left, top, right, bottom), in fractions of pixels."""
    width, height = size
    if contract.resize == "squash":
        return (0, 0, width, height)
    scale = min(width / target[0], height / target[1]) * contract.crop_fraction
    kept_width, kept_height = target[0] * scale, target[1] * scale
    # Rounding can put the window a hair outside the picture, which Pillow refuses.
    left, top = max(0.0, (width - kept_width) / 2), max(0.0, (height - kept_height) / 2)
    return (left, top, min(width, left + kept_width), min(height, top + kept_height))
