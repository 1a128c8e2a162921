"""ONNX: tf2onnx (through Keras' exporter) for the graph, ONNX Runtime's quantization for int8."""

import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from numpy.typing import NDArray
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from edgetl.converters.head_correction import FLOAT_CONVOLUTIONS, RANGE_PICTURES, HeadWeights, correct
from edgetl.converters.request import ConversionRequest, ConvertedModel
from edgetl.errors import ConversionError
from edgetl.files import write_bytes
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine


def convert(request: ConversionRequest) -> ConvertedModel:
    """Write ``model.onnx``: uint8 (1, height, width, 3) in, float32 (1, classes) out, no external data.

    Raises:
        UsageError: int8 without calibration pictures.
        ConversionError: the graph has no head whose bias could be corrected.
    """
    start = time.perf_counter()
    libraries = {"keras": keras.__version__, "tf2onnx": version("tf2onnx"), "onnx": onnx.__version__}
    with tempfile.TemporaryDirectory(prefix="edgetl-") as scratch:
        graph = Path(scratch) / "graph.onnx"
        network = keras.models.load_model(request.model, compile=False)
        signature = [tf.TensorSpec((1, *request.contract.shape), tf.uint8, name="pixels")]
        network.export(str(graph), format="onnx", verbose=False, input_signature=signature)
        model = onnx.load(graph)
        if request.precision == "int8":
            head = HeadWeights(*network.get_layer("logits").get_weights())
            model = _quantize(graph, request.pictures(), head, Path(scratch))
            libraries["onnxruntime"] = onnxruntime.__version__
    _tidy(model)
    write_bytes(request.out / "model.onnx", model.SerializeToString())
    return ConvertedModel(("model.onnx",), time.perf_counter() - start, libraries)


def _tidy(model: onnx.ModelProto) -> None:
    """Name the output, and drop operator sets that no node uses: another runtime may not know them."""
    (output,) = model.graph.output
    kinds = {node.op_type for node in model.graph.node}
    old, output.name = output.name, "probabilities" if "Softmax" in kinds else "embedding"
    for node in model.graph.node:
        node.input[:] = [output.name if name == old else name for name in node.input]
        node.output[:] = [output.name if name == old else name for name in node.output]
    used = {node.domain for node in model.graph.node}
    kept = [item for item in model.opset_import if item.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


class _Pictures(quantization.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self._rest: Iterator[NDArray[np.uint8]] = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        picture = next(self._rest, None)
        return None if picture is None else {"pixels": np.array(picture[np.newaxis])}


def _quantize(graph: Path, pictures: NDArray[np.uint8], head: HeadWeights, scratch: Path) -> onnx.ModelProto:
    prepared, quantized = scratch / "prepared.onnx", scratch / "quantized.onnx"
    # Symbolic shapes are for models of variable size, which ours are not.
    quant_pre_process(graph, prepared, skip_symbolic_shape=True)
    quantization.quantize_static(
        prepared,
        quantized,
        _Pictures(pictures[:RANGE_PICTURES]),
        quant_format=quantization.QuantFormat.QDQ,
        # What the fast kernels of x86-64 and ARM take together.
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        # One scale for a whole kernel costs EfficientNet-Lite0 six points.
        per_channel=True,
        nodes_to_exclude=_kept_in_float(onnx.load(prepared)),
    )
    with _with_features(onnx.load(prepared)) as before, _with_features(onnx.load(quantized)) as after:
        corrected = correct(head, before, after, pictures)
    model = onnx.load(quantized)
    nodes = _head(model)
    transposed = any(item.name == "transB" and item.i for item in nodes[0].attribute)
    _replace(model, nodes, head.kernel, corrected.kernel, transposed=transposed)
    _replace(model, nodes, head.bias, corrected.bias)
    return model


def _kept_in_float(model: onnx.ModelProto) -> list[str]:
    """Names of everything up to the first convolutions, and of the head."""
    nodes = model.graph.node
    places = [place for place, node in enumerate(nodes) if node.op_type == "Conv"]
    first = nodes[: places[min(FLOAT_CONVOLUTIONS, len(places)) - 1] + 1] if places else []
    return [node.name for node in (*first, *_head(model))]


def _head(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes from the matrix product to the softmax, in order."""
    nodes = list(model.graph.node)
    products = [place for place, node in enumerate(nodes) if node.op_type in ("MatMul", "Gemm")]
    return nodes[products[-1] :]


def _with_features(model: onnx.ModelProto) -> OnnxRuntimeEngine:
    """The model with what its head reads as a second output."""
    features = onnx.helper.make_tensor_value_info(_head(model)[0].input[0], onnx.TensorProto.FLOAT, None)
    model.graph.output.append(features)
    return OnnxRuntimeEngine({"model.onnx": model.SerializeToString()}, num_threads=2)


def _replace(
    model: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    old: NDArray[np.float32],
    new: NDArray[np.float32],
    *,
    transposed: bool = False,
) -> None:
    """Put new values into the constant of these nodes that holds the old ones.

    Raises:
        ConversionError: there is no such constant, so a library has changed the head.
    """
    sources = {source for node in nodes for source in node.input}
    for constant in model.graph.initializer:
        if constant.name in sources:
            values = onnx.numpy_helper.to_array(constant)
            expected = old.T if transposed else old
            if values.size == old.size and np.array_equal(values.reshape(expected.shape), expected):
                changed = (new.T if transposed else new).reshape(values.shape)
                constant.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(changed), constant.name))
                return
    raise ConversionError(
        "the head is not where it was in the ONNX graph: install the versions of constraints.txt"
    )
