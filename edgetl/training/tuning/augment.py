"""Other versions of a photo that show the same thing.

What is drawn depends on numbers that are handed in alone: the same (seed, epoch, photo) gives the same
pixels in any process, in any order and after any resume.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from edgetl.images import Pixels

_LEAST_AREA = 0.5
"""Share of the photo that a crop keeps at least: half, since small things must stay in it."""
_LEAN = 0.15
"""Radians that a photo is turned by, and shares of its width that it is sheared by, at most."""
_ERASED = 0.25
"""How often a rectangle is erased."""


def view(pixels: Pixels, number: int, *, augment: str, seed: tuple[int, ...]) -> Pixels:
    """A version of a photo.

    Args:
        pixels: uint8 (h, w, 3).
        number: 0 is the photo as it is. Under ``light`` 1 is the mirrored one, under ``flips`` 1 to 3 are the
            photo on its head and both mirrored, under ``turns`` 1 to 7 its other quarter turns and
            reflections (of square photos); under ``strong`` they are drawn by ``seed``.
        augment: one of ``options.AUGMENTS``.
        seed: whatever shall decide what is drawn, all of 0 or more.

    Returns:
        uint8 (h, w, 3).
    """
    if number == 0 or augment == "none":
        return pixels
    if augment == "light":
        return np.ascontiguousarray(pixels[:, ::-1]) if number % 2 else pixels
    if augment == "flips":
        return turned(pixels, 2 * (number % 4))
    if augment == "turns":
        return turned(pixels, number % 8)
    return strong(pixels, np.random.default_rng((*seed, number)))


def turned(pixels: Pixels, number: int) -> Pixels:
    """One of the eight ways to lay a square down: 0 to 3 quarter turns, and the same mirrored (4 to 7).

    A photo that is not square has four of them: it is never turned on its side.
    """
    square = pixels.shape[0] == pixels.shape[1]
    mirrored = pixels[:, ::-1] if number & 4 else pixels
    return np.ascontiguousarray(np.rot90(mirrored, number & (3 if square else 2)))


def strong(pixels: Pixels, random: Generator) -> Pixels:
    """Mirror, crop and lean (one warp), two changes of RandAugment's kind, and now and then a hole.

    Random resized crop: Szegedy et al., CVPR 2015. RandAugment: Cubuk et al., NeurIPS 2020; its geometric
    changes are the warp here. Random erasing: Zhong et al., AAAI 2020.
    """
    image = Image.fromarray(_warped(pixels, random))
    for chosen in random.integers(len(_COLOURS), size=2):
        image = _COLOURS[chosen](image, random)
    result = np.array(image)
    if random.random() < _ERASED:
        _erase(result, random)
    return result


def _warped(pixels: Pixels, random: Generator) -> Pixels:
    height, width = pixels.shape[:2]
    area = random.uniform(_LEAST_AREA, 1.0)
    aspect = np.exp(random.uniform(-np.log(4 / 3), np.log(4 / 3)))
    across, down = min(1.0, np.sqrt(area * aspect)), min(1.0, np.sqrt(area / aspect))
    angle, shear = random.uniform(-_LEAN, _LEAN, size=2) * (random.random(2) < 0.5)
    mirror = -1.0 if random.random() < 0.5 else 1.0
    # From a place in the result to the place in the photo it is taken from, both from the centre.
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag([across * mirror, down])
    slack = np.array([width * (1 - across), height * (1 - down)]) / 2
    centre = np.array([width, height]) / 2
    offset = centre + random.uniform(-1, 1, size=2) * slack - matrix @ centre
    coefficients = (*matrix[0], offset[0], *matrix[1], offset[1])
    image = Image.fromarray(pixels)
    warped = image.transform(
        image.size,
        Image.Transform.AFFINE,
        coefficients,
        Image.Resampling.BILINEAR,
        fillcolor=tuple(int(value) for value in pixels.mean(axis=(0, 1))),
    )
    return np.asarray(warped)


def _around_one(random: Generator) -> float:
    return float(random.uniform(0.6, 1.4))


_COLOURS: tuple[Callable[[Image.Image, Generator], Image.Image], ...] = (
    lambda image, _: image,
    lambda image, random: ImageEnhance.Brightness(image).enhance(_around_one(random)),
    lambda image, random: ImageEnhance.Contrast(image).enhance(_around_one(random)),
    lambda image, random: ImageEnhance.Color(image).enhance(_around_one(random)),
    lambda image, random: ImageEnhance.Sharpness(image).enhance(float(random.uniform(0.2, 1.8))),
    lambda image, _: ImageOps.autocontrast(image),
    lambda image, _: ImageOps.equalize(image),
    lambda image, random: ImageOps.posterize(image, int(random.integers(4, 8))),
    lambda image, random: ImageOps.solarize(image, int(random.integers(160, 256))),
)


def _erase(pixels: NDArray[np.uint8], random: Generator) -> None:
    """Overwrite a rectangle of 2 to 15 % of the area with noise, in place."""
    height, width = pixels.shape[:2]
    area = random.uniform(0.02, 0.15) * height * width
    aspect = np.exp(random.uniform(-1, 1))
    tall = max(1, min(height, round(float(np.sqrt(area * aspect)))))
    wide = max(1, min(width, round(float(np.sqrt(area / aspect)))))
    top, left = random.integers(height - tall + 1), random.integers(width - wide + 1)
    pixels[top : top + tall, left : left + wide] = random.integers(0, 256, (tall, wide, 3), np.uint8)
