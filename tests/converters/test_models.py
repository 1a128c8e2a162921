"""What is inside the files: the names, types and operators that engines and other tools rely on."""

from pathlib import Path

import numpy as np
import pytest

from edgetl.bundle import Bundle
from edgetl.converters.export import Exported
from edgetl.converters.request import ConversionRequest
from edgetl.errors import UsageError
from edgetl.training.run import Run


@pytest.fixture(scope="module")
def bundle(solar_export: Exported) -> Bundle:
    return solar_export.bundle


def test_int8_is_refused_without_calibration_pictures(solar_run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="int8 needs calibration pictures"):
        ConversionRequest(tmp_path / "graph.onnx", "int8", tmp_path, None, solar_run.contract)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_tflite_takes_pixels_and_gives_float_probabilities(bundle: Bundle, precision: str) -> None:
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    (content,) = bundle.model_files(bundle.variant(f"tflite-{precision}")).values()
    interpreter = interpreter_module.Interpreter(model_content=content)
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (source["name"], source["dtype"], tuple(source["shape"])) == ("pixels", np.uint8, (1, 224, 224, 3))
    assert (target["name"], target["dtype"], tuple(target["shape"])) == ("probabilities", np.float32, (1, 2))


def test_tflite_int8_computes_every_convolution_in_int8(bundle: Bundle) -> None:
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    (content,) = bundle.model_files(bundle.variant("tflite-int8")).values()
    interpreter = interpreter_module.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    types = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    convolutions = [op for op in interpreter._get_ops_details() if "CONV_2D" in op["op_name"]]
    in_int8 = [
        op for op in convolutions if types[op["inputs"][1]] == np.int8 and types[op["inputs"][0]] == np.int8
    ]
    assert len(convolutions) == 49
    assert len(in_int8) == 49


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_onnx_is_one_file_that_the_checker_accepts(bundle: Bundle, precision: str) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    (content,) = bundle.model_files(bundle.variant(f"onnx-{precision}")).values()
    model = onnx.load_model_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    (source,), (target,) = model.graph.input, model.graph.output
    assert (source.name, target.name) == ("pixels", "probabilities")
    assert [item.domain for item in model.opset_import] == [""]
    assert source.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [size.dim_value for size in source.type.tensor_type.shape.dim] == [1, 224, 224, 3]
    assert target.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_onnx_int8_has_a_scale_for_each_output_channel(bundle: Bundle) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    (content,) = bundle.model_files(bundle.variant("onnx-int8")).values()
    model = onnx.load_model_from_string(content)
    kernels = [
        tensor
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    scales = {tensor.name: tensor for tensor in model.graph.initializer}
    assert len(kernels) == 49
    for kernel in kernels:
        assert list(scales[kernel.name.replace("_quantized", "_scale")].dims) == [kernel.dims[0]]


def test_onnx_int8_takes_the_fast_path(bundle: Bundle, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    (content,) = bundle.model_files(bundle.variant("onnx-int8")).values()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("QLinearConv") == 49
    assert kinds.count("Conv") == 0


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_openvino_takes_pixels_and_keeps_full_precision_on_disk(bundle: Bundle, precision: str) -> None:
    openvino = pytest.importorskip("openvino", reason="needs openvino")
    files = bundle.model_files(bundle.variant(f"openvino-{precision}"))
    weights = np.frombuffer(files["model.bin"], np.uint8)
    model = openvino.Core().read_model(files["model.xml"], openvino.Tensor(weights, shared_memory=False))
    (source,), (target,) = model.inputs, model.outputs
    assert (source.any_name, source.element_type, list(source.shape)) == (
        "pixels",
        openvino.Type.u8,
        [1, 224, 224, 3],
    )
    assert (target.element_type, list(target.shape)) == (openvino.Type.f32, [1, 2])
    halves = [
        op
        for op in model.get_ops()
        if op.get_type_name() == "Constant" and op.get_element_type() == openvino.Type.f16
    ]
    assert halves == []
    fakes = sum(op.get_type_name() == "FakeQuantize" for op in model.get_ops())
    assert (fakes > 40) == (precision == "int8")
