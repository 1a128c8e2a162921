"""What a converter is asked for and what it gives back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.contract import Contract
from edgetl.converters.facts import ModelFacts
from edgetl.converters.results import TUNED_HEAD, TUNED_LAYERS, TUNED_RANGES, Layer, read_layers
from edgetl.errors import ConversionError, UsageError

CALIBRATED = ("int8", "int16x8")
"""Precisions whose ranges of activations come from pictures."""


NO_HEAD = (
    "the model does not end in one matrix product and a softmax, so it has no embedding to give: "
    "leave --embedding out"
)


FLOAT_HEAD_SHARE = 0.001
"""A head that is a smaller share of the multiply-accumulates stays in float: that costs nothing, and its
logits have no steps that could tie."""


@dataclass(frozen=True)
class HeadWeights:
    """``softmax(features @ kernel + bias)``."""

    kernel: NDArray[np.float32]
    """float32 (features, classes)."""
    bias: NDArray[np.float32]
    """float32 (classes,)."""


@dataclass(frozen=True)
class Recipe:
    """How int8 is made. The defaults are the first rung of the ladder."""

    ranges: Literal["extremes", "averaged"] = "extremes"
    """Of activations: the smallest and largest value in any picture, or the mean over the pictures of
    each one's smallest and largest, which cuts off what few pictures show."""
    pictures: int = 200
    """How many of the calibration pictures ranges are taken from; more of them widen the extremes."""
    float_layers: frozenset[int] = frozenset()
    """Places of convolutions and matrix products, in the order of the graph, that stay in float."""
    round_weights: bool = True
    """Choose the steps of the weights by what the layers say (``rounding.py``)."""
    correct_head: bool = True
    """Solve the head once more for the int8 features (``head_correction.py``)."""
    per_channel: bool = True
    """A scale for each output channel of a kernel; False gives one scale for all of it."""


@dataclass(frozen=True)
class ConversionRequest:
    """One float graph to convert to one precision."""

    graph: Path
    """The float graph in the format's own file, written by ``edgetl.converters.graphs``."""
    precision: str
    """One that ``formats.FORMATS`` has for the format."""
    out: Path
    """An empty folder to write into."""
    calibration: Path | None
    """``.npy`` file of train pictures, uint8 (n, height, width, 3), RGB; needed for int8 and int16x8."""
    contract: Contract
    """Of the model."""
    recipe: Recipe = field(default_factory=Recipe)
    facts: ModelFacts | None = None
    """Written into the file for other programs to read."""
    logits: Path | None = None
    """What ``head_correction.write_logits`` wrote; without it the head is not corrected."""
    layers: Path | None = None
    """What ``rounding.write`` wrote, for float16 with its steps and else with those of int8; without it
    weights are rounded one by one, and ``Recipe.float_layers`` cannot be found."""
    tuned: Path | None = None
    """Folder with what the training of int8 found (``results.TUNED_LAYERS``); it goes before ``layers``."""
    work: Path | None = None
    """A folder that the requests for one graph share: ranges of activations are measured once."""

    def __post_init__(self) -> None:
        if self.precision in CALIBRATED and self.calibration is None:
            raise UsageError(
                f"{self.precision} needs calibration pictures: give some, or choose another precision"
            )

    def pictures(self) -> NDArray[np.uint8]:
        """The calibration pictures, uint8 (n, height, width, 3), read from the disk as they are touched.

        Raises:
            UsageError: the request has none.
        """
        if self.calibration is None:
            raise UsageError(f"{self.precision} has no calibration pictures")
        pixels: NDArray[np.uint8] = np.load(self.calibration, mmap_mode="r")
        return pixels

    def rounds(self) -> bool:
        """Whether weights are taken as ``rounding.write`` left them."""
        return self.recipe.round_weights and self.recipe.per_channel

    def rounded(self) -> Mapping[int, Layer]:
        """What ``rounding.write`` found, by place in the ONNX graph; empty when there is none."""
        if self.tuned is not None:
            return read_layers(self.tuned / TUNED_LAYERS)
        if self.layers is None:
            return {}
        found = read_layers(self.layers)
        if not self.rounds():
            return {place: layer.as_it_was() for place, layer in found.items()}
        return found

    def check_put(self, done: bool, format_: str) -> None:
        """See that weights that were trained are in the graph.

        Raises:
            ConversionError: they are not, for it does not have all of the layers.
        """
        if self.tuned is not None and not done:
            raise ConversionError(
                f"the {format_} graph does not have every layer that was trained: leave --quantize-aware "
                "out, or choose --formats tflite"
            )

    def tuned_head(self) -> HeadWeights | None:
        """The head that the training of int8 found; None without one."""
        if self.tuned is None or not (self.tuned / TUNED_HEAD).is_file():
            return None
        with np.load(self.tuned / TUNED_HEAD, allow_pickle=False) as arrays:
            return HeadWeights(arrays["kernel"], arrays["bias"])

    def tuned_ranges(self) -> dict[str, tuple[float, float]] | None:
        """Ranges of the TFLite graph's activations that the training of int8 found; None without them."""
        if self.tuned is None:
            return None
        found: dict[str, tuple[float, float]] = json.loads((self.tuned / TUNED_RANGES).read_text("utf-8"))
        return found

    def wanted_logits(self) -> NDArray[np.float64] | None:
        """The float model's logits of the pictures; None when the head is not to be corrected."""
        if self.logits is None or not self.recipe.correct_head:
            return None
        with np.load(self.logits, allow_pickle=False) as arrays:
            logits: NDArray[np.float64] = arrays["logits"]
        return logits


@dataclass(frozen=True)
class ConvertedModel:
    """What a converter wrote."""

    files: tuple[str, ...]
    """Names below the request's folder."""
    seconds: float
    """What it took, without starting the process."""
    libraries: dict[str, str]
    """Name and version of the libraries that did the work."""
