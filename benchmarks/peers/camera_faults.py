"""What a worse camera makes of good photos: blur, noise, low light, a colour cast. Seeded."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edgetl import files, images
from edgetl.contract import Contract

_SQUARE = Contract(256, 256)
"""The centre of the photo, at the size that the faults are made for."""


def blur(photo: Image.Image, _: np.random.Generator) -> Image.Image:
    """Out of focus."""
    return photo.filter(ImageFilter.GaussianBlur(3.0))


def noise(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """A small sensor at night: the noise of few electrons and of reading them."""
    light = np.asarray(photo, np.float32) / 255
    seen = random.poisson(light * 12) / 12 + random.normal(0, 0.06, light.shape)
    return _image(seen)


def low_light(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """A fifth of the light, with the noise that then shows."""
    light = 0.2 * (np.asarray(photo, np.float32) / 255) ** 1.2
    return _image(light + random.normal(0, 0.02, light.shape))


def colour_cast(photo: Image.Image, _: np.random.Generator) -> Image.Image:
    """White balance for daylight under a lamp: red is strong, blue is weak."""
    light = np.asarray(photo, np.float32) / 255
    return _image(light * np.array([1.3, 0.85, 0.4], np.float32))


def haze(photo: Image.Image, _: np.random.Generator) -> Image.Image:
    """A milky lens: a third of the contrast, on a bright ground."""
    return _image(0.5 + 0.35 * (np.asarray(photo, np.float32) / 255 - 0.35))


FAULTS: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "blur": blur,
    "noise": noise,
    "low light": low_light,
    "colour cast": colour_cast,
    "haze": haze,
}


def spoil(source: Path, fault: str, folder: Path, seed: int = 0) -> Path:
    """The photo with a fault, as a JPEG file of its own; the same each time.

    Args:
        source: the good one.
        fault: one of ``FAULTS``.
        folder: where the file is to lie; one that is there already is taken.
        seed: of the noise.
    """
    target = folder / f"{source.parent.name}-{source.stem}.jpg"
    if not target.is_file():
        digest = hashlib.sha256(f"{seed} {fault} {source.name}".encode()).digest()
        photo = Image.fromarray(images.decode(source, _SQUARE))
        spoilt = FAULTS[fault](photo, np.random.default_rng(list(digest)))
        folder.mkdir(parents=True, exist_ok=True)
        with files.new_file(target) as temporary:
            spoilt.save(temporary, "JPEG", quality=92)
    return target


def _image(light: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray((255 * light).round().clip(0, 255).astype(np.uint8))
