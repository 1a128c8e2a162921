"""What child processes give back of the work that variants share. Light: the parent reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Steps = Literal["int8", "float16"]
"""What weights are rounded to."""

TUNED_LAYERS, TUNED_HEAD, TUNED_RANGES = "layers.npz", "head.npz", "ranges.json"
"""What the training of int8 writes (``aware/writing.py``): weights as ``rounding.write`` does, the head, and
the smallest and largest value of each activation of the ``.tflite`` graph by the tensor's name."""


@dataclass(frozen=True)
class FloatGraphs:
    """What ``graphs.write`` did."""

    seconds: dict[str, float]
    """By format, without starting the process."""
    libraries: dict[str, str]
    """Name and version of the libraries that did the work."""


@dataclass(frozen=True)
class Layer:
    """A convolution's weights before and after rounding."""

    before: NDArray[np.float32]
    """float32 (out, in / groups, height, width), as it was trained."""
    kernel: NDArray[np.float32]
    """The same, widened (``channel_ranges.py``) and rounded."""
    factor: NDArray[np.float32]
    """float32 (out,), what the outputs were multiplied by."""
    shift: NDArray[np.float32]
    """float32 (out,), to be added to the bias."""
    tied: bool = False
    """Whether it may only be changed together with the others that are tied."""

    def bias(self, before: NDArray[np.float32]) -> NDArray[np.float32]:
        """The bias that goes with the kernel; float32 (out,)."""
        return before.reshape(-1) * self.factor + self.shift

    def as_it_was(self) -> "Layer":
        """Not rounded; it only tells which layer it is."""
        return Layer(self.before, self.before, np.ones_like(self.factor), np.zeros_like(self.shift))


def read_layers(file: Path) -> dict[int, Layer]:
    """What ``rounding.write`` wrote, by the layer's place in the ONNX graph."""
    with np.load(file, allow_pickle=False) as arrays:
        places = [int(name.partition("_")[2]) for name in arrays.files if name.startswith("before_")]
        tied = {int(place) for place in arrays["tied"]}
        return {
            place: Layer(
                before=arrays[f"before_{place}"],
                kernel=arrays[f"kernel_{place}"],
                factor=arrays[f"factor_{place}"],
                shift=arrays[f"shift_{place}"],
                tied=place in tied,
            )
            for place in places
        }


@dataclass(frozen=True)
class LayerError:
    """What int8 costs in one convolution or matrix product."""

    index: int
    """Its place among the layers with weights, from 0, in the order of the graph."""
    name: str
    """As the exporter named it."""
    kind: str
    """``Conv``, ``Gemm`` or ``MatMul``."""
    kernel_shape: tuple[int, ...]
    """(outputs, inputs of a group, height, width) of a convolution, (outputs, inputs) of a product."""
    macs: int
    """Multiply-accumulates for one picture."""
    error: float
    """Mean square of what int8 adds to the logits, as a share of their variance; 0.01 is 20 dB."""


@dataclass(frozen=True)
class Equalised:
    """What ``equalisation.equalise`` changed."""

    tensors: int
    """Groups of tensors whose channels were scaled; tensors that an addition joins are one group."""
    largest_ratio: float
    """Largest scale over smallest scale within one group; 1 where nothing was changed."""
