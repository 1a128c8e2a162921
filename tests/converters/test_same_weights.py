"""The weights that are rounded once, on the ONNX graph, are the ones that every format gets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from numpy.typing import NDArray

from edgetl import images, isolated
from edgetl.converters import flatbuffer, openvino_edit
from edgetl.converters import onnx as onnx_converter
from edgetl.converters import openvino as openvino_converter
from edgetl.converters import tflite as tflite_converter
from edgetl.converters.formats import FORMATS
from edgetl.converters.results import Layer, read_layers
from edgetl.runtime import engines
from edgetl.training.run import Run

Layers = dict[int, Layer]


def in_tflite(graphs: Path, layers: Layers) -> dict[str, bytes]:
    model = flatbuffer.read((graphs / FORMATS["tflite"].graph).read_bytes())
    tflite_converter.put(model, layers)
    return {"model.tflite": flatbuffer.write(model)}


def in_onnx(graphs: Path, layers: Layers) -> dict[str, bytes]:
    model = onnx.load(graphs / FORMATS["onnx"].graph)
    onnx_converter._round(model, layers)
    return {"model.onnx": model.SerializeToString()}


def in_openvino(graphs: Path, layers: Layers) -> dict[str, bytes]:
    model = openvino.Core().read_model(graphs / FORMATS["openvino"].graph)
    openvino_converter._round(model, layers)
    return openvino_edit.contents(model)


WITH = {"tflite": in_tflite, "onnx": in_onnx, "openvino": in_openvino}


@pytest.fixture(scope="module")
def pixels(solar_run: Run) -> NDArray[np.uint8]:
    photos = solar_run.dataset.split("train")[::6]
    return np.stack([images.decode(photo.path, solar_run.contract) for photo in photos])


@pytest.fixture(scope="module")
def graphs(solar_run: Run, pixels: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Float graphs of a trained run, and ``int8.npz`` and ``float16.npz``."""
    folder = tmp_path_factory.mktemp("graphs")
    np.save(folder / "pixels.npy", pixels)
    isolated.call(
        "edgetl.converters.graphs:write",
        solar_run.model.resolve(),
        solar_run.contract,
        tuple(FORMATS),
        folder,
        doing="writing the float graphs",
    )
    isolated.call(
        "edgetl.converters.rounding:write",
        folder / FORMATS["onnx"].graph,
        folder / "pixels.npy",
        {steps: folder / f"{steps}.npz" for steps in ("int8", "float16")},
        doing="rounding weights",
    )
    return folder


def answers(
    make: Callable[[Path, Layers], dict[str, bytes]],
    form: str,
    graphs: Path,
    layers: Layers,
    pixels: NDArray[np.uint8],
) -> NDArray[np.float32]:
    with engines.start(engines.for_format(form), make(graphs, layers)) as engine:
        return engine.run(pixels)[0]


@pytest.mark.parametrize("steps", ["int8", "float16"])
def test_a_rounded_graph_answers_alike_in_every_format(
    graphs: Path, pixels: NDArray[np.uint8], steps: str
) -> None:
    layers = read_layers(graphs / f"{steps}.npz")
    plain = answers(in_onnx, "onnx", graphs, {}, pixels)
    rounded = {form: answers(make, form, graphs, layers, pixels) for form, make in WITH.items()}
    for form, found in rounded.items():
        assert np.abs(found - rounded["onnx"]).max() < 1e-4, form
    moved = np.abs(rounded["onnx"] - plain).max()
    assert 1e-6 < moved < {"int8": 0.1, "float16": 2e-3}[steps]


def test_channels_are_widened_in_int8_alone(graphs: Path) -> None:
    assert sum(layer.tied for layer in read_layers(graphs / "int8.npz").values()) > 6
    assert not any(layer.tied for layer in read_layers(graphs / "float16.npz").values())


@pytest.mark.parametrize("form", WITH)
def test_a_format_that_lacks_one_widened_layer_is_left_as_it_was(
    graphs: Path, pixels: NDArray[np.uint8], form: str
) -> None:
    layers = read_layers(graphs / "int8.npz")
    place, layer = next((place, layer) for place, layer in layers.items() if layer.factor.max() > 1)
    layers[place] = Layer(layer.before + 1, layer.kernel, layer.factor, layer.shift, tied=True)
    before, after = (answers(WITH[form], form, graphs, some, pixels[:3]) for some in ({}, layers))
    assert np.array_equal(before, after)
