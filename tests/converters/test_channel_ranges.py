"""Widened channels use more of int8's steps, and the float model still says the same."""

from typing import Any

import numpy as np
import onnx
import pytest
import support
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgetl.converters import channel_ranges, onnx_edit
from edgetl.converters.channel_ranges import Widened
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine

SIZE, WIDTH = 32, 6
PICTURES = np.stack([np.asarray(support.scene(SIZE, SIZE, seed=seed)) for seed in range(8)])


def node(kind: str, name: str, *sources: str, **options: Any) -> onnx.NodeProto:
    return helper.make_node(kind, sources, [name], name, **options)


def activation(kind: str, name: str, source: str) -> onnx.NodeProto:
    bounds = {"relu6": ("zero", "six"), "hard tanh": ("less", "one")}
    if kind in bounds:
        return node("Clip", name, source, *bounds[kind])
    return node(
        {"relu": "Relu", "leaky": "LeakyRelu", "sigmoid": "Sigmoid", "none": "Identity"}[kind], name, source
    )


def network(
    between: str = "relu6", *, stride: int = 2, group: int = WIDTH, scale: float = 1.0, seed: int = 0
) -> onnx.ModelProto:
    """pixels -> convolution -> activation -> (grouped) convolution -> ReLU -> convolution."""
    random = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, scale * np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)

    # Channels whose ranges differ a hundredfold, as batch normalisation leaves them.
    spread = np.geomspace(0.02, 2, WIDTH).astype(np.float32)
    constants = {
        "scale": np.float32(1 / 127.5),
        "offset": np.float32(-1),
        "first": drawn(WIDTH, 3, 3, 3) * spread[:, np.newaxis, np.newaxis, np.newaxis],
        "first_bias": random.normal(0, 0.3, WIDTH).astype(np.float32) * spread,
        "second": drawn(2 * WIDTH, WIDTH // group, 3, 3),
        "second_bias": random.normal(0, 0.3, 2 * WIDTH).astype(np.float32),
        "third": drawn(4, 2 * WIDTH, 1, 1),
        "third_bias": random.normal(0, 0.3, 4).astype(np.float32),
        "less": np.float32(-1),
        "zero": np.float32(0),
        "one": np.float32(1),
        "six": np.float32(6),
    }
    nodes = [
        node("Cast", "floats", "pixels", to=TensorProto.FLOAT),
        node("Mul", "scaled", "floats", "scale"),
        node("Add", "normal", "scaled", "offset"),
        node("Transpose", "planes", "normal", perm=[0, 3, 1, 2]),
        node("Conv", "a", "planes", "first", "first_bias", strides=[stride, stride], pads=[1, 1, 1, 1]),
        activation(between, "b", "a"),
        node("Conv", "c", "b", "second", "second_bias", group=group, pads=[1, 1, 1, 1]),
        node("Relu", "d", "c"),
        node("Conv", "e", "d", "third", "third_bias"),
    ]
    return graph_of(nodes, constants, "e")


def graph_of(nodes: list[onnx.NodeProto], constants: dict[str, Any], *ends: str) -> onnx.ModelProto:
    used = {name for item in nodes for name in item.input}
    return helper.make_model(
        helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, SIZE, SIZE, 3])],
            [helper.make_tensor_value_info(end, TensorProto.FLOAT, None) for end in ends],
            [numpy_helper.from_array(values, name) for name, values in constants.items() if name in used],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def changed(model: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[int, Widened]]:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    return other, channel_ranges.widen(other, PICTURES)


def values(model: onnx.ModelProto, name: str, pictures: NDArray[np.uint8] = PICTURES) -> NDArray[np.float32]:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    del other.graph.output[:]
    other.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    with OnnxRuntimeEngine({"model.onnx": other.SerializeToString()}, num_threads=1) as engine:
        return np.concatenate([engine.run(picture[np.newaxis])[0] for picture in pictures])


