"""What of an int8 file is trained: weights, biases, and the steps of feature maps."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.converters import tflite_bias
from edgetl.converters.aware.reading import Tensor

Floats = NDArray[np.float32]

LEAST, MOST = -128, 127
LARGEST = 127
"""Codes of weights lie evenly around 0."""
_SMALLEST = 1e-9
"""Of a kernel's largest weight, as ai-edge-quantizer takes it."""
_PACE = 10.0
"""How much faster the logarithm of a range learns than a weight."""


@dataclass(frozen=True)
class Codes:
    """An int8 tensor."""

    whole: Any
    """float32 of whole numbers: code less zero point."""
    scale: Any
    """float32 (), the size of a step."""


def rounded(values: Any) -> Any:
    """The nearest whole numbers, even ones at a half; the gradient passes."""
    return values + ops.stop_gradient(ops.round(values) - values)


def real(values: Any) -> Any:
    """Codes as the numbers they mean; float numbers as they are."""
    return values.whole * values.scale if isinstance(values, Codes) else values


class Grid(keras.layers.Layer):  # type: ignore[misc]
    """The 256 steps of a tensor."""

    def __init__(self, tensor: Tensor, number: int) -> None:
        """Start from the file's; ``number`` is the tensor's."""
        super().__init__(name=f"grid_{number}")
        assert tensor.scale is not None  # who calls has looked
        assert tensor.zero is not None
        # In steps, so that what has not learned anything is exactly as it was.
        self._scale, self._ends = np.float32(tensor.scale), np.array([LEAST, MOST], np.float32) - tensor.zero
        self.reach = self.add_weight((2,), "zeros", name="reach")
        self.built = True

    def steps(self) -> tuple[Any, Any]:
        """Size of a step and zero point, both float32 ()."""
        low, high = ops.unstack(self._ends * ops.exp(_PACE * self.reach))
        span = (high - low) / 255
        return span * self._scale, rounded(LEAST - low / span)


class Kernel(keras.layers.Layer):  # type: ignore[misc]
    """Weights and bias of one operator, as float numbers.

    What is learned is their change, in units of what they are: a folded normalisation leaves channels whose
    weights differ by orders of magnitude, and a step of the optimizer is of one size for all.
    """

    def __init__(
        self, kernel: Floats, bias: Floats, *, along: int, reach: float, quantized: bool, number: int
    ) -> None:
        """Keep them.

        Args:
            kernel: as TFLite has it, float32 (out, height, width, in), depthwise (1, height, width, out), or
                (out, in) of a matrix product.
            bias: float32 (out,).
            along: the axis of the output channels.
            quantized: whether the file has it in int8.
            reach: how large the outputs are, which is the unit of the bias.
            number: of the operator.
        """
        super().__init__(name=f"kernel_{number}")
        self.quantized = quantized
        """Whether the file has it in int8."""
        self._axes = [axis for axis in range(kernel.ndim) if axis != along]
        self._across = tuple(-1 if axis == along else 1 for axis in range(kernel.ndim))
        self._kernel, self._bias, self._reach = kernel, bias, np.float32(reach)
        self._unit = np.abs(kernel).max(axis=tuple(self._axes), keepdims=True)
        self.change = self.add_weight(kernel.shape, "zeros", name="kernel")
        self.shift = self.add_weight(bias.shape, "zeros", name="bias")
        self.built = True

    @property
    def kernel(self) -> Any:
        """float32, of the shape it was given in."""
        # The variable first: NumPy would take it for an array.
        return self.change * self._unit + self._kernel

    @property
    def bias(self) -> Any:
        """float32 (out,)."""
        return self.shift * self._reach + self._bias

    def top(self) -> Any:
        """The largest weight of each output channel, in the kernel's shape."""
        return ops.maximum(ops.max(ops.abs(self.kernel), axis=self._axes, keepdims=True), _SMALLEST)

    def codes(self, unit: Any) -> tuple[Any, Any]:
        """Whole numbers of the kernel's shape, and the size of each output channel's step, (out,).

        Args:
            unit: the size of the inputs' steps, which decides where ``tflite_bias.py`` makes these larger.
        """
        kernel, top = self.kernel, self.top()
        least = ops.reshape(ops.abs(self.bias) / (tflite_bias.MOST * unit), self._across)
        step = ops.stop_gradient(ops.maximum(top / LARGEST, least))
        return rounded(kernel / step), ops.reshape(step, (-1,))
