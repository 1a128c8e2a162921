"""A user's ONNX model: its nodes between our pre-processing and our softmax."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, version_converter

from edgetl.converters.adoption import checks as model_checks
from edgetl.converters.adoption import onnx_frame
from edgetl.converters.adoption import probing as model_probing
from edgetl.converters.adoption.checks import ModelInput, Rewritten
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.adoption.probing import Answer
from edgetl.errors import ConversionError
from edgetl.files import write_bytes

_FILE = "model.onnx"
_OPSET = 13
"""The first in which one kernel may have a scale for each channel."""
_QUANTIZED = ("QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger")


def adopt(model: Path, options: ModelOptions, labels: tuple[str, ...], out: Path) -> Rewritten:
    """Write ``model.onnx``.

    Raises:
        UsageError: the options leave something open, or contradict the model.
        ConversionError: it is no image classifier, keeps its weights in another file, is quantized, or has
            operators that are not ONNX's own.
    """
    proto = _load(model)
    graph = proto.graph
    constants = {constant.name: constant for constant in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ConversionError(
            f"{model} has {len(inputs)} inputs and {len(graph.output)} outputs, and a classifier has one of "
            "each: cut it with onnx.utils.extract_model"
        )
    kind = inputs[0].type.tensor_type.elem_type
    shape = _shape(inputs[0], model)
    source = model_checks.find_input(shape, _type_name(kind), options, model)
    model_checks.dtype_refusal(source.dtype, model)
    model_checks.refuse_batch(shape, model)
    proto = _current(_fixed(proto, source), model)
    rule = model_checks.normalisation_of(
        options, source, inside=_takes_whole_pixels(proto.graph, inputs[0].name), model=model
    )

    pixels = model_probing.probes(source)
    given = model_probing.prepared(pixels, source, rule, options)
    answers = _run(proto, inputs[0].name, given, model)
    classes, _ = model_checks.count_classes(answers[0].shape, model)
    model_checks.refuse_labels(labels, classes, model)
    raw = np.concatenate([np.reshape(row, (1, -1)) for row in answers]).astype(np.float32)
    answer, note = model_probing.kind_of_answers(raw, options.outputs, _known(proto.graph), model)
    framed = onnx_frame.frame(
        proto,
        source,
        rule,
        answer,
        bgr=options.channels == "BGR",
        outputs=raw.shape[1],
        flat=answers[0].ndim == 2,
    )
    got = np.concatenate(_run(framed, "pixels", pixels, model))
    model_probing.refuse_difference(model_probing.probabilities(raw, answer), got, model)
    write_bytes(out / _FILE, framed.SerializeToString())
    return Rewritten(_FILE, source, classes, (note,), raw.shape[1] > 1 and _ends_in_product(proto.graph))


def _load(model: Path) -> onnx.ModelProto:
    try:
        # Never the files it names: a path in a model file is a stranger's.
        proto = onnx.load(model, load_external_data=False)
    except Exception as error:  # protobuf's errors have no public class of their own
        raise ConversionError(f"{model} is damaged or no ONNX model: export it again") from error
    if not proto.graph.node:
        raise ConversionError(f"{model} is damaged or no ONNX model: it has no nodes")
    for constant in proto.graph.initializer:
        if constant.data_location == TensorProto.EXTERNAL:
            raise ConversionError(
                f"{model} keeps its weights in another file: put them inside, with "
                f"onnx.save(onnx.load('{model.name}'), 'whole.onnx'), and give that file"
            )
    for place, node in enumerate(proto.graph.node, start=1):
        where = f"node {place} of {len(proto.graph.node)} in {model.name}, {node.name!r} ({node.op_type}),"
        if node.op_type in _QUANTIZED:
            raise ConversionError(f"{where} is quantized already: give the float model")
        if node.domain not in ("", "ai.onnx") or not onnx.defs.has(node.op_type):
            raise ConversionError(
                f"{where} is of the domain {node.domain or 'ai.onnx'!r} and not one of ONNX's own operators, "
                "which the engines of boards do not know: export the model without it"
            )
    return proto


def _type_name(kind: int) -> str:
    return str(np.dtype(helper.tensor_dtype_to_np_dtype(kind))) if kind else "unknown"


def _shape(value: onnx.ValueInfoProto, model: Path) -> tuple[int | None, ...]:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise ConversionError(
            f"{model} does not say the shape of its input {value.name!r}: export it again with one"
        )
    return tuple(axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim)


def _fixed(proto: onnx.ModelProto, source: ModelInput) -> onnx.ModelProto:
    """The model for one picture of the size found, with what follows from that for the shapes inside."""
    graph = proto.graph
    constants = {constant.name for constant in graph.initializer}
    kept = [
        value for value in graph.input if value.name not in constants
    ]  # before IR 4 weights are inputs too
    del graph.input[:]
    graph.input.extend(kept)
    for axis, size in zip(kept[0].type.tensor_type.shape.dim, source.shape, strict=True):
        axis.dim_value = size
    del graph.value_info[:]
    graph.output[0].type.tensor_type.ClearField("shape")
    return proto


def _current(proto: onnx.ModelProto, model: Path) -> onnx.ModelProto:
    """The same model in an operator set that quantization knows."""
    opset = next((item.version for item in proto.opset_import if item.domain in ("", "ai.onnx")), 1)
    if opset < _OPSET:
        try:
            proto = version_converter.convert_version(proto, _OPSET)
        except Exception as error:  # the converter raises RuntimeError and worse
            raise ConversionError(
                f"{model} is of opset {opset}, and quantization needs {_OPSET} or later: export it again"
            ) from error
    # 8 is the first that has opset 13 to 17, and read by every ONNX Runtime that edgetl supports.
    proto.ir_version = max(proto.ir_version, 8)
    return proto


def _takes_whole_pixels(graph: onnx.GraphProto, name: str) -> bool:
    """The first thing done to the input is multiplying it by less than one, or dividing it by more."""
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    while len(users := onnx_frame.users(graph, name)) == 1:
        (node,) = users
        values = [constants[other] for other in node.input if other in constants]
        if node.op_type in ("Identity", "Cast", "Transpose") or (node.op_type in ("Sub", "Add") and values):
            name = node.output[0]
        elif node.op_type == "Mul" and values:
            return bool((abs(values[0]) < 1).all())
        elif node.op_type == "Div" and values and node.input[0] == name:
            return bool((abs(values[0]) > 1).all())
        else:
            break
    return False


def _maker(graph: onnx.GraphProto, name: str) -> onnx.NodeProto | None:
    """The node that a tensor comes from, looked for behind those that only reshape."""
    for node in reversed(graph.node):
        if name in node.output:
            passing = node.op_type in ("Identity", "Cast", "Reshape", "Squeeze", "Flatten", "Dropout")
            return _maker(graph, node.input[0]) if passing else node
    return None


def _known(graph: onnx.GraphProto) -> Answer | None:
    """What the last node says the answers are."""
    node = _maker(graph, graph.output[0].name)
    kind = None if node is None else node.op_type
    if kind in ("Softmax", "Sigmoid"):
        return "probabilities"
    if node is not None and kind == "Add":
        node = _maker(graph, node.input[0])
        kind = None if node is None else node.op_type
    return "logits" if kind in ("Gemm", "MatMul", "Conv") else None


def _ends_in_product(graph: onnx.GraphProto) -> bool:
    node = _maker(graph, graph.output[0].name)
    while node is not None and node.op_type in ("Softmax", "Sigmoid", "Add"):
        node = _maker(graph, node.input[0])
    return node is not None and node.op_type in ("Gemm", "MatMul")


def _run(proto: onnx.ModelProto, name: str, given: NDArray[Any], model: Path) -> list[NDArray[np.floating]]:
    """The answers to pictures one by one."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 2
    try:
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return [session.run(None, {name: picture[np.newaxis]})[0] for picture in given]
    except Exception as error:  # ONNX Runtime's errors have no public base class
        reason = " ".join(str(error).split())[:300]
        raise ConversionError(
            f"ONNX Runtime {onnxruntime.__version__} cannot run {model}: {reason}"
        ) from error
