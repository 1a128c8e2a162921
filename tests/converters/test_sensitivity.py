"""What each layer costs in int8: the damaged one is found, and the figures are those of the layers."""

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgetl.converters.sensitivity import LayerError, layer_errors
from edgetl.errors import ConversionError

SIZE, CLASSES = 12, 5
Arrays = dict[str, NDArray[np.float32]]


def pictures(count: int = 6) -> NDArray[np.uint8]:
    generator = np.random.default_rng(1)
    colours = generator.integers(0, 256, (count, 1, 1, 3))
    return (colours / 2 + generator.integers(0, 128, (count, SIZE, SIZE, 3))).astype(np.uint8)


def kernels(seed: int = 0) -> Arrays:
    generator = np.random.default_rng(seed)

    def draw(*shape: int) -> NDArray[np.float32]:
        return generator.normal(0, 0.4, shape).astype(np.float32)

    return {
        "first": draw(8, 3, 3, 3),
        "depthwise": draw(8, 1, 3, 3),
        "narrow": draw(6, 8, 1, 1),
        "wide": draw(10, 6, 1, 1),
        "head": draw(10, CLASSES),
    }


def graph(weights: Arrays, *, head: str = "Gemm") -> bytes:
    """pixels -> four convolutions, two of them with ReLU6 -> mean -> dense layer -> probabilities."""
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants += [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (
            ("zero", 0),
            ("six", 6),
            ("scale", 1 / 128),
            ("bias", np.linspace(-1, 1, CLASSES)),
        )
    ]

    def clipped(name: str) -> Any:
        return helper.make_node("Clip", [f"{name}_out", "zero", "six"], [f"{name}_clipped"])

    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first"], ["first_out"], "first", strides=[2, 2]),
        clipped("first"),
        helper.make_node("Conv", ["first_clipped", "depthwise"], ["depthwise_out"], "depthwise", group=8),
        clipped("depthwise"),
        helper.make_node("Conv", ["depthwise_clipped", "narrow"], ["narrow_out"], "narrow"),
        helper.make_node("Conv", ["narrow_out", "wide"], ["wide_out"], "wide"),
        helper.make_node("GlobalAveragePool", ["wide_out"], ["means"]),
        helper.make_node("Flatten", ["means"], ["features"]),
    ]
    if head == "Gemm":
        nodes.append(helper.make_node("Gemm", ["features", "head", "bias"], ["logits"], "head"))
    else:
        nodes.append(helper.make_node("MatMul", ["features", "head"], ["products"], "head"))
        nodes.append(helper.make_node("Add", ["products", "bias"], ["logits"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "layers",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, SIZE, SIZE, 3])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, CLASSES])],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def errors() -> tuple[LayerError, ...]:
    return layer_errors(graph(kernels()), pictures())


def test_every_layer_with_weights_has_its_place_shape_and_cost(errors: tuple[LayerError, ...]) -> None:
    assert [error.index for error in errors] == [0, 1, 2, 3, 4]
    assert [error.kind for error in errors] == ["Conv", "Conv", "Conv", "Conv", "Gemm"]
    shapes = [(8, 3, 3, 3), (8, 1, 3, 3), (6, 8, 1, 1), (10, 6, 1, 1), (CLASSES, 10)]
    assert [error.kernel_shape for error in errors] == shapes
    # The pictures are 12 pixels wide, the first map 5, the second 3.
    assert [error.macs for error in errors] == [25 * 216, 9 * 72, 9 * 48, 9 * 60, 50]


def test_errors_of_a_healthy_network_are_small_and_not_zero(errors: tuple[LayerError, ...]) -> None:
    assert all(1e-8 < error.error < 0.02 for error in errors)


def test_a_layer_with_one_huge_weight_in_each_kernel_is_the_worst(errors: tuple[LayerError, ...]) -> None:
    weights = kernels()
    # Nothing reaches these weights: the channel before them is always zero.
    weights["first"][3] = 0
    weights["narrow"][:, 3] = 40
    damaged = layer_errors(graph(weights), pictures())
    assert max(damaged, key=lambda error: error.error).index == 2
    assert damaged[2].error > 20 * errors[2].error


def test_one_large_channel_shows_in_the_layers_that_write_and_read_it() -> None:
    weights = kernels()
    weights["narrow"][2] *= 64
    weights["wide"][:, 2] /= 64
    uneven = layer_errors(graph(weights), pictures(), parts=("input", "output"))
    even = layer_errors(graph(kernels()), pictures(), parts=("input", "output"))
    assert uneven[2].error > 5 * even[2].error
    assert uneven[3].error > 5 * even[3].error
    assert uneven[0].error == pytest.approx(even[0].error, rel=0.01)


def test_the_parts_of_a_layer_add_up_roughly(errors: tuple[LayerError, ...]) -> None:
    """ONNX Runtime must not round anything of its own accord, as it does around QuantizeLinear."""
    parts = [
        layer_errors(graph(kernels()), pictures(), parts=[part]) for part in ("weights", "input", "output")
    ]
    for whole, *single in zip(errors, *parts, strict=True):
        # (a + b + c)² is at most 3 (a² + b² + c²).
        assert whole.error <= 3 * sum(part.error for part in single)


def test_pixels_are_8_bits_wide_already() -> None:
    dark = pictures() // 3
    first, second, *_ = layer_errors(graph(kernels()), dark, parts=["input"])
    assert first.error < 1e-9 < second.error


def test_rounding_nothing_changes_nothing() -> None:
    assert all(error.error < 1e-9 for error in layer_errors(graph(kernels()), pictures(), parts=()))


def test_a_head_of_product_and_sum_counts_as_one_layer(errors: tuple[LayerError, ...]) -> None:
    split = layer_errors(graph(kernels(), head="MatMul"), pictures())
    assert [error.kernel_shape for error in split] == [error.kernel_shape for error in errors]
    assert split[4].error == pytest.approx(errors[4].error, rel=0.05)


def test_progress_hears_of_every_layer() -> None:
    heard: list[int] = []
    layer_errors(graph(kernels()), pictures(2), advance=heard.append)
    assert heard == [1, 1, 1, 1, 1]


def test_a_graph_without_layers_is_refused() -> None:
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Softmax", ["means"], ["probabilities"], axis=1),
    ]
    source = helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, SIZE, SIZE, 3])
    target = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 3])
    model = helper.make_model(
        helper.make_graph(nodes, "empty", [source], [target]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    with pytest.raises(ConversionError, match="no convolution or matrix product"):
        layer_errors(model.SerializeToString(), pictures())
