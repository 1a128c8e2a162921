"""What a model's training did to its pixels: the presets, and how a user writes it. Light to import."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgetl.errors import UsageError


def choose(word: str, offered: Sequence[str]) -> str:
    """The choice as the end of an error message, with the nearest of the offered words."""
    near = difflib.get_close_matches(word, offered, n=1)
    return f"choose {', '.join(offered)}" + (f"; did you mean {near[0]}?" if near else "")


def _spread(values: Sequence[float], count: int) -> tuple[float, ...]:
    return tuple(values) * count if len(values) == 1 else tuple(values)


@dataclass(frozen=True)
class Normalisation:
    """``x * scale + offset`` with a pixel x, 0 to 255: one value each, or one for each channel."""

    scale: tuple[float, ...]
    """One or three factors, in the order in which the model takes the channels."""
    offset: tuple[float, ...]
    """As many terms, in the same order."""

    def __post_init__(self) -> None:
        if len(self.scale) != len(self.offset) or len(self.scale) not in (1, 3):
            raise UsageError("a normalisation has one value, or three: one for each channel")
        if not all(0 < abs(value) < 1e6 for value in self.scale) or not all(
            abs(value) < 1e6 for value in self.offset
        ):
            raise UsageError(f"the normalisation x * {self.scale} + {self.offset} is no finite rescaling")

    @classmethod
    def from_mean(
        cls, mean: Sequence[float], std: Sequence[float], *, pixels_up_to: float = 255
    ) -> "Normalisation":
        """``(x - mean) / std`` where a white pixel is ``pixels_up_to``.

        Raises:
            UsageError: a deviation is 0, or the numbers of values do not fit.
        """
        count = max(len(mean), len(std))
        means, deviations = _spread(mean, count), _spread(std, count)
        if not all(deviations):
            raise UsageError("a normalisation's std is not 0")
        scale = tuple(pixels_up_to / 255 / deviation for deviation in deviations)
        return cls(scale, tuple(-a / b for a, b in zip(means, deviations, strict=True)))


_TORCH = Normalisation.from_mean((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), pixels_up_to=1)
_SYMMETRIC = Normalisation((1 / 127.5,), (-1.0,))

# tf, torch and caffe are the modes of keras.applications.imagenet_utils.preprocess_input, with its values;
# torch's are those of torchvision.transforms in the documentation of its ImageNet models; lite is
# MEAN_RGB and STDDEV_RGB of EfficientNet-Lite (tensorflow/tpu, efficientnet_lite_builder.py).
PRESETS: Mapping[str, tuple[Normalisation, str]] = {
    "none": (Normalisation((1.0,), (0.0,)), "0 to 255 as they are"),
    "unit": (Normalisation((1 / 255,), (0.0,)), "x / 255"),
    "tf": (_SYMMETRIC, "x / 127.5 - 1"),
    "symmetric": (_SYMMETRIC, "the same as tf"),
    "torch": (_TORCH, "ImageNet's mean and deviation"),
    "caffe": (Normalisation((1.0,) * 3, (-103.939, -116.779, -123.68)), "BGR less ImageNet's mean"),
    "lite": (Normalisation((1 / 128,), (-127 / 128,)), "(x - 127) / 128"),
}
"""Normalisations by name, with what they do in words."""


def parse(name: str, value: Any) -> Normalisation:
    """A preset's name, a table, or the same table as text: ``mean=0.5,0.5,0.5 std=0.2,0.2,0.2 range=1``."""
    if isinstance(value, Normalisation):
        return value
    if isinstance(value, str):
        if "=" not in value:
            preset = value.strip().lower()
            if preset not in PRESETS:
                raise UsageError(f"{name} {value!r} is no preset: {choose(preset, tuple(PRESETS))}")
            return PRESETS[preset][0]
        value = dict(word.partition("=")[::2] for word in value.split())
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} {value!r} is neither a preset nor a table: {presets()}")
    keys = {key: _numbers(f"{name} {key}", item) for key, item in value.items()}
    if set(keys) <= {"scale", "offset"} and "scale" in keys:
        scale, offset = keys["scale"], keys.get("offset", (0.0,))
        count = max(len(scale), len(offset))
        return Normalisation(_spread(scale, count), _spread(offset, count))
    if set(keys) <= {"mean", "std", "range"} and {"mean", "std"} <= set(keys):
        full = keys.get("range", (255.0,))
        if full not in ((1.0,), (255.0,)):
            raise UsageError(f"{name} range {value['range']!r} is not 1 or 255, the value of a white pixel")
        if full == (255.0,) and min(map(abs, keys["std"])) < 1:
            raise UsageError(
                f"{name} std {value['std']!r} is below 1, so it is meant for pixels from 0 to 1: add range=1"
            )
        return Normalisation.from_mean(keys["mean"], keys["std"], pixels_up_to=full[0])
    raise UsageError(
        f"{name} has the keys {', '.join(map(repr, keys))}: give scale and offset (x * scale + offset, "
        "x from 0 to 255), or mean and std, and range=1 if these are for pixels from 0 to 1"
    )


def _numbers(name: str, value: Any) -> tuple[float, ...]:
    items = value.split(",") if isinstance(value, str) else value
    items = items if isinstance(items, (list, tuple)) else [items]
    try:
        numbers = tuple(float(item) for item in items)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) not in (1, 3):
        raise UsageError(f"{name} {value!r} is not one number, or three: one for each channel")
    return numbers


def presets() -> str:
    """The presets in a sentence, for help and errors."""
    return "; ".join(f"{name}: {text}" for name, (_, text) in PRESETS.items())
