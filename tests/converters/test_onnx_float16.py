"""Half precision halves the file, and the arithmetic stays float32."""

from collections.abc import Iterable

import numpy as np
import onnx
import onnxruntime
import pytest
import support
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgetl.converters import onnx_float16
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine

SIZE, CLASSES, WIDTH = 16, 5, 96


def network(*, largest: float | None = None) -> onnx.ModelProto:
    """pixels -> normalised -> two convolutions -> mean -> dense layer -> probabilities."""
    random = np.random.default_rng(0)

    def drawn(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)

    constants = {
        "scale": np.float32(1 / 127.5),
        "offset": np.float32(-1),
        "first": drawn(WIDTH, 3, 3, 3),
        "second": drawn(WIDTH, WIDTH, 3, 3),
        "second_bias": random.normal(size=WIDTH).astype(np.float32),
        "head": drawn(CLASSES, WIDTH).T.copy(),
        "head_bias": random.normal(size=CLASSES).astype(np.float32),
        "ends": np.array([1, WIDTH], np.int64),
    }
    if largest is not None:
        constants["second"][7] = largest
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["scaled"], "scaling"),
        helper.make_node("Add", ["scaled", "offset"], ["normal"], "offsetting"),
        helper.make_node("Transpose", ["normal"], ["planes"], "turn", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first"], ["a"], "conv_1"),
        helper.make_node("Relu", ["a"], ["b"], "relu_1"),
        helper.make_node("Conv", ["b", "second", "second_bias"], ["c"], "conv_2"),
        helper.make_node("Relu", ["c"], ["d"], "relu_2"),
        helper.make_node("GlobalAveragePool", ["d"], ["means"], "mean"),
        helper.make_node("Reshape", ["means", "ends"], ["features"], "reshape"),
        helper.make_node("Gemm", ["features", "head", "head_bias"], ["logits"], "dense"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax"),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, SIZE, SIZE, 3])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, CLASSES])],
            [numpy_helper.from_array(values, name) for name, values in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def answers(model: onnx.ModelProto) -> NDArray[np.float32]:
    pictures = np.stack([np.asarray(support.scene(SIZE, SIZE, seed=seed)) for seed in range(8)])
    with OnnxRuntimeEngine({"model.onnx": model.SerializeToString()}, num_threads=1) as engine:
        return engine.run(pictures)[0]


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    onnx_float16.halve(other)
    onnx.checker.check_model(other, full_check=True)
    return other


def types(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def casts(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """What is cast back from half precision."""
    return {node.output[0] for node in nodes if node.op_type == "Cast" and node.input[0].endswith("_float16")}


def test_the_file_has_half_the_size() -> None:
    model = network()
    assert 0.49 < halved(model).ByteSize() / model.ByteSize() < 0.52


def test_the_answers_are_those_of_float32_within_a_hundredth() -> None:
    model = network()
    change = np.abs(answers(halved(model)) - answers(model))
    assert 0 < change.max() < 1e-2


def test_every_kernel_is_halved_and_cast_back_to_its_name() -> None:
    model = halved(network())
    assert {name for name, kind in types(model).items() if kind == TensorProto.FLOAT16} == {
        "first_float16",
        "second_float16",
        "head_float16",
    }
    assert casts(model.graph.node) == {"first", "second", "head"}
    # A graph is read from top to bottom: a cast stands before whoever reads it.
    assert [node.op_type for node in model.graph.node][:4] == ["Cast"] * 4


def test_biases_scales_and_whole_numbers_stay() -> None:
    kept = types(halved(network()))
    assert kept["scale"] == kept["offset"] == kept["head_bias"] == kept["second_bias"] == TensorProto.FLOAT
    assert kept["ends"] == TensorProto.INT64


def test_convolutions_and_products_compute_in_float32() -> None:
    model = onnx.shape_inference.infer_shapes(halved(network()), strict_mode=True)
    kinds = {info.name: info.type.tensor_type.elem_type for info in model.graph.value_info}
    kinds |= types(model)
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm", "Relu", "GlobalAveragePool", "Softmax"):
            assert {kinds[name] for name in node.input} == {TensorProto.FLOAT}, node.name


def test_the_engine_computes_in_float32_and_casts_when_it_loads(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """ONNX Runtime writes down the graph that it runs: no cast is left but that of the pixels."""
    place = tmp_path_factory.mktemp("optimized") / "model.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(place)
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(
        halved(network()).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    run = onnx.load(place)
    assert [node.input[0] for node in run.graph.node if node.op_type == "Cast"] == ["pixels"]
    assert TensorProto.FLOAT16 not in types(run).values()


@pytest.mark.parametrize("largest", [70_000.0, -70_000.0, np.inf])
def test_a_constant_beyond_half_precision_stays_float32(largest: float) -> None:
    model = halved(network(largest=largest))
    assert types(model)["second"] == TensorProto.FLOAT
    assert casts(model.graph.node) == {"first", "head"}


def test_the_largest_half_precision_number_is_halved() -> None:
    assert types(halved(network(largest=65_504.0)))["second_float16"] == TensorProto.FLOAT16


def test_halving_twice_changes_nothing_more() -> None:
    once = halved(network())
    assert halved(once) == once