def steps_used(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of 255 steps for all channels, how many each one's range takes."""
    tops = np.abs(features).max(axis=(0, 2, 3)).astype(np.float64)
    return 255 * tops / tops.max()


@pytest.mark.parametrize("group", [1, 2, WIDTH])
@pytest.mark.parametrize("between", ["relu6", "relu", "leaky"])
def test_the_model_says_the_same_of_the_pictures_it_was_widened_by(between: str, group: int) -> None:
    model = network(between, group=group)
    wide, changes = changed(model)
    assert changes[0].outputs.max() > 2
    before, after = values(model, "e"), values(wide, "e")
    assert np.abs(after - before).max() < 1e-4 * np.abs(before).max()


def test_channels_that_used_few_steps_use_more() -> None:
    model = network()
    wide, _ = changed(model)
    before, after = steps_used(values(model, "b")), steps_used(values(wide, "b"))
    narrow = before < 100
    assert narrow.sum() == 5
    assert np.all(after[narrow] > 3 * before[narrow])
    assert after.min() > 3 * before.min()


def test_no_channel_is_widened_beyond_what_keeps_relu6_from_cutting_it() -> None:
    model = network()
    wide, changes = changed(model)
    tops = values(wide, "b").max(axis=(0, 2, 3))
    # Room is left for pictures that show more than these did.
    assert tops[changes[0].outputs > 1].max() < 0.98 * 6
    assert changes[0].outputs.max() <= 8


def test_channels_that_relu6_cuts_stay_as_they_are() -> None:
    model = network(scale=40)
    cut = values(model, "b").max(axis=(0, 2, 3)) == 6
    assert cut.any()
    _, changes = changed(model)
    assert np.all(changes[0].outputs[cut] == 1)


def test_a_depthwise_kernel_is_divided_by_what_its_own_channel_was_multiplied_by() -> None:
    model = network("relu", group=WIDTH)
    wide, changes = changed(model)
    before, after = (onnx_edit.constant(item, "second") for item in (model, wide))
    expected = (
        before * (changes[1].outputs / np.repeat(changes[1].inputs, 2))[:, np.newaxis, np.newaxis, np.newaxis]
    )
    assert np.allclose(after, expected, rtol=1e-5)


@pytest.mark.parametrize("between", ["sigmoid", "hard tanh", "none"])
def test_what_bends_otherwise_between_two_convolutions_keeps_them_apart(between: str) -> None:
    _, changes = changed(network(between))
    assert 0 not in changes
    assert set(changes) == {1, 2}


def test_maps_far_from_the_pixels_are_left_alone() -> None:
    model = network(stride=11)
    wide, changes = changed(model)
    assert changes == {}
    assert wide == model


def test_a_map_that_something_else_reads_as_well_is_left_alone() -> None:
    model = network()
    nodes, constants = (
        list(model.graph.node),
        {t.name: numpy_helper.to_array(t) for t in model.graph.initializer},
    )
    twice = graph_of([*nodes, node("GlobalAveragePool", "f", "b")], constants, "e", "f")
    assert 0 not in changed(twice)[1]
    seen = graph_of(nodes, constants, "e", "b")
    assert 0 not in changed(seen)[1]


def test_layers_that_other_formats_could_not_tell_apart_are_left_alone() -> None:
    model = network()
    nodes, constants = (
        list(model.graph.node),
        {t.name: numpy_helper.to_array(t) for t in model.graph.initializer},
    )
    nodes += [
        node("Conv", "f", "planes", "twin", "first_bias", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", "g", "f"),
    ]
    twins = graph_of(nodes, {**constants, "twin": constants["first"].copy()}, "e", "g")
    first = onnx_edit.weighted(twins)[0]
    assert first.input[1] in ("first", "twin")
    assert set(changed(twins)[1]) == {1, 2}


def test_layers_without_a_bias_are_left_alone() -> None:
    model = network()
    nodes, constants = (
        list(model.graph.node),
        {t.name: numpy_helper.to_array(t) for t in model.graph.initializer},
    )
    del nodes[4].input[2]
    assert set(changed(graph_of(nodes, constants, "e"))[1]) == {1, 2}


def test_a_channel_that_no_picture_wakes_stays_as_it_is() -> None:
    model = network("relu")
    bias = onnx_edit.constant(model, "first_bias").copy()
    bias[2] = -100
    onnx_edit.set_constant(model, "first_bias", bias)
    _, changes = changed(model)
    assert changes[0].outputs[2] == 1
    assert changes[0].outputs.max() > 2


@settings(max_examples=25)
@given(
    between=st.sampled_from(["relu6", "relu", "leaky"]),
    group=st.sampled_from([1, 2, 3, WIDTH]),
    scale=st.sampled_from([0.01, 1.0, 30.0]),
    seed=st.integers(0, 99),
)
def test_any_network_stays_the_model_that_it_was(between: str, group: int, scale: float, seed: int) -> None:
    model = network(between, group=group, scale=scale, seed=seed)
    wide, changes = changed(model)
    for change in changes.values():
        assert min(change.outputs.min(), change.inputs.min()) >= 1
        assert max(change.outputs.max(), change.inputs.max()) <= 8
    assert np.array_equal(changes[1].inputs, changes[0].outputs)
    before, after = values(model, "e"), values(wide, "e")
    assert np.abs(after - before).max() < 1e-4 * max(np.abs(before).max(), 1e-3)
