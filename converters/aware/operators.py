"""What each operator of TFLite does with whole numbers and steps, as XNNPACK's kernels do it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from keras import ops

from edgetl.converters.aware.reading import Graph, Step
from edgetl.converters.aware.steps import LEAST, MOST, Codes, Grid, Kernel, real, rounded
from edgetl.converters.flatbuffer import Op

_RELU, _RELU_BETWEEN_ONES, _RELU6 = (
    schema.ActivationFunctionType.RELU,
    schema.ActivationFunctionType.RELU_N1_TO_1,
    schema.ActivationFunctionType.RELU6,
)


@dataclass(frozen=True)
class Place:
    """An operator, and all that has been computed in front of it."""

    kernels: Mapping[int, Kernel]
    grids: Mapping[int, Grid]
    """Of the whole network, by the output of their operator; not of outputs whose steps stay as they are."""
    graph: Graph
    step: Step
    found: Mapping[int, Any]

    def read(self, number: int) -> Any:
        """An input: codes, float numbers or a constant."""
        index = self.step.inputs[number]
        constant = self.graph.tensors[index].values
        return self.found[index] if constant is None else constant

    def written(self, values: Any, scale: Any = 1.0) -> Any:
        """The output: ``values * scale`` behind the operator's activation, in the output's steps."""
        function = self.step.options.get("fusedActivationFunction", 0)
        if not self.graph.is_int8(self.step.output):
            return _bounded(values * scale, function, 1.0)
        step, zero = self.steps()
        # The quotient first, as the kernels of XNNPACK have it.
        codes = _bounded(values * (scale / step), function, step)
        return Codes(rounded(ops.clip(codes, LEAST - zero, MOST - zero)), step)

    def steps(self) -> tuple[Any, Any]:
        """Size of a step and zero point of the output."""
        grid = self.grids.get(self.step.output)
        if grid is not None:
            return grid.steps()
        tensor = self.graph.tensors[self.step.output]
        return tensor.scale, tensor.zero


def _bounded(values: Any, function: int, step: Any) -> Any:
    """A fused activation, on values in units of ``step``."""
    if function == _RELU:
        return ops.maximum(values, 0.0)
    if function == _RELU6:
        return ops.clip(values, 0.0, rounded(6.0 / step))
    if function == _RELU_BETWEEN_ONES:
        return ops.clip(values, -1.0 / step, 1.0 / step)
    return values


def _weighted(product: Callable[[Place, Any, Any], Any]) -> Callable[[Place], Any]:
    """An operator with weights, by what multiplies inputs and kernel."""

    def rule(place: Place) -> Any:
        layer, inputs = place.kernels[place.step.output], place.read(0)
        if not isinstance(inputs, Codes):
            return place.written(product(place, inputs, layer.kernel) + layer.bias)
        codes, step = layer.codes(inputs.scale)
        scale = inputs.scale * step
        bias = rounded(layer.bias / scale)
        return place.written(product(place, inputs.whole, codes) + bias, scale)

    return rule


def _geometry(step: Step) -> dict[str, Any]:
    options = step.options
    return {
        "strides": (options["strideH"], options["strideW"]),
        "padding": "same" if options["padding"] == schema.Padding.SAME else "valid",
        "data_format": "channels_last",
    }


def _dilation(step: Step) -> tuple[int, int]:
    return step.options["dilationHFactor"], step.options["dilationWFactor"]


def _convolved(place: Place, values: Any, kernel: Any) -> Any:
    turned = ops.transpose(kernel, (1, 2, 3, 0))
    return ops.conv(values, turned, dilation_rate=_dilation(place.step), **_geometry(place.step))


def _depthwise(place: Place, values: Any, kernel: Any) -> Any:
    _, height, width, outputs = kernel.shape
    inputs = values.shape[-1]
    parted = ops.reshape(kernel, (height, width, inputs, outputs // inputs))
    options = _geometry(place.step)
    return ops.depthwise_conv(values, parted, dilation_rate=_dilation(place.step), **options)


def _multiplied(_place: Place, values: Any, kernel: Any) -> Any:
    return ops.matmul(ops.reshape(values, (-1, kernel.shape[1])), ops.transpose(kernel))


def _sum(sign: float) -> Callable[[Place], Any]:
    return lambda place: place.written(real(place.read(0)) + sign * real(place.read(1)))


def _product(place: Place) -> Any:
    one, other = place.read(0), place.read(1)
    if isinstance(one, Codes) and isinstance(other, Codes):
        return place.written(one.whole * other.whole, one.scale * other.scale)
    return place.written(real(one) * real(other))


def _mean(place: Place) -> Any:
    axes = tuple(int(axis) for axis in np.atleast_1d(place.read(1)))
    values, keep = place.read(0), bool(place.step.options["keepDims"])
    if isinstance(values, Codes):
        return place.written(ops.mean(values.whole, axis=axes, keepdims=keep), values.scale)
    return ops.mean(values, axis=axes, keepdims=keep)


def _function(function: Callable[[Any], Any]) -> Callable[[Place], Any]:
    """A function of single numbers."""
    return lambda place: place.written(function(real(place.read(0))))


def _moved(change: Callable[[Place, Any], Any]) -> Callable[[Place], Any]:
    """An operator that keeps the steps of its input."""

    def rule(place: Place) -> Any:
        values = place.read(0)
        if isinstance(values, Codes):
            return Codes(rounded(change(place, values.whole)), values.scale)
        return change(place, values)

    return rule


def _padded(place: Place, values: Any) -> Any:
    return ops.pad(values, [(int(first), int(last)) for first, last in place.read(1)])


def _reshaped(place: Place, values: Any) -> Any:
    return ops.reshape(values, (-1, *place.graph.tensors[place.step.output].shape[1:]))


def _pooled(pool: Callable[..., Any]) -> Callable[[Place, Any], Any]:
    def change(place: Place, values: Any) -> Any:
        options = place.step.options
        size = (options["filterHeight"], options["filterWidth"])
        return pool(values, size, **_geometry(place.step))

    return change


def _joined(place: Place) -> Any:
    parts = [place.read(number) for number in range(len(place.step.inputs))]
    return place.written(ops.concatenate([real(part) for part in parts], axis=place.step.options["axis"]))


RULES: Mapping[int, Callable[[Place], Any]] = {
    Op.CONV_2D: _weighted(_convolved),
    Op.DEPTHWISE_CONV_2D: _weighted(_depthwise),
    Op.FULLY_CONNECTED: _weighted(_multiplied),
    Op.ADD: _sum(1.0),
    Op.SUB: _sum(-1.0),
    Op.MUL: _product,
    Op.MEAN: _mean,
    Op.LOGISTIC: _function(ops.sigmoid),
    Op.HARD_SWISH: _function(lambda values: values * ops.relu6(values + 3.0) / 6.0),
    Op.RELU: _function(ops.relu),
    Op.RELU6: _function(ops.relu6),
    Op.QUANTIZE: _function(lambda values: values),
    Op.DEQUANTIZE: lambda place: real(place.read(0)),
    Op.PAD: _moved(_padded),
    Op.RESHAPE: _moved(_reshaped),
    Op.MAX_POOL_2D: _moved(_pooled(ops.max_pool)),
    Op.AVERAGE_POOL_2D: _moved(_pooled(ops.average_pool)),
    Op.CONCATENATION: _joined,
}
"""Every operator that can be simulated."""
