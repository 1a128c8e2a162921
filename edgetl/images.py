"""The only decoder and resizer of the project: training, export, verify and the device all come here.

The same bytes and the same contract give the same pixels everywhere, so what a model was trained on is
what it sees on the board.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path
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

from edgetl import pillow_warnings
from edgetl.contract import Contract
from edgetl.errors import ImageError

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
_ORIENTATION_TAG = 0x0112
ON_THEIR_SIDE = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""
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
class Limits:
    """What a picture may cost before any of its pixels is allocated."""

    pixels: int = 50_000_000
    size_bytes: int = 32_000_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Decoded:
    """An 8-bit RGB or grey picture that is still as the camera stored it."""

    image: Image.Image | Pixels
    """An array, uint8 (h, w, 3), where one was given: it may be of the right size already."""
    orientation: int = 1
    """EXIF orientation, 1 to 8; :func:`fit` turns the small picture instead of the large one."""


def decode(source: Source, contract: Contract, *, limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """Turn a picture into the pixels a model expects.

    Args:
        source: a path, the bytes of a file, an open binary file, a Pillow image, or an array:
            uint8 (h, w), (h, w, 1), (h, w, 3) in RGB order or (h, w, 4) RGBA.
        contract: size, resize rule and kernel.
        limits: larger pictures are refused.

    Returns:
        uint8 (contract.height, contract.width, 3), RGB, 0 to 255. EXIF orientation is applied, grey,
        palette and CMYK become RGB, 16 bits become 8, and transparent parts are laid on white.

    Raises:
        ImageError: the source is missing, too large, truncated, or no picture.
    """
    return fit(load(source, contract, limits=limits), contract)


def load(source: Source, contract: Contract, *, limits: Limits = DEFAULT_LIMITS) -> Decoded:
    """Decode a picture to 8 bits, at reduced size where the contract allows. See :func:`decode`."""
    if isinstance(source, np.ndarray):
        ready = source.dtype == np.uint8 and source.ndim == 3 and source.shape[2] == 3 and source.size > 0
        return Decoded(source if ready else _from_array(source))
    with pillow_warnings.HIDDEN:
        if isinstance(source, Image.Image):
            name, image = "the picture", source
        else:
            name, data = _read(source, limits)
            image = _open(name, data, limits)
        if 0 in image.size:
            raise ImageError(f"{name} has no pixels: its size is {image.width} x {image.height}")
        try:
            if image is not source:
                _reduce(image, contract)
            _load_pixels(image)
            # Read only now: Pillow turns TIFF itself while it loads, and then drops the tag.
            return Decoded(_to_8_bit(image, name), orientation(image))
        except ImageError:
            raise
        except Exception as error:
            raise ImageError(f"{name} cannot be decoded ({error}): it is truncated or damaged") from error


def open_header(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """Format, mode, size and EXIF data of a file, as a Pillow image of which no pixel is decoded.

    Raises:
        ImageError: the source is missing, too large, or no picture.
    """
    if isinstance(source, (np.ndarray, Image.Image)):
        raise ImageError(f"a {type(source).__name__} has no header: give a path, bytes or an open file")
    with pillow_warnings.HIDDEN:
        return _open(*_read(source, limits), limits)


def _open(name: str, data: bytes, limits: Limits) -> Image.Image:
    """Read the header; no pixel is decoded yet."""
    size = ""
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        if image.width * image.height <= limits.pixels:
            return image
        size = f"{image.width} x {image.height} pixels, "
    except Image.DecompressionBombError:
        pass
    except Exception as error:
        raise ImageError(f"{name} is no picture that edgetl reads ({', '.join(_FORMATS)})") from error
    raise ImageError(
        f"{name} has {size}more than the limit of {limits.pixels / 1e6:g} million pixels: "
        "make it smaller first"
    )


def _reduce(image: Image.Image, contract: Contract) -> None:
    """Ask the decoder for fewer pixels, as far as the resize allows; only JPEG acts on it."""
    width, height = target = _target(contract, orientation(image))
    left, top, right, bottom = _window(image.size, target, contract)
    scale = _REDUCING_GAP * max(width / (right - left), height / (bottom - top))
    if scale < 1:
        image.draft(None, (round(image.width * scale), round(image.height * scale)))


def _load_pixels(image: Image.Image) -> None:
    if image.format != "TIFF":
        image.load()
        return
    # libtiff prints every damaged code it meets from C.
    from edgetl.runtime.quiet import native_output_hidden

    with native_output_hidden():
        image.load()


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


def orientation(image: Image.Image) -> int:
    """EXIF orientation of a picture, 1 to 8; 1 where it has none."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF data, of whatever kind, does not spoil the picture
        return 1


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


def _read(source: str | os.PathLike[str] | bytes | IO[bytes], limits: Limits) -> tuple[str, bytes]:
    """The name to use in messages, and the bytes."""
    if isinstance(source, bytes):
        name, data = "the picture", source
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        name = str(path)
        try:
            with path.open("rb") as file:
                # Asked for the limit at once, Python would take that much memory before it reads a byte.
                data = file.read(min(os.fstat(file.fileno()).st_size, limits.size_bytes) + 1)
                data += file.read(limits.size_bytes + 1 - len(data))  # a pipe, or a file that grows
        except OSError as error:
            raise ImageError(f"{name} cannot be read: {error.strerror}") from error
        except ValueError as error:  # a NUL in the name
            raise ImageError(f"{name!r} cannot be read: {error}") from error
    elif hasattr(source, "read"):
        name, data = str(getattr(source, "name", "the picture")), source.read(limits.size_bytes + 1)
    else:
        raise ImageError(
            f"a {type(source).__name__} is no picture: give a path, bytes, an open file, a Pillow image "
            "or a uint8 array"
        )
    if not isinstance(data, bytes):
        raise ImageError(f"{name} is open as text: open it with mode 'rb'")
    if len(data) > limits.size_bytes:
        raise ImageError(f"{name} is larger than the limit of {limits.size_bytes / 1e6:g} MB")
    if not data:
        raise ImageError(f"{name} is empty")
    return name, data


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    if array.dtype != np.uint8:
        raise ImageError(f"an array of {array.dtype} is no picture: edgetl takes uint8 pixels, 0 to 255")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ImageError(
            f"an array of shape {array.shape} is no picture: (h, w), (h, w, 3) RGB or (h, w, 4) RGBA"
        )
    return _to_8_bit(Image.fromarray(array), "the array")


def _to_8_bit(image: Image.Image, name: str) -> Image.Image:
    """RGB or L; what neither can hold is converted, what cannot be converted is refused."""
    if image.mode in ("RGB", "L") and "transparency" not in image.info:
        image.load()
        return image
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(f"{name} has 32-bit values: save it with 8 or 16 bits a channel")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    if image.mode == "F":
        raise ImageError(f"{name} has float values of no stated range: save it with 8 or 16 bits a channel")
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise ImageError(f"{name} has colour mode {image.mode}, which cannot become RGB") from error
