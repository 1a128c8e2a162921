"""TFLite: TensorFlow's converter for the float graph, ai-edge-quantizer for int8."""

import re
import time
from importlib.metadata import version

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
from ai_edge_quantizer.utils import qsv_utils
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgetl.converters.head_correction import FLOAT_CONVOLUTIONS, RANGE_PICTURES, HeadWeights, correct
from edgetl.converters.request import ConversionRequest, ConvertedModel
from edgetl.files import write_bytes
from edgetl.runtime.litert import LiteRTEngine

_SIGNATURE = "serving_default"
_CONVOLUTIONS = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D)


def convert(request: ConversionRequest) -> ConvertedModel:
    """Write ``model.tflite``: uint8 (1, height, width, 3) in, float32 (1, classes) out.

    Raises:
        UsageError: int8 without calibration pictures.
    """
    start = time.perf_counter()
    network = keras.models.load_model(request.model, compile=False)
    data = _float_graph(network)
    libraries = {"keras": keras.__version__, "tensorflow": tf.__version__}
    if request.precision == "int8":
        head = HeadWeights(*network.get_layer("logits").get_weights())
        data = _quantize(data, request.pictures(), head)
        libraries["ai-edge-quantizer"] = version("ai-edge-quantizer")
    write_bytes(request.out / "model.tflite", data)
    return ConvertedModel(("model.tflite",), time.perf_counter() - start, libraries)


def _float_graph(network: keras.Model) -> bytes:
    """The float32 model, its tensors named ``pixels`` and ``probabilities`` and reachable by signature."""
    (source,) = network.inputs
    spec = tf.TensorSpec((1, *source.shape[1:]), tf.uint8, name="pixels")
    function = tf.function(lambda pixels: network(pixels, training=False)).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(converter.convert()))
    (graph,) = model.subgraphs
    # The quantizer calibrates through a signature, and a frozen function has none.
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE.encode(), 0
    signature.inputs = [_named(graph, graph.inputs[0], b"pixels")]
    signature.outputs = [_named(graph, graph.outputs[0], b"probabilities")]
    model.signatureDefs = [signature]
    return _bytes(model)


def _named(graph: schema.SubGraphT, index: int, name: bytes) -> schema.TensorMapT:
    graph.tensors[index].name = name
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def _quantize(data: bytes, pictures: NDArray[np.uint8], head: HeadWeights) -> bytes:
    worker = quantizer.Quantizer(bytearray(data))
    worker.load_quantization_recipe(_recipe(data))
    samples = [{"pixels": np.array(picture[np.newaxis])} for picture in pictures[:RANGE_PICTURES]]
    collector = calibrator.Calibrator(
        data,
        num_threads=2,
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        # The default averages the extremes of the pictures, which cuts off what rare pictures show.
        qsv_update_func=qsv_utils.min_max_update,
    )
    recipe = recipe_manager.RecipeManager()
    recipe.load_quantization_recipe(_recipe(data))
    collector.calibrate({_SIGNATURE: samples}, recipe)
    ranges = collector.get_model_qsvs()
    quantized = bytes(worker.quantize(ranges, enable_progress_report=False).quantized_model)
    with _with_features(data) as before, _with_features(quantized) as after:
        return _with_head(quantized, correct(head, before, after, pictures))


def _recipe(data: bytes) -> list[dict[str, object]]:
    """int8 with a scale for each output channel; input, first convolutions, head and softmax in float."""
    operations = qtyping.TFLOperationName
    recipe = recipe_manager.RecipeManager()
    recipe.add_static_config(
        regex=".*", operation_name=operations.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8
    )

    def keep(operation: object, regex: str = ".*") -> None:
        recipe.add_quantization_config(regex=regex, operation_name=operation, algorithm_key="no_quantize")

    for operation in (
        operations.INPUT,
        operations.OUTPUT,
        operations.SOFTMAX,
        operations.FULLY_CONNECTED,
        operations.MEAN,
    ):
        keep(operation)
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    (graph,) = model.subgraphs
    kinds = [_kind(model, operator) for operator in graph.operators]
    places = [place for place, kind in enumerate(kinds) if kind in _CONVOLUTIONS]
    for operator in graph.operators[: places[min(FLOAT_CONVOLUTIONS, len(places)) - 1] + 1] if places else []:
        name = graph.tensors[operator.outputs[0]].name.decode()
        keep(operations.ALL_SUPPORTED, f"^{re.escape(name)}")
    return list(recipe.get_quantization_recipe())


def _with_features(data: bytes) -> LiteRTEngine:
    """The model with what its head reads as a second output."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    (graph,) = model.subgraphs
    graph.outputs = [*graph.outputs, _head(model).inputs[0]]
    model.signatureDefs = None
    return LiteRTEngine({"model.tflite": _bytes(model)}, num_threads=2)


def _with_head(data: bytes, head: HeadWeights) -> bytes:
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    (graph,) = model.subgraphs
    for index, values in zip(_head(model).inputs[1:], (head.kernel.T, head.bias), strict=True):
        tensor = graph.tensors[index]
        if sum(other.buffer == tensor.buffer for other in graph.tensors) > 1:
            # Tensors of equal content share a buffer; what changes gets one of its own.
            model.buffers.append(schema.BufferT())
            tensor.buffer = len(model.buffers) - 1
        content = np.ascontiguousarray(values, np.float32).tobytes()
        model.buffers[tensor.buffer].data = np.frombuffer(content, np.uint8)
    return _bytes(model)


def _head(model: schema.ModelT) -> schema.OperatorT:
    (graph,) = model.subgraphs
    kind = schema.BuiltinOperator.FULLY_CONNECTED
    return [operator for operator in graph.operators if _kind(model, operator) == kind][-1]


def _kind(model: schema.ModelT, operator: schema.OperatorT) -> int:
    return int(
        flatbuffer_utils.get_builtin_code_from_operator_code(model.operatorCodes[operator.opcodeIndex])
    )


def _bytes(model: schema.ModelT) -> bytes:
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
