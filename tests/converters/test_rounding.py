"""Rounded weights lie on the steps of int8 or half precision, and what a layer says changes less."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgetl.converters import onnx_edit, rounding
from edgetl.converters.results import Layer, Steps, read_layers
from edgetl.converters.rounding import check_found, place_of, round_kernel
from edgetl.errors import ConversionError

Floats = NDArray[np.float64]
CHANNELS = 8


def nearest(kernel: Floats) -> Floats:
    """Each weight on its nearest step, one scale for each output channel."""
    step = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True) / 127
    step[step == 0] = 1
    return np.round(kernel / step) * step


def damage(kernel: Floats, rounded: Floats, power: Floats) -> float:
    """The mean square of what rounding adds to the outputs: E[(dW x)²], summed over the outputs."""
    groups = len(power)
    change = (rounded - kernel).reshape(groups, len(kernel) // groups, -1)
    return float(np.einsum("gok,gkl,gol->", change, power, change))


def patches_of(picture: NDArray[np.float32], kernel: Sequence[int], **options: Any) -> NDArray[np.float32]:
    node = helper.make_node("Conv", ["x", "w"], ["y"], **options)
    return rounding._patches(picture, node, tuple(kernel))


def power_of(kernel: Sequence[int], *, channels: int, group: int = 1) -> Floats:
    """E[x x'] of the patches of real pictures, as the first layers of a network see them."""
    rows = []
    for seed in range(6):
        pixels = np.asarray(support.scene(64, 48, seed=seed), np.float32) / 127.5 - 1
        # More channels: the picture, shifted; neighbours are as like as a network's channels are.
        planes = [np.roll(pixels, shift, axis=1).transpose(2, 0, 1) for shift in range(-(-channels // 3))]
        image = np.concatenate(planes)[:channels]
        rows.append(patches_of(image, kernel, group=group, pads=[1, 1, 1, 1]))
    seen = np.concatenate(rows, axis=1).astype(np.float64)
    return seen.transpose(0, 2, 1) @ seen / seen.shape[1]


def drawn(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(0, 0.3, shape)


CASES = {
    "first layer": ((16, 3, 3, 3), 3, 1),
    "pointwise": ((24, 24, 1, 1), 24, 1),
    "wide": ((12, 24, 3, 3), 24, 1),
    "depthwise": ((12, 1, 3, 3), 12, 12),
    "grouped": ((12, 4, 3, 3), 12, 3),
}


@pytest.mark.parametrize("case", CASES)
def test_the_layer_says_what_it_said_more_nearly_than_with_nearest_rounding(case: str) -> None:
    shape, channels, group = CASES[case]
    kernel, power = drawn(*shape), power_of(shape, channels=channels, group=group)
    ours = damage(kernel, round_kernel(kernel, power), power)
    theirs = damage(kernel, nearest(kernel), power)
    # Half the noise is 3 dB; most layers gain far more.
    assert 0 < ours < theirs / 2


@pytest.mark.parametrize("case", CASES)
def test_every_weight_lies_on_a_step_and_the_largest_keeps_its_own(case: str) -> None:
    shape, channels, group = CASES[case]
    kernel, power = drawn(*shape, seed=1), power_of(shape, channels=channels, group=group)
    rounded = round_kernel(kernel, power)
    step = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True) / 127
    steps = rounded / step
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    assert np.abs(steps).max() < 127.000001
    for before, after in zip(kernel.reshape(shape[0], -1), rounded.reshape(shape[0], -1), strict=True):
        place = int(np.abs(before).argmax())
        assert after[place] == pytest.approx(before[place])


@pytest.mark.parametrize("case", CASES)
def test_half_precision_is_rounded_by_what_the_layer_says_too(case: str) -> None:
    shape, channels, group = CASES[case]
    kernel, power = drawn(*shape), power_of(shape, channels=channels, group=group)
    rounded = round_kernel(kernel, power, "float16")
    assert np.array_equal(rounded, rounded.astype(np.float16))
    ours, theirs = damage(kernel, rounded, power), damage(kernel, kernel.astype(np.float16), power)
    assert 0 < ours < theirs / 2
    assert np.abs(rounded - kernel).max() < 0.01


def test_a_kernel_beyond_half_precision_is_left_as_it_is() -> None:
    kernel = drawn(4, 3, 1, 1) * 1e6
    assert round_kernel(kernel, np.eye(3)[np.newaxis], "float16") is kernel


def test_quantizing_what_was_rounded_changes_it_no_more() -> None:
    kernel = drawn(16, 3, 3, 3, seed=2)
    rounded = round_kernel(kernel, power_of((16, 3, 3, 3), channels=3)).astype(np.float32)
    assert np.allclose(nearest(rounded.astype(np.float64)), rounded, atol=1e-6)


def test_inputs_without_correlation_round_to_the_nearest_step() -> None:
    kernel = drawn(8, 5, 3, 3, seed=3)
    assert np.allclose(round_kernel(kernel, np.eye(45)[np.newaxis]), nearest(kernel))


def test_more_inputs_than_one_block_hear_of_each_others_errors() -> None:
    """One shared input: each weight's error must be made good by the next, across the blocks too."""
    count = 3 * rounding._BLOCK + 5
    kernel = drawn(4, count, 1, 1, seed=4)
    power = np.ones((1, count, count)) + 0.01 * np.eye(count)
    change = (round_kernel(kernel, power) - kernel).reshape(4, -1).sum(axis=1)
    step = np.abs(kernel).max(axis=(1, 2, 3)) / 127
    assert np.all(np.abs(change) < 3 * step)
    assert np.abs((nearest(kernel) - kernel).reshape(4, -1).sum(axis=1) / step).max() > 3


def test_the_size_of_the_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, power = drawn(12, 24, 3, 3, seed=6), power_of((12, 24, 3, 3), channels=24)
    found = []
    for size in (1, 50, kernel[0].size):
        monkeypatch.setattr(rounding, "_BLOCK", size)
        found.append(round_kernel(kernel, power))
    # Sums in another order may put a weight between two steps on the other one; then others follow.
    for other in found[1:]:
        assert np.mean(np.isclose(other, found[0])) > 0.99


@given(
    groups=st.integers(1, 4),
    outputs=st.integers(1, 3),
    inputs=st.integers(1, 4),
    size=st.sampled_from([1, 2, 3]),
    positions=st.integers(1, 60),
    silent=st.booleans(),
    scale=st.sampled_from([1e-6, 1.0, 1e4]),
    seed=st.integers(0, 99),
)
def test_any_kernel_gets_finite_steps(
    groups: int, outputs: int, inputs: int, size: int, positions: int, silent: bool, scale: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    kernel = scale * random.normal(size=(groups * outputs, inputs, size, size))
    kernel[0] = 0
    seen = random.normal(size=(groups, positions, inputs * size * size)).cumsum(axis=2)
    if silent:
        # An input that is always zero, as channels behind a ReLU can be.
        seen[:, :, 0] = 0
    power = seen.transpose(0, 2, 1) @ seen / positions
    rounded = round_kernel(kernel, power)
    assert rounded.shape == kernel.shape
    assert np.all(np.isfinite(rounded))
    assert np.all(rounded[0] == 0)
    step = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True) / 127
    step[step == 0] = 1
    steps = rounded / step
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    assert np.abs(steps).max() < 127.000001
    assert np.allclose(np.abs(rounded).max(axis=(1, 2, 3)), np.abs(kernel).max(axis=(1, 2, 3)), rtol=1e-9)


def test_pictures_that_are_black_all_over_round_too() -> None:
    kernel = drawn(4, 3, 3, 3)
    assert np.allclose(round_kernel(kernel, np.zeros((1, 27, 27))), nearest(kernel))


CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "padded": {"pads": [1, 1, 1, 1]},
    "padded unevenly": {"pads": [0, 1, 2, 0]},
    "strided": {"pads": [0, 0, 1, 1], "strides": [2, 2]},
    "strided unevenly": {"strides": [1, 3]},
    "dilated": {"dilations": [2, 3]},
    "all of these": {"pads": [2, 1, 0, 3], "strides": [2, 3], "dilations": [2, 1]},
    "same, upper": {"auto_pad": "SAME_UPPER"},
    "same, lower": {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    "valid": {"auto_pad": "VALID", "strides": [2, 1]},
}


@pytest.mark.parametrize("group", [1, 2, CHANNELS])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_patches_are_what_a_convolution_reads(name: str, group: int) -> None:
    random = np.random.default_rng(5)
    image = random.normal(size=(CHANNELS, 10, 11)).astype(np.float32)
    kernel = random.normal(size=(2 * CHANNELS, CHANNELS // group, 3, 2)).astype(np.float32)
    options = {**CONVOLUTIONS[name], "group": group}
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Conv", ["x", "w"], ["y"], **options)],
            "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *image.shape])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(kernel, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": image[np.newaxis]})
    patches = patches_of(image, kernel.shape, **options)
    assert patches.shape[1] == wanted.shape[2] * wanted.shape[3] <= rounding._POSITIONS
    weights = kernel.reshape(group, -1, patches.shape[2])
    got = np.einsum("gnk,gok->gon", patches, weights).reshape(wanted.shape)
    assert np.allclose(got, wanted, atol=1e-4)


def test_of_a_large_map_some_evenly_spread_places_are_read() -> None:
    image = np.arange(3 * 40 * 40, dtype=np.float32).reshape(3, 40, 40)
    patches = patches_of(image, (4, 3, 1, 1))
    assert patches.shape == (1, rounding._POSITIONS, 3)
    assert (patches[0, 0, 0], patches[0, -1, 0]) == (0, 1599)
    assert set(np.diff(patches[0, :, 0])) == {12, 13}


def network(folder: Path) -> tuple[Path, Path]:
    """A small float graph, a convolution and a depthwise one, and pictures."""
    first, second = (drawn(*shape, seed=7).astype(np.float32) for shape in ((8, 3, 3, 3), (8, 1, 3, 3)))
    constants = {"scale": np.float32(1 / 255), "first": first, "second": second}
    constants |= {f"bias_{number}": np.linspace(-1, number, 8, dtype=np.float32) for number in (1, 2)}
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["scaled"], "mul"),
        helper.make_node("Transpose", ["scaled"], ["planes"], "turn", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first", "bias_1"], ["a"], "first", strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "second", "bias_2"], ["c"], "second", group=8),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, 32, 32, 3])],
            [helper.make_tensor_value_info("c", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(values, name) for name, values in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, folder / "graph.onnx")
    np.save(
        folder / "pictures.npy", np.stack([np.asarray(support.scene(32, 32, seed=seed)) for seed in range(4)])
    )
    return folder / "graph.onnx", folder / "pictures.npy"


def answers(graph: onnx.ModelProto, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"pixels": picture[np.newaxis]})[0] for picture in pictures])


def with_weights(graph: Path, layers: dict[int, Layer], *, shifted: bool = True) -> onnx.ModelProto:
    model = onnx.load(graph)
    for place, node in enumerate(onnx_edit.weighted(model)):
        layer, bias = layers[place], onnx_edit.constant(model, node.input[2])
        onnx_edit.set_constant(model, node.input[1], layer.kernel)
        onnx_edit.set_constant(model, node.input[2], layer.bias(bias) - (0 if shifted else layer.shift))
    return model


@pytest.mark.parametrize("to", ["int8", "float16"])
def test_every_convolution_of_a_graph_is_rounded_and_its_mean_answer_kept(to: Steps, tmp_path: Path) -> None:
    graph, pictures = network(tmp_path)
    rounding.write(graph, pictures, {to: tmp_path / "layers.npz"})
    layers = read_layers(tmp_path / "layers.npz")
    model, seen = onnx.load(graph), np.load(pictures)
    assert [layers[place].before.shape for place in sorted(layers)] == [(8, 3, 3, 3), (8, 1, 3, 3)]
    assert np.array_equal(layers[1].before, onnx_edit.constant(model, "second"))
    before = answers(model, seen)
    gaps = [
        np.abs((answers(with_weights(graph, layers, shifted=shifted), seen) - before).mean(axis=(0, 2, 3)))
        for shifted in (True, False)
    ]
    spread = before.std()
    assert gaps[0].max() < {"int8": 5e-3, "float16": 1e-4}[to] * spread
    assert gaps[0].max() < 0.3 * gaps[1].max()


def test_what_is_known_of_inputs_is_scaled_with_their_channels() -> None:
    seen = np.random.default_rng(8).normal(size=(3, 50, 2 * 9))
    factor = np.random.default_rng(9).uniform(1, 8, 6)
    scaled = (seen.reshape(3, 50, 2, 9) * factor.reshape(3, 1, 2, 1)).reshape(seen.shape)
    found = rounding._scaled(seen.mean(axis=1), seen.transpose(0, 2, 1) @ seen / 50, factor)
    assert np.allclose(found[0], scaled.mean(axis=1))
    assert np.allclose(found[1], scaled.transpose(0, 2, 1) @ scaled / 50)


def test_int8_widens_channels_first_and_half_precision_does_not(tmp_path: Path) -> None:
    graph, pictures = network(tmp_path)
    rounding.write(graph, pictures, {to: tmp_path / f"{to}.npz" for to in ("int8", "float16")})
    wide, half = (read_layers(tmp_path / f"{to}.npz") for to in ("int8", "float16"))
    assert [layer.tied for layer in wide.values()] == [True, True]
    assert wide[0].factor.max() > 1.5
    assert not any(layer.tied for layer in half.values())
    assert all(np.all(layer.factor == 1) for layer in half.values())


def layer_of(kernel: NDArray[np.float32], *, tied: bool = False) -> Layer:
    ones = np.ones(len(kernel), np.float32)
    return Layer(kernel, kernel + 1, factor=2 * ones, shift=3 * ones, tied=tied)


def applied(kernels: dict[str, NDArray[np.float32]], layers: dict[int, Layer]) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    rounding.apply(kernels.items(), layers, found.__setitem__)
    return found


def test_each_convolution_of_a_format_gets_its_own_weights() -> None:
    kernels = {name: drawn(4, 3, 3, 3, seed=seed).astype(np.float32) for seed, name in enumerate("abc")}
    layers = {4: layer_of(kernels["b"], tied=True), 7: layer_of(kernels["a"])}
    assert applied(kernels, layers) == {"b": layers[4], "a": layers[7]}


def test_a_graph_without_one_of_the_layers_that_are_tied_keeps_all_its_weights() -> None:
    kernels = {name: drawn(4, 3, 3, 3, seed=seed).astype(np.float32) for seed, name in enumerate("abc")}
    layers = {place: layer_of(kernel, tied=place < 2) for place, kernel in enumerate(kernels.values())}
    del kernels["b"]
    assert applied(kernels, layers) == {}
    untied = {place: layer_of(layer.before) for place, layer in layers.items()}
    assert set(applied(kernels, untied)) == {"a", "c"}


def test_a_bias_is_widened_with_its_channel_and_then_shifted() -> None:
    layer = layer_of(drawn(4, 3, 3, 3).astype(np.float32))
    assert np.array_equal(layer.bias(np.float32([[[0]], [[1]], [[2]], [[-1]]])), [3, 5, 7, 1])
    assert np.array_equal(layer.as_it_was().bias(np.float32([0, 1, 2, -1])), [0, 1, 2, -1])


def test_a_kernel_is_known_by_its_values_in_any_format() -> None:
    kernels = [drawn(4, 3, 3, 3, seed=seed).astype(np.float32) for seed in range(3)]
    layers = {place: layer_of(kernel) for place, kernel in zip((0, 2, 5), kernels, strict=True)}
    assert [place_of(kernel, layers) for kernel in kernels] == [0, 2, 5]
    # A converter that folds batch normalisation in another order rounds otherwise in the last digit.
    assert place_of(kernels[1] * np.float32(1 + 1e-5), layers) == 2
    assert place_of(kernels[1] * np.float32(1.01), layers) is None
    assert place_of(kernels[1].transpose(1, 0, 2, 3), layers) is None
    assert place_of(kernels[1], {}) is None


def test_layers_that_are_there_may_stay_in_float() -> None:
    check_found({1, 4}, {0, 1, 4, None}, "TFLite")
    check_found(frozenset(), set(), "TFLite")


def test_layers_that_are_not_there_are_named() -> None:
    with pytest.raises(ConversionError) as caught:
        check_found({1, 9, 4}, {1, None}, "OpenVINO")
    assert str(caught.value) == (
        "the OpenVINO graph does not have the layers 4, 9 of the ONNX graph, which were to stay in float: "
        "choose another rung or format"
    )


def test_a_convolution_over_a_line_is_left_as_it_is(tmp_path: Path) -> None:
    graph, pictures = network(tmp_path)
    model = onnx.load(graph)
    model.graph.node.extend(
        [
            helper.make_node("GlobalAveragePool", ["c"], ["mean"], "mean"),
            helper.make_node("Squeeze", ["mean", "axis"], ["row"], "squeeze"),
            helper.make_node("Transpose", ["row"], ["line"], "turn_row", perm=[0, 2, 1]),
            helper.make_node("Conv", ["line", "third", "bias_3"], ["e"], "third", pads=[1, 1]),
        ]
    )
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([3]), "axis"),
            numpy_helper.from_array(np.ones((1, 1, 3), np.float32), "third"),
            numpy_helper.from_array(np.zeros(1, np.float32), "bias_3"),
        ]
    )
    model.graph.output[0].name = "e"
    onnx.save(model, graph)
    rounding.write(graph, pictures, {"int8": tmp_path / "int8.npz", "float16": tmp_path / "float16.npz"})
    assert set(read_layers(tmp_path / "int8.npz")) == set(read_layers(tmp_path / "float16.npz")) == {0, 1}
