"""Raw pixels become the quantized input: the normalisation goes and the answers stay."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import support
from folding_models import PADDINGS, SIZE, Folding
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgetl import isolated
from edgetl.converters import flatbuffer, onnx_edit, onnx_input, tflite_input
from edgetl.converters.flatbuffer import Op
from edgetl.runtime.litert import LiteRTEngine
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine

READ = ("same", "before")
"""Paddings that keep TensorFlow from putting an offset into the convolution's bias."""
HALF_A_STEP = 0.5 / 127.5
"""Of the pixels that (x - 127.5) / 127.5 normalises."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folding")


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, Folding]:
    built: dict[str, Folding] = isolated.call(
        "folding_models:build", folder, doing="building the tests' models"
    )
    return built


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Real ones, and the darkest and the brightest there can be."""
    scenes = [np.asarray(support.scene(SIZE, SIZE, seed=seed)) for seed in range(3)]
    return np.stack([*scenes, np.zeros_like(scenes[0]), np.full_like(scenes[0], 255)])


def seen(data: bytes, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    with LiteRTEngine({"model.tflite": data}, num_threads=1) as engine:
        return engine.run(pictures)[0]


def folded(data: bytes, *, exactly: bool) -> tuple[bytes, bool]:
    model = flatbuffer.read(data)
    done = tflite_input.fold(model, exactly=exactly)
    return flatbuffer.write(model), done


def kinds(data: bytes) -> list[int]:
    model = flatbuffer.read(data)
    return [flatbuffer.kind(model, operator) for operator in flatbuffer.graph(model).operators]


def touched(padding: str, size: int) -> NDArray[np.bool_]:
    """Which places of a feature map read padding: 3 x 3 kernels, and 16 rows padded below alone."""
    border = np.zeros((size, size), bool)
    if padding != "valid":
        border[-1], border[:, -1] = True, True
    return border


@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize("padding", READ)
def test_a_whole_zero_point_folds_without_a_trace(
    padding: str, exactly: bool, models: Mapping[str, Folding], pictures: NDArray[np.uint8]
) -> None:
    before = models[f"(x-127)/128, {padding}"].tflite
    assert {Op.CAST, Op.MUL, Op.ADD} <= set(kinds(before))
    after, done = folded(before, exactly=exactly)
    assert done
    assert np.allclose(seen(after, pictures), seen(before, pictures), rtol=1e-5, atol=1e-5)
    assert kinds(after) == [Op.DEQUANTIZE, *kinds(before)[3:]]


@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        *(f"x/255, {padding}" for padding in PADDINGS),
        "(x-127)/128, valid",
        "(x-127.5)/127.5, valid",
    ],
)
def test_where_tensorflow_put_all_into_the_kernel_the_cast_folds(
    name: str, exactly: bool, models: Mapping[str, Folding], pictures: NDArray[np.uint8]
) -> None:
    before = models[name].tflite
    assert [kind for kind in kinds(before) if kind != Op.PAD] == [Op.CAST, Op.CONV_2D]
    after, done = folded(before, exactly=exactly)
    assert done
    assert kinds(after) == [Op.DEQUANTIZE, *kinds(before)[1:]]
    assert np.allclose(seen(after, pictures), seen(before, pictures), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("padding", READ)
def test_half_a_step_is_not_folded_where_it_is_to_be_exact(
    padding: str, models: Mapping[str, Folding]
) -> None:
    before = models[f"(x-127.5)/127.5, {padding}"].tflite
    after, done = folded(before, exactly=True)
    assert not done
    assert kinds(after) == kinds(before)


@pytest.mark.parametrize("padding", READ)
def test_half_a_step_shows_only_where_padding_is_read(
    padding: str, models: Mapping[str, Folding], pictures: NDArray[np.uint8]
) -> None:
    model = models[f"(x-127.5)/127.5, {padding}"]
    after, done = folded(model.tflite, exactly=False)
    assert done
    assert kinds(after)[0] == Op.DEQUANTIZE
    change = np.abs(seen(after, pictures) - seen(model.tflite, pictures))
    border = touched(padding, change.shape[1])
    assert np.all(change[:, ~border] < 1e-5)
    most = HALF_A_STEP * np.abs(model.kernel).sum(axis=(0, 1, 2))
    assert np.all(change <= most + 1e-5)
    assert change[:, border].max() > 1e-4


@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize("padding", PADDINGS)
def test_a_scale_for_each_channel_stays_behind_the_folded_cast(
    padding: str, exactly: bool, models: Mapping[str, Folding], pictures: NDArray[np.uint8]
) -> None:
    before = models[f"per channel, {padding}"].tflite
    after, done = folded(before, exactly=exactly)
    assert done
    assert kinds(after) == [Op.DEQUANTIZE, *kinds(before)[1:]]
    assert Op.MUL in kinds(after)
    assert np.allclose(seen(after, pictures), seen(before, pictures), rtol=1e-6, atol=1e-6)


def test_what_was_folded_is_not_folded_again(models: Mapping[str, Folding]) -> None:
    once, _ = folded(models["(x-127)/128, same"].tflite, exactly=True)
    again, done = folded(once, exactly=False)
    assert not done
    assert kinds(again) == kinds(once)


def test_layers_without_a_bias_share_one_and_then_have_their_own(
    models: Mapping[str, Folding], pictures: NDArray[np.uint8]
) -> None:
    before = models["unbiased"].tflite
    model = flatbuffer.read(before)

    def biases() -> list[int]:
        return [int(operator.inputs[2]) for operator in flatbuffer.of_kind(model, [Op.CONV_2D])]

    assert len(set(biases())) == 1  # what makes the rest of this test worth something
    flatbuffer.own_constants(model)
    assert len(set(biases())) == 3
    names = [tensor.name for tensor in flatbuffer.graph(model).tensors]
    assert len(set(names)) == len(names)
    assert np.array_equal(seen(flatbuffer.write(model), pictures), seen(before, pictures))


def test_a_shift_of_the_first_bias_reaches_no_other_layer(folder: Path) -> None:
    after, done = folded((folder / "graph.tflite").read_bytes(), exactly=False)
    assert done
    model = flatbuffer.read(after)
    first, *others = (
        flatbuffer.values(model, int(operator.inputs[2]))
        for operator in flatbuffer.of_kind(model, [Op.CONV_2D])
    )
    assert first is not None
    assert np.abs(first).max() > 1e-4
    assert len(others) == 2
    assert all(bias is not None and not bias.any() for bias in others)


def test_the_graph_that_tensorflow_gives_as_onnx_folds_too(
    folder: Path, models: Mapping[str, Folding], pictures: NDArray[np.uint8]
) -> None:
    graph = onnx.load(folder / "graph.onnx")
    before = told(graph, pictures)
    assert np.allclose(before, seen(models["unbiased"].tflite, pictures), atol=1e-5)
    # Its convolutions have no bias that could make up for half a step.
    assert not onnx_input.fold(graph)
    assert np.array_equal(told(graph, pictures), before)


def told(model: onnx.ModelProto, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    with OnnxRuntimeEngine({"model.onnx": model.SerializeToString()}, num_threads=1) as engine:
        return engine.run(pictures)[0]


def drawn(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)


def network(
    steps: list[tuple[str, Any]], *, padding: str = "valid", bias: bool = True, twice: bool = False
) -> onnx.ModelProto:
    """pixels -> steps, each with a constant on its right -> transpose -> padding -> convolution."""
    constants: dict[str, NDArray[Any]] = {"kernel": drawn(), "bias": np.linspace(-1, 1, 4, dtype=np.float32)}
    nodes = [helper.make_node("Cast", ["pixels"], ["step_0"], "cast", to=TensorProto.FLOAT)]
    for place, (kind, value) in enumerate(steps):
        constants[f"value_{place}"] = np.asarray(value, np.float32)
        sources = [f"step_{place}", f"value_{place}"]
        if kind.startswith("from "):
            kind, sources = kind.removeprefix("from "), sources[::-1]
        nodes.append(helper.make_node(kind, sources, [f"step_{place + 1}"], f"arithmetic_{place}"))
    end = f"step_{len(steps)}"
    nodes.append(helper.make_node("Transpose", [end], ["planes"], "turn", perm=[0, 3, 1, 2]))
    if padding == "before":
        constants["ends"] = np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64)
        nodes.append(helper.make_node("Pad", ["planes", "ends"], ["wide"], "pad"))
    options: dict[str, Any] = {"pads": [0, 0, 1, 1]} if padding == "same" else {}
    source = ["wide" if padding == "before" else "planes", "kernel", *(["bias"] if bias else [])]
    nodes.append(
        helper.make_node(
            "Conv", source, ["map"], "conv", strides=[1, 1] if padding == "valid" else [2, 2], **options
        )
    )
    if twice:
        nodes.append(helper.make_node("Relu", [end], ["beside"], "beside"))
    outputs = ["map", *(["beside"] if twice else [])]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "folding",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, SIZE, SIZE, 3])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in outputs],
            [numpy_helper.from_array(values, name) for name, values in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return model


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


WAYS: dict[str, list[tuple[str, Any]]] = {
    "(x-127)/128": [("Mul", 1 / 128), ("Add", -127 / 128)],
    "(x-127)/128, in that order": [("Sub", 127.0), ("Div", 128.0)],
    "x/255": [("Div", 255.0), ("Add", 0.0)],
    "x/255*2-1, and back": [("Mul", 2 / 255), ("Sub", 1.0), ("Add", 1.0)],
}


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("way", WAYS)
def test_a_whole_zero_point_folds_without_a_trace_in_onnx(
    way: str, padding: str, pictures: NDArray[np.uint8]
) -> None:
    model = network(WAYS[way], padding=padding)
    after = copied(model)
    assert onnx_input.fold(after)
    assert [node.op_type for node in after.graph.node][:2] == ["DequantizeLinear", "Transpose"]
    assert not {"Cast", "Mul", "Div", "Add", "Sub"} & {node.op_type for node in after.graph.node}
    assert np.allclose(told(after, pictures), told(model, pictures), rtol=1e-5, atol=1e-5)
    assert np.array_equal(onnx_edit.constant(after, "bias"), onnx_edit.constant(model, "bias"))


@pytest.mark.parametrize("padding", PADDINGS)
def test_half_a_step_shows_only_where_padding_is_read_in_onnx(
    padding: str, pictures: NDArray[np.uint8]
) -> None:
    model = network([("Mul", 1 / 127.5), ("Add", -1.0)], padding=padding)
    after = copied(model)
    assert onnx_input.fold(after)
    change = np.abs(told(after, pictures) - told(model, pictures)).transpose(0, 2, 3, 1)
    border = touched(padding, change.shape[1])
    assert np.all(change[:, ~border] < 1e-5)
    assert np.all(change <= HALF_A_STEP * np.abs(drawn()).sum(axis=(1, 2, 3)) + 1e-5)
    if padding != "valid":
        assert change[:, border].max() > 1e-4


LEFT_ALONE: dict[str, onnx.ModelProto] = {
    "half a step and no bias": network([("Mul", 1 / 127.5), ("Add", -1.0)], bias=False),
    "half a step and another reader": network([("Mul", 1 / 127.5), ("Add", -1.0)], twice=True),
    "pixels turned negative": network([("Mul", -1 / 255), ("Add", 1.0)]),
    "a zero point that no pixel has": network([("Mul", 1 / 255), ("Add", 0.5)]),
}
CAST_ALONE: dict[str, onnx.ModelProto] = {
    "a scale for each channel": network([("Mul", [1 / 58, 1 / 57, 1 / 56]), ("Add", [-2.1, -2.0, -1.8])]),
    "a number minus the pixels": network([("from Sub", 255.0), ("Div", 255.0)]),
    "no normalisation": network([]),
}


@pytest.mark.parametrize("what", LEFT_ALONE)
def test_what_raw_pixels_cannot_stand_for_is_left_alone(what: str) -> None:
    after = copied(LEFT_ALONE[what])
    assert not onnx_input.fold(after)
    assert after == LEFT_ALONE[what]
    assert onnx_input.exact_range(after) == {}


@pytest.mark.parametrize("what", CAST_ALONE)
def test_what_is_no_scale_and_offset_stays_behind_the_folded_cast(
    what: str, pictures: NDArray[np.uint8]
) -> None:
    before = CAST_ALONE[what]
    after = copied(before)
    assert onnx_input.fold(after)
    kept = [node.op_type for node in before.graph.node][1:]
    assert [node.op_type for node in after.graph.node] == ["DequantizeLinear", *kept]
    assert np.allclose(told(after, pictures), told(before, pictures), rtol=1e-6, atol=1e-6)


def test_a_whole_zero_point_needs_no_bias(pictures: NDArray[np.uint8]) -> None:
    model = network(WAYS["(x-127)/128"], bias=False)
    after = copied(model)
    assert onnx_input.fold(after)
    assert np.allclose(told(after, pictures), told(model, pictures), rtol=1e-5, atol=1e-5)


@given(mean=st.floats(-30, 290), spread=st.floats(0.5, 500))
def test_any_scale_and_offset_fold_or_stay_and_the_answers_do(mean: float, spread: float) -> None:
    # There the last digit decides whether a pixel has the zero point.
    assume(abs(mean + 0.5) > 1e-3 and abs(mean - 255.5) > 1e-3)
    picture = np.asarray(support.scene(SIZE, SIZE))[np.newaxis]
    model = network([("Sub", mean), ("Div", spread)])
    after = copied(model)
    done = onnx_input.fold(after)
    assert done == (0 <= round(float(np.float32(mean))) <= 255)
    wanted = told(model, picture)
    assert np.allclose(told(after, picture), wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_the_quantizer_is_given_the_steps_of_the_pixels() -> None:
    model = network([("Mul", 1 / 127.5), ("Add", -1.0)])
    assert onnx_input.exact_range(model) == {}
    onnx_input.fold(model)
    overrides = onnx_input.exact_range(model)["TensorQuantOverrides"]
    assert set(overrides) == {"pixels_as_floats", "planes"}
    for (override,) in overrides.values():
        assert float(override["scale"]) == pytest.approx(1 / 127.5)
        assert int(override["zero_point"]) in (127, 128)


def test_constants_that_layers_of_an_onnx_graph_share_are_parted(pictures: NDArray[np.uint8]) -> None:
    model = network(WAYS["(x-127)/128"])
    (first,) = [node for node in model.graph.node if node.op_type == "Conv"]
    model.graph.node.append(helper.make_node("Conv", ["planes", *first.input[1:]], ["again"]))
    model.graph.node.append(helper.make_node("Add", ["map", "again"], ["both"]))
    model.graph.output[0].name = "both"
    before = told(model, pictures)
    onnx_edit.tidy(model, embedding=False)
    onnx.checker.check_model(model)
    one, other = onnx_edit.weighted(model)
    assert not set(one.input[1:]) & set(other.input[1:])
    assert np.array_equal(told(model, pictures), before)
    onnx_edit.set_constant(model, one.input[2], np.zeros(4, np.float32))
    assert np.array_equal(onnx_edit.constant(model, other.input[2]), np.linspace(-1, 1, 4, dtype=np.float32))
