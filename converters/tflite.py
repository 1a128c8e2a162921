"""TFLite: ai-edge-quantizer makes every precision of the float graph; TensorFlow is not loaded."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
from ai_edge_quantizer.utils import qsv_utils
from numpy.typing import NDArray

from edgetl.converters import flatbuffer, head_correction, metadata, rounding, tflite_bias, tflite_input
from edgetl.converters.flatbuffer import Op
from edgetl.converters.request import (
    FLOAT_HEAD_SHARE,
    ConversionRequest,
    ConvertedModel,
    HeadWeights,
    Recipe,
)
from edgetl.converters.results import Layer
from edgetl.errors import ConversionError
from edgetl.files import write_bytes
from edgetl.runtime.litert import LiteRTEngine

Ranges = dict[str, dict[str, NDArray[np.floating]]]
_OPERATIONS = qtyping.TFLOperationName


def convert(request: ConversionRequest) -> ConvertedModel:
    """Write ``model.tflite``: uint8 (1, height, width, 3) in, float32 (1, classes) out.

    Raises:
        UsageError: int8 or int16x8 without calibration pictures.
        ConversionError: layers are to stay in float that this graph does not have.
    """
    start = time.perf_counter()
    data = _PRECISIONS[request.precision](request)
    if request.precision != "float32":
        data = flatbuffer.write(flatbuffer.name_like(data, request.graph.read_bytes()))
    if request.facts is not None:
        data = metadata.into_tflite(data, request.facts)
    write_bytes(request.out / "model.tflite", data)
    libraries = {"ai-edge-quantizer": version("ai-edge-quantizer")}
    return ConvertedModel(("model.tflite",), time.perf_counter() - start, libraries)


def _float32(request: ConversionRequest) -> bytes:
    return request.graph.read_bytes()


def _float16(request: ConversionRequest) -> bytes:
    recipe = recipe_manager.RecipeManager()
    recipe.add_quantization_config(
        regex=".*",
        operation_name=_OPERATIONS.ALL_SUPPORTED,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(
                num_bits=16, dtype=qtyping.TensorDataType.FLOAT
            ),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
        algorithm_key="float_casting",
    )
    model = flatbuffer.read(request.graph.read_bytes())
    put(model, request.rounded())
    return _quantized(flatbuffer.write(model), recipe)


def _dynamic(request: ConversionRequest) -> bytes:
    recipe = recipe_manager.RecipeManager()
    recipe.add_dynamic_config(regex=".*", operation_name=_OPERATIONS.ALL_SUPPORTED, num_bits=8)
    model = flatbuffer.read(request.graph.read_bytes())
    if _head_is_small(model):
        _keep_head(recipe, model)
    put(model, request.rounded())
    return _with_corrected_head(_quantized(flatbuffer.write(model), recipe), model, request)


def _int16x8(request: ConversionRequest) -> bytes:
    # 16-bit activations leave the features as they were: there is no head to correct.
    model = flatbuffer.read(request.graph.read_bytes())
    recipe = _recipe(model, request, activation_bits=16)
    put(model, request.rounded())
    tflite_input.fold(model, exactly=False)
    graph = flatbuffer.write(model)
    quantized = flatbuffer.read(_quantized(graph, recipe, _ranges(graph, recipe, request)))
    for operator in flatbuffer.of_kind(quantized, (Op.ADD, Op.SUB)):
        # As the quantizer leaves it, LiteRT takes the scales of a sum for powers of two, which they are
        # not: it then refuses the model, or adds in steps that are too coarse.
        operator.builtinOptions.potScaleInt16 = False
    return flatbuffer.write(quantized)


def _int8(request: ConversionRequest) -> bytes:
    model = flatbuffer.read(request.graph.read_bytes())
    recipe = _recipe(model, request, activation_bits=8)
    request.check_put(put(model, request.rounded()), "TFLite")
    trained = request.tuned_head()
    head = flatbuffer.head(model)
    if trained is not None and head is not None:
        _set_weights(model, head, trained)
    tflite_input.fold(model, exactly=False)
    graph = flatbuffer.write(model)
    ranges = _ranges(graph, recipe, request)
    quantized = tflite_bias.mend(_quantized(graph, recipe, ranges), graph)
    return _with_corrected_head(quantized, model, request)


def _with_corrected_head(quantized: bytes, model: schema.ModelT, request: ConversionRequest) -> bytes:
    logits = request.wanted_logits()
    if logits is None or not _head_is_small(model):
        return quantized
    with _with_features(quantized) as engine:
        found = head_correction.features(engine, request.pictures())
    result = flatbuffer.read(quantized)
    head = flatbuffer.head(result)
    assert head is not None  # it is small, and so it is there and in float
    _set_weights(result, head, head_correction.correct(_weights(result, head), logits, found))
    return flatbuffer.write(result)


_PRECISIONS: Mapping[str, Callable[[ConversionRequest], bytes]] = {
    "float32": _float32,
    "float16": _float16,
    "dynamic": _dynamic,
    "int8": _int8,
    "int16x8": _int16x8,
}


def put(model: schema.ModelT, layers: Mapping[int, Layer]) -> bool:
    """Put weights onto the steps that ``rounding.py`` or training chose; says whether all are there."""

    def change(operator: schema.OperatorT, layer: Layer) -> None:
        before = _bias(model, operator)
        assert before is not None  # only layers that have one are given
        depthwise = flatbuffer.kind(model, operator) == Op.DEPTHWISE_CONV_2D
        turned = layer.kernel.transpose(1, 2, 3, 0) if depthwise else layer.kernel.transpose(0, 2, 3, 1)
        flatbuffer.replace_values(model, int(operator.inputs[1]), turned)
        flatbuffer.replace_values(model, int(operator.inputs[2]), layer.bias(before))

    return rounding.apply(
        [row for row in _kernels(model) if _bias(model, row[0]) is not None], layers, change
    )


def places(
    model: schema.ModelT, layers: Mapping[int, Layer]
) -> Iterator[tuple[int | None, schema.OperatorT]]:
    """The convolutions with a bias, and which of ``layers`` each is."""
    for operator, kernel in _kernels(model):
        if _bias(model, operator) is not None:
            yield rounding.place_of(kernel, layers), operator


def _bias(model: schema.ModelT, operator: schema.OperatorT) -> NDArray[np.float32] | None:
    return flatbuffer.values(model, int(operator.inputs[2])) if len(operator.inputs) > 2 else None


def _kernels(model: schema.ModelT) -> Iterator[tuple[schema.OperatorT, NDArray[np.float32]]]:
    """The convolutions and their kernels, (out, in / groups, height, width)."""
    for operator in flatbuffer.of_kind(model, (Op.CONV_2D, Op.DEPTHWISE_CONV_2D)):
        kernel = flatbuffer.values(model, int(operator.inputs[1]))
        if kernel is not None:
            depthwise = flatbuffer.kind(model, operator) == Op.DEPTHWISE_CONV_2D
            yield operator, kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)


def _recipe(
    model: schema.ModelT, request: ConversionRequest, *, activation_bits: int
) -> recipe_manager.RecipeManager:
    """Everything static but the input, what is behind the head, a small head and the layers that stay in
    float."""
    manager = recipe_manager.RecipeManager()
    granularity = qtyping.QuantGranularity
    manager.add_static_config(
        regex=".*",
        operation_name=_OPERATIONS.ALL_SUPPORTED,
        activation_num_bits=activation_bits,
        weight_num_bits=8,
        weight_granularity=granularity.CHANNELWISE if request.recipe.per_channel else granularity.TENSORWISE,
    )
    for operation in (_OPERATIONS.INPUT, _OPERATIONS.OUTPUT, _OPERATIONS.SOFTMAX):
        _keep(manager, operation)
    graph = flatbuffer.graph(model)
    operators = list(graph.operators)
    behind = flatbuffer.find_tail(model)
    kept = [*_kept_in_float(model, request.recipe, request.rounded()), *(behind.nodes if behind else ())]
    first = next((operator for operator, _ in _kernels(model)), None)
    if first is not None and any(operator is first for operator in kept):
        kept += operators[: operators.index(first)]
    for operator in kept:
        _keep(manager, _OPERATIONS.ALL_SUPPORTED, _only(model, operator))
    if _head_is_small(model):
        _keep_head(manager, model)
    return manager


def _keep_head(manager: recipe_manager.RecipeManager, model: schema.ModelT) -> None:
    head = flatbuffer.head(model)
    assert head is not None  # it is small, and so it is there
    _keep(manager, _OPERATIONS.FULLY_CONNECTED, _only(model, head))


def _only(model: schema.ModelT, operator: schema.OperatorT) -> str:
    """What matches one operator: the quantizer knows it by the names of its outputs, each with a ``;``."""
    name = flatbuffer.graph(model).tensors[operator.outputs[0]].name.decode()
    return f"^{re.escape(name)};"


def _keep(manager: recipe_manager.RecipeManager, operation: object, regex: str = ".*") -> None:
    manager.add_quantization_config(regex=regex, operation_name=operation, algorithm_key="no_quantize")


def _kept_in_float(
    model: schema.ModelT, recipe: Recipe, layers: Mapping[int, Layer]
) -> list[schema.OperatorT]:
    places = [(rounding.place_of(kernel, layers), operator) for operator, kernel in _kernels(model)]
    rounding.check_found(recipe.float_layers, {place for place, _ in places}, "TFLite")
    return [operator for place, operator in places if place in recipe.float_layers]


def _head_is_small(model: schema.ModelT) -> bool:
    head = flatbuffer.head(model)
    graph = flatbuffer.graph(model)

    def uses(layer: schema.OperatorT) -> int:
        kernel, out = (graph.tensors[index].shape for index in (layer.inputs[1], layer.outputs[0]))
        return int(np.prod(kernel)) * int(np.prod(out[1:-1]) if len(out) == 4 else 1)

    layers = flatbuffer.of_kind(model, flatbuffer.WEIGHTED)
    return head is not None and uses(head) < FLOAT_HEAD_SHARE * sum(map(uses, layers))


def _ranges(graph: bytes, recipe: recipe_manager.RecipeManager, request: ConversionRequest) -> Ranges:
    """Smallest and largest value of every activation."""
    chosen = request.tuned_ranges()
    if chosen is not None:
        ends = {name: np.array(pair) for name, pair in chosen.items()}
        return {name: {"min": pair[:1], "max": pair[1:]} for name, pair in ends.items()}
    update = {
        "extremes": qsv_utils.min_max_update,
        # A moving average, which weighs the last pictures most; that is what the library offers.
        "averaged": qsv_utils.moving_average_update,
    }[request.recipe.ranges]
    collector = calibrator.Calibrator(
        graph,
        num_threads=1,
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=update,
    )
    pictures = request.pictures()[: request.recipe.pictures]
    samples = [{"pixels": np.array(row[np.newaxis])} for row in pictures]
    collector.calibrate({flatbuffer.SIGNATURE: samples}, recipe)
    return collector.get_model_qsvs()  # type: ignore[no-any-return]


def _quantized(data: bytes, recipe: recipe_manager.RecipeManager, ranges: Ranges | None = None) -> bytes:
    worker = quantizer.Quantizer(bytearray(data))
    worker.load_quantization_recipe(list(recipe.get_quantization_recipe()))
    return bytes(worker.quantize(ranges, enable_progress_report=False).quantized_model)


def _with_features(data: bytes) -> LiteRTEngine:
    """The model, its second output what the head reads."""
    model = flatbuffer.read(data)
    head = flatbuffer.head(model)
    assert head is not None  # the float graph had one
    graph = flatbuffer.graph(model)
    graph.outputs = [graph.outputs[0], head.inputs[0]]
    model.signatureDefs = None
    return LiteRTEngine({"model.tflite": flatbuffer.write(model)}, num_threads=1)


def _weights(model: schema.ModelT, head: schema.OperatorT) -> HeadWeights:
    kernel, bias = (flatbuffer.values(model, int(index)) for index in head.inputs[1:3])
    if kernel is None or bias is None:
        raise ConversionError("the head of the TFLite graph has no constant weights: add --debug")
    return HeadWeights(kernel.T, bias)


def _set_weights(model: schema.ModelT, head: schema.OperatorT, weights: HeadWeights) -> None:
    for index, new in zip(head.inputs[1:3], (weights.kernel.T, weights.bias), strict=True):
        flatbuffer.replace_values(model, int(index), np.ascontiguousarray(new, np.float32))
