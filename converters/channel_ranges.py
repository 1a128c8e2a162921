"""Widen the channels of a feature map that use few of its 255 steps.

A feature map has one scale, so a channel whose values stay small is told apart in few steps. Where the map
goes from one convolution to the next, each channel may be multiplied by a number of its own and the next
kernel's inputs divided by it: the model says the same, as ReLU lets the number through, and ReLU6 does too
while the channel stays below 6. It is the cross-layer equalisation of Nagel et al. (ICCV 2019) by what the
activations show instead of by the weights, whose own scale for each output channel takes it up for nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgetl.converters import onnx_edit
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine

Floats = NDArray[np.float64]

PICTURES = 200
_SPREADS = 2.0
"""A channel may grow beyond what any picture showed, before ReLU6 cuts it, by so many times the standard
deviation of the largest values that single pictures show."""
_MOST = 8.0
"""Largest number; a channel that pictures hardly touch gains nothing from more, and may be cut."""
_FURTHEST = 8
"""Largest stride of a feature map, in pixels. In deeper maps channels speak of classes and are mostly
silent, so pictures do not show their range: widened too, they cost EfficientNet-Lite0 on ImageNet more than
they gave it."""


@dataclass(frozen=True)
class Widened:
    """By what a convolution was changed."""

    outputs: Floats
    """float64 (out,), what each was multiplied by."""
    inputs: Floats
    """float64 (in,), what each comes multiplied by, and the kernel was divided by."""


@dataclass(frozen=True)
class Link:
    """Two convolutions and the feature map between them, which nothing else reads."""

    first: int
    second: int
    """Their places among ``onnx_edit.weighted``."""
    values: str
    """What the second reads."""
    bound: float
    """Where the activation between them cuts; infinite for ReLU and for none."""


def widen(model: onnx.ModelProto, pixels: NDArray[np.uint8]) -> dict[int, Widened]:
    """Change kernels and biases of a float graph in place.

    Args:
        model: float graph that takes ``pixels``.
        pixels: uint8 (n, height, width, 3), train pictures.

    Returns:
        Each convolution that was changed, by its place.
    """
    links = list(_links(model))
    layers = onnx_edit.weighted(model)
    changes: dict[int, Widened] = {}

    def change(place: int, *, outputs: Floats | None = None, inputs: Floats | None = None) -> None:
        kernel, bias = (onnx_edit.constant(model, name) for name in layers[place].input[1:3])
        groups = groups_of(layers[place])
        before = changes.get(place, Widened(np.ones(len(kernel)), np.ones(groups * kernel.shape[1])))
        if outputs is not None:
            onnx_edit.set_constant(model, layers[place].input[1], _as_float32(kernel.T * outputs).T)
            onnx_edit.set_constant(model, layers[place].input[2], _as_float32(bias * outputs))
            changes[place] = replace(before, outputs=outputs)
        if inputs is not None:
            parted = kernel.reshape(groups, -1, *kernel.shape[1:]) / inputs.reshape(groups, 1, -1, 1, 1)
            onnx_edit.set_constant(model, layers[place].input[1], _as_float32(parted))
            changes[place] = replace(before, inputs=inputs)

    for link, top in zip(links, _tops(model, links, pixels), strict=True):
        # Without a bound the widest channel sets the scale; with one, all may come near it.
        target = link.bound if np.isfinite(link.bound) else top.max()
        # A channel that no picture wakes gains nothing.
        factor = np.where(top > 0, np.clip(target / np.maximum(top, 1e-12), 1.0, _MOST), 1.0)
        change(link.first, outputs=factor)
        change(link.second, inputs=factor)
    return changes


def _as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def groups_of(convolution: onnx.NodeProto) -> int:
    """How many groups of channels it keeps apart."""
    options = {item.name: onnx.helper.get_attribute_value(item) for item in convolution.attribute}
    return int(options.get("group", 1))


def _links(model: onnx.ModelProto) -> Iterator[Link]:
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    places = {node.name: place for place, node in enumerate(onnx_edit.weighted(model))}
    unique, near = _without_twins(model), _near_the_pixels(model)
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    ends = {output.name for output in model.graph.output}

    def is_open(node: onnx.NodeProto) -> bool:
        """Whether it is a convolution that can be changed in every format."""
        return node.name in unique and len(node.input) == 3 and node.input[2] in constants

    for first in model.graph.node:
        values, bound = first.output[0], np.inf
        while is_open(first) and values not in ends and len(readers.get(values, ())) == 1:
            (reader,) = readers[values]
            if is_open(reader) and reader.input[0] == values and values in near:
                yield Link(places[first.name], places[reader.name], values, bound)
                break
            top = _bound(reader, constants)
            if top is None:
                break
            values, bound = reader.output[0], min(bound, top)


def _bound(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> float | None:
    """Where a function cuts that lets positive numbers through; None for any other."""
    if node.op_type in ("Relu", "LeakyRelu"):
        return np.inf
    if node.op_type != "Clip" or len(node.input) != 3 or not {*node.input[1:]} <= {*constants}:
        return None
    low, high = (float(onnx.numpy_helper.to_array(constants[name])) for name in node.input[1:])
    return high if low == 0 and high > 0 else None


def _near_the_pixels(model: onnx.ModelProto) -> set[str]:
    """Names of the feature maps whose stride is at most ``_FURTHEST``."""
    shaped = onnx.shape_inference.infer_shapes(model)
    _, height, width, _ = (size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim)
    maps = {
        info.name: [size.dim_value for size in info.type.tensor_type.shape.dim]
        for info in shaped.graph.value_info
    }
    return {
        name
        for name, shape in maps.items()
        if len(shape) == 4 and shape[2] * _FURTHEST >= height and shape[3] * _FURTHEST >= width
    }


def _without_twins(model: onnx.ModelProto) -> set[str]:
    """Names of convolutions whose kernel no other has: other formats find them by it."""
    kernels = {
        node.name: onnx_edit.constant(model, node.input[1])
        for node in onnx_edit.weighted(model)
        if node.op_type == "Conv"
    }
    return {
        name
        for name, kernel in kernels.items()
        if kernel.ndim == 4
        and not any(onnx_edit.same_kernel(kernel, other) for twin, other in kernels.items() if twin != name)
    }


def _tops(model: onnx.ModelProto, links: Sequence[Link], pixels: NDArray[np.uint8]) -> Iterator[Floats]:
    """The largest absolute value to expect of each channel of each link."""
    if not links:
        return
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    del extended.graph.output[1:]
    for link in links:
        size, top = f"{link.values}_size", f"{link.values}_top"
        extended.graph.node.append(onnx.helper.make_node("Abs", [link.values], [size], name=size))
        extended.graph.node.append(onnx.helper.make_node("GlobalMaxPool", [size], [top], name=top))
        extended.graph.output.append(onnx.helper.make_tensor_value_info(top, onnx.TensorProto.FLOAT, None))
    with OnnxRuntimeEngine({"model.onnx": extended.SerializeToString()}, num_threads=1) as engine:
        rows = [engine.run(np.array(picture[np.newaxis]))[1:] for picture in pixels[:PICTURES]]
    for seen in zip(*rows, strict=True):
        tops = np.stack(seen).reshape(len(rows), -1).astype(np.float64)
        yield tops.max(axis=0) + _SPREADS * tops.std(axis=0)
