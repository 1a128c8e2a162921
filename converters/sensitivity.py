"""Which layers int8 hurts: the error of the whole network when one layer alone is int8.

Measured on the ONNX graph, whose layers stand in the same order in the other formats.
"""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from edgetl.converters.results import LayerError
from edgetl.errors import ConversionError
from edgetl.files import scratch_folder
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine

PARTS = ("weights", "input", "output")
"""What of a layer int8 rounds."""
PICTURES = 16
"""Four times as many found the same worst layer and five of the same six worst, for EfficientNet-Lite0 on
photos of insects and on photos of solar cells. Each layer runs the network on each picture."""
_FLOOR = 1e-12
"""Smaller probabilities count as this, so that their logarithm stays finite."""
_ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh")
_NO_SOFTMAX = 0.01
"""How far from 1 probabilities sum up that no single softmax has made, even in half precision."""


def measure(graph: Path, pictures: Path) -> tuple[LayerError, ...]:
    """:func:`layer_errors` of files, for a child process; the first :data:`PICTURES` pictures are used."""
    return layer_errors(graph.read_bytes(), np.load(pictures, mmap_mode="r")[:PICTURES])


def layer_errors(
    graph: bytes,
    pictures: NDArray[np.uint8],
    *,
    parts: Collection[str] = PARTS,
    threads: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[LayerError, ...]:
    """The error of each layer with weights when it alone is int8, in the order of the graph.

    The error is taken on logits, not on probabilities: these hardly move on pictures the network is sure
    of, and would hide a damaged layer. Logits are recovered as the logarithm of the probabilities, up to
    the constant of each row that the softmax drops; those of several tasks or labels as their log odds.

    Args:
        graph: float ``.onnx``, uint8 ``pixels`` (1, h, w, 3) in, ``probabilities`` (1, classes) out.
        pictures: uint8 (n, h, w, 3); about :data:`PICTURES`. Ranges are their extremes.
        parts: which of :data:`PARTS` to round: weights to int8 with a scale for each output, the others
            to 256 steps of one scale and zero point.
        threads: for ONNX Runtime.
        advance: is told 1 after each layer.

    Raises:
        ConversionError: the graph has no layer with constant weights.
    """
    model = _prepared(graph)
    layers = _layers(model)
    if not layers:
        raise ConversionError("the graph has no convolution or matrix product whose error could be measured")
    probes = dict.fromkeys(name for layer in layers for name in (layer.source, layer.target))
    ranges, shapes, reference = _ranges(model, tuple(probes), pictures, threads)
    variance = float(np.mean((reference - reference.mean(axis=0)) ** 2)) or 1.0
    rows = []
    for index, layer in enumerate(layers):
        rounded = _with_int8(model, layer, ranges, parts)
        error = float(np.mean((_logits(rounded, pictures, threads) - reference) ** 2)) / variance
        shape = layer.weights.shape
        positions = prod(shapes[layer.target]) // layer.outputs
        rows.append(
            LayerError(
                index=index,
                name=layer.node.name,
                kind=layer.node.op_type,
                kernel_shape=shape if layer.axis == 0 else shape[::-1],
                macs=positions * prod(shape),
                error=error,
            )
        )
        advance(1)
    return tuple(rows)


@dataclass(frozen=True)
class _Layer:
    node: Any
    weights: NDArray[np.float32]
    axis: int
    """Of ``weights``: the one of the outputs."""
    source: str
    """The tensor it reads."""
    target: str
    """The tensor it writes, behind the bias and the activation that engines fuse with it."""
    exact: bool
    """It reads the pixels themselves, which 8 bits hold without loss."""

    @property
    def outputs(self) -> int:
        return int(self.weights.shape[self.axis])


def _prepared(graph: bytes) -> onnx.ModelProto:
    """Batch normalisation folded, as it is before quantization; the batch stays 1."""
    with scratch_folder() as scratch:
        before, after = scratch / "graph.onnx", scratch / "prepared.onnx"
        before.write_bytes(graph)
        quant_pre_process(before, after, skip_symbolic_shape=True)
        return onnx.load(after)


def _layers(model: onnx.ModelProto) -> list[_Layer]:
    constants = {constant.name: constant for constant in model.graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found: list[_Layer] = []
    # Pixels are 8 bits wide already, and the converters make their steps the ones of the input.
    pixels = {source.name for source in model.graph.input}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in constants:
            weights = numpy_helper.to_array(constants[node.input[1]])
            transposed = any(item.name == "transB" and item.i for item in node.attribute)
            axis = 0 if node.op_type == "Conv" or transposed else weights.ndim - 1
            target = _fused(node.output[0], readers, constants)
            found.append(_Layer(node, weights, axis, node.input[0], target, exact=node.input[0] in pixels))
        elif all(name in pixels or name in constants for name in node.input):
            pixels.update(node.output)
    return found


def _fused(tensor: str, readers: Mapping[str, Sequence[Any]], constants: Collection[str]) -> str:
    """The tensor behind the bias and activation of a layer, which never leave the accumulator."""
    while len(readers.get(tensor, ())) == 1:
        (node,) = readers[tensor]
        is_bias = node.op_type == "Add" and any(name in constants for name in node.input)
        if not is_bias and node.op_type not in _ACTIVATIONS:
            break
        tensor = node.output[0]
        if not is_bias:
            break
    return tensor


def _ranges(
    model: onnx.ModelProto, names: Sequence[str], pictures: NDArray[np.uint8], threads: int
) -> tuple[dict[str, tuple[float, float]], dict[str, tuple[int, ...]], NDArray[np.float64]]:
    """Extremes and shapes of tensors, and the logits, (n, classes)."""
    probed = copy.deepcopy(model)
    there = {output.name for output in model.graph.output}
    extra = [name for name in names if name not in there]
    probed.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in extra)
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    logits = []
    with _engine(probed, threads) as engine:
        order = [output.name for output in probed.graph.output]
        for picture in pictures:
            for name, value in zip(order, engine.run(np.array(picture[np.newaxis])), strict=True):
                lows[name] = min(lows.get(name, 0.0), float(value.min()))
                highs[name] = max(highs.get(name, 0.0), float(value.max()))
                shapes[name] = value.shape
                if name == "probabilities":
                    logits.append(_centred(value))
    return {name: (lows[name], highs[name]) for name in order}, shapes, np.concatenate(logits)


def _with_int8(
    model: onnx.ModelProto,
    layer: _Layer,
    ranges: Mapping[str, tuple[float, float]],
    parts: Collection[str],
) -> onnx.ModelProto:
    """The model with one layer that answers as if it were int8."""
    changed = copy.deepcopy(model)
    graph = changed.graph
    place = next(place for place, node in enumerate(graph.node) if node.output[0] == layer.node.output[0])
    if "weights" in parts:
        graph.initializer.append(numpy_helper.from_array(_rounded(layer.weights, layer.axis), "int8/weights"))
        graph.node[place].input[1] = "int8/weights"
    if "output" in parts and layer.target not in {output.name for output in graph.output}:
        for node in graph.node:
            node.input[:] = ["int8/output" if name == layer.target else name for name in node.input]
        writer = next(at for at, node in enumerate(graph.node) if layer.target in node.output)
        _insert(graph, writer + 1, layer.target, "int8/output", ranges[layer.target])
    if "input" in parts and not layer.exact:
        graph.node[place].input[0] = "int8/input"
        _insert(graph, place, layer.source, "int8/input", ranges[layer.source])
    return changed


def _insert(graph: Any, place: int, source: str, target: str, extremes: tuple[float, float]) -> None:
    """Round a tensor to 256 steps between its extremes, zero among them.

    Plain arithmetic: between QuantizeLinear and DequantizeLinear, ONNX Runtime would round the weights
    too, with one scale for the whole kernel (seen with 1.31).
    """
    low, high = extremes
    scale = (high - low) / 255 or 1.0
    zero = round(-low / scale)
    constants = [f"{target}/{name}" for name in ("scale", "low", "high")]
    for name, value in zip(constants, (scale, -zero, 255 - zero), strict=True):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    steps = (
        helper.make_node("Div", [source, constants[0]], [f"{target}/scaled"]),
        helper.make_node("Round", [f"{target}/scaled"], [f"{target}/rounded"]),
        helper.make_node("Clip", [f"{target}/rounded", *constants[1:]], [f"{target}/clipped"]),
        helper.make_node("Mul", [f"{target}/clipped", constants[0]], [target]),
    )
    for step in reversed(steps):
        graph.node.insert(place, step)


def _rounded(weights: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """To multiples -127 to 127 of one scale for each output."""
    others = tuple(other for other in range(weights.ndim) if other != axis)
    scale = np.abs(weights).max(axis=others, keepdims=True) / 127
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.asarray(np.round(weights / scale) * scale, np.float32)


def _logits(model: onnx.ModelProto, pictures: NDArray[np.uint8], threads: int) -> NDArray[np.float64]:
    place = [output.name for output in model.graph.output].index("probabilities")
    with _engine(model, threads) as engine:
        return _centred(engine.run(pictures)[place])


def _centred(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    values = np.log(np.maximum(probabilities.astype(np.float64), _FLOOR))
    if np.abs(probabilities.sum(axis=1) - 1).max() > _NO_SOFTMAX:
        return np.asarray(values - np.log(np.maximum(1 - probabilities.astype(np.float64), _FLOOR)))
    return np.asarray(values - values.mean(axis=1, keepdims=True))


def _engine(model: onnx.ModelProto, threads: int) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine({"model.onnx": model.SerializeToString()}, num_threads=threads)
