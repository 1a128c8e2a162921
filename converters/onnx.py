"""ONNX: ONNX Runtime's quantization makes int8 and dynamic of the float graph; TensorFlow is not loaded."""

import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import quantization

from edgetl.converters import head_correction, metadata, onnx_edit, onnx_float16, onnx_input, rounding
from edgetl.converters.request import FLOAT_HEAD_SHARE, ConversionRequest, ConvertedModel, Recipe
from edgetl.converters.results import Layer
from edgetl.files import scratch_folder, write_bytes

_MIDDLE = 128
"""Zero point of uint8 weights that lie evenly around 0."""
_FLOAT_FIRST_SHARE = 0.05
"""A first layer that is a smaller share of the multiply-accumulates stays in float in ``dynamic``: it reads
pixels, and a scale for the range of each picture would not meet their steps."""


def convert(request: ConversionRequest) -> ConvertedModel:
    """Write ``model.onnx``: uint8 (1, height, width, 3) in, float32 (1, classes) out, no external data.

    Raises:
        UsageError: int8 without calibration pictures.
        ConversionError: layers are to stay in float that this graph does not have.
    """
    start = time.perf_counter()
    with scratch_folder() as scratch:
        model = _PRECISIONS[request.precision](onnx.load(request.graph), request, Path(scratch))
    if request.facts is not None:
        metadata.into_onnx(model, request.facts)
    write_bytes(request.out / "model.onnx", model.SerializeToString(deterministic=True))
    libraries = {"onnx": onnx.__version__, "onnxruntime": version("onnxruntime")}
    return ConvertedModel(("model.onnx",), time.perf_counter() - start, libraries)


def _float32(model: onnx.ModelProto, _request: ConversionRequest, _scratch: Path) -> onnx.ModelProto:
    return model


def _float16(model: onnx.ModelProto, request: ConversionRequest, _scratch: Path) -> onnx.ModelProto:
    _round(model, request.rounded())
    onnx_float16.halve(model)
    return model


def _dynamic(model: onnx.ModelProto, request: ConversionRequest, scratch: Path) -> onnx.ModelProto:
    _round(model, request.rounded())
    written = scratch / "dynamic.onnx"
    kept = _small_head(model)
    shares = onnx_edit.shares(model)
    first = [layer.name for layer in onnx_edit.weighted(model)[:1] if shares[layer.name] < _FLOAT_FIRST_SHARE]
    quantization.quantize_dynamic(
        model,
        written,
        # ONNX Runtime has no ConvInteger kernel for signed weights.
        weight_type=quantization.QuantType.QUInt8,
        # It parts a Gemm into a product and an addition before it looks at names.
        nodes_to_exclude=[*first, *kept, *(f"{name}_MatMul" for name in kept)],
    )
    quantized = onnx.load(written)
    _scale_each_channel(quantized, model)
    return _with_corrected_head(quantized, request) if kept else quantized


def _scale_each_channel(quantized: onnx.ModelProto, model: onnx.ModelProto) -> None:
    """Give the integer convolutions a scale for each output channel instead of one for the kernel.

    ``quantize_dynamic`` cannot: ``ConvInteger`` takes one zero point. But the scale is multiplied in behind
    it, where a vector does as well; and with all zero points in the middle one is enough.
    """
    constants = {tensor.name: tensor for tensor in quantized.graph.initializer}
    floats = {tensor.name for tensor in model.graph.initializer}
    for node in quantized.graph.node:
        name = node.input[1].removesuffix("_quantized") if node.op_type == "ConvInteger" else ""
        if name not in floats:
            continue
        kernel = onnx_edit.constant(model, name)
        steps = np.abs(kernel).max(axis=tuple(range(1, kernel.ndim)), keepdims=True) / 127
        steps[steps == 0] = 1.0
        whole = np.clip(np.round(kernel / steps), -127, 127) + _MIDDLE
        for part, values in (
            (f"{name}_quantized", whole.astype(np.uint8)),
            (f"{name}_zero_point", np.uint8(_MIDDLE).reshape(())),
            (f"{name}_scale", steps.reshape(1, -1, *steps.shape[2:]).astype(np.float32)),
        ):
            constants[part].CopyFrom(onnx.numpy_helper.from_array(np.asarray(values), part))


def _int8(model: onnx.ModelProto, request: ConversionRequest, scratch: Path) -> onnx.ModelProto:
    kept = _kept_in_float(model, request.recipe, request.rounded())
    request.check_put(_round(model, request.rounded()), "ONNX")
    head, trained = onnx_edit.find_head(model), request.tuned_head()
    if head is not None and trained is not None:
        onnx_edit.set_head(model, head, trained)
    onnx_input.fold(model)
    quantized = _quantized(model, request, kept, scratch)
    return _with_corrected_head(quantized, request) if _small_head(model) else quantized


def _with_corrected_head(quantized: onnx.ModelProto, request: ConversionRequest) -> onnx.ModelProto:
    head, logits = onnx_edit.find_head(quantized), request.wanted_logits()
    if head is None or logits is None:
        return quantized
    with onnx_edit.with_features(quantized, head) as engine:
        found = head_correction.features(engine, request.pictures())
    corrected = head_correction.correct(onnx_edit.head_weights(quantized, head), logits, found)
    onnx_edit.set_head(quantized, head, corrected)
    return quantized


_PRECISIONS: Mapping[str, Callable[[onnx.ModelProto, ConversionRequest, Path], onnx.ModelProto]] = {
    "float32": _float32,
    "float16": _float16,
    "dynamic": _dynamic,
    "int8": _int8,
}


def _round(model: onnx.ModelProto, layers: Mapping[int, Layer]) -> bool:
    """Put weights onto the steps that ``rounding.py`` or training chose; says whether all are there."""

    def put(node: onnx.NodeProto, layer: Layer) -> None:
        bias = onnx_edit.constant(model, node.input[2])
        onnx_edit.set_constant(model, node.input[1], layer.kernel)
        onnx_edit.set_constant(model, node.input[2], layer.bias(bias))

    constants = {tensor.name for tensor in model.graph.initializer}
    nodes = [node for node in onnx_edit.weighted(model) if node.op_type == "Conv" and len(node.input) == 3]
    return rounding.apply(
        [(node, onnx_edit.constant(model, node.input[1])) for node in nodes if node.input[2] in constants],
        layers,
        put,
    )


class _Pictures(quantization.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self._rest: Iterator[NDArray[np.uint8]] = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        picture = next(self._rest, None)
        return None if picture is None else {"pixels": np.array(picture[np.newaxis])}


def _quantized(
    model: onnx.ModelProto, request: ConversionRequest, kept: list[str], scratch: Path
) -> onnx.ModelProto:
    recipe, work = request.recipe, request.work or scratch
    source, written = onnx.ModelProto(), scratch / "quantized.onnx"
    source.CopyFrom(model)
    quantization.quantize_static(
        source,
        written,
        _Pictures(request.pictures()[: recipe.pictures]),
        quant_format=quantization.QuantFormat.QDQ,
        # What the fast kernels of x86-64 and ARM take together.
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        # One scale for a whole kernel costs EfficientNet-Lite0 six points.
        per_channel=recipe.per_channel,
        nodes_to_exclude=kept,
        extra_options={"CalibMovingAverage": recipe.ranges == "averaged", **onnx_input.exact_range(model)},
        # Later rungs of the ladder read the ranges of the first.
        calibration_cache_path=work / f"onnx-{recipe.ranges}-{recipe.pictures}-{request.rounds()}.json",
    )
    return onnx.load(written)


def _kept_in_float(model: onnx.ModelProto, recipe: Recipe, layers: Mapping[int, Layer]) -> list[str]:
    """Names of the nodes of the normalisation, of what is behind the head, of a small head and of the
    chosen layers."""
    rounding.check_found(recipe.float_layers, set(layers), "ONNX")
    first = onnx_edit.first_weighted_place(model)
    kept = [node.name for node in model.graph.node[:first] if node.op_type != "Transpose"]
    behind = onnx_edit.find_tail(model)
    kept += [node.name for node in (behind.nodes if behind is not None else ())]
    kept += [node.name for node in model.graph.node if node.op_type == "Softmax" and node.name not in kept]
    kept += [
        layer.name for place, layer in enumerate(onnx_edit.weighted(model)) if place in recipe.float_layers
    ]
    return [*kept, *_small_head(model)]


def _small_head(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes of a head that is small; none of any other."""
    head = onnx_edit.find_head(model)
    if head is None or onnx_edit.shares(model)[head.nodes[0]] >= FLOAT_HEAD_SHARE:
        return []
    return list(head.nodes)
