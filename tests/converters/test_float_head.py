"""A small head stays in float, and no other layer with it."""

from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import TensorType
from keras import layers

from edgetl import isolated
from edgetl.contract import Contract
from edgetl.converters import flatbuffer
from edgetl.converters.request import ConversionRequest

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

SIZE = 64


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float graph with a hidden dense layer in front of its head, and pictures beside it."""
    folder = tmp_path_factory.mktemp("hidden")
    pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, -1)(pixels)
    x = layers.Conv2D(32, 3, strides=2, activation="relu", bias_initializer="ones")(x)
    x = layers.Conv2D(64, 3, activation="relu", bias_initializer="ones")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(48, activation="relu", bias_initializer="ones")(x)
    x = layers.Softmax(name="probabilities")(layers.Dense(3, bias_initializer="ones")(x))
    keras.Model(pixels, x).save(folder / "model.keras")
    np.save(folder / "pixels.npy", np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3), np.uint8))
    isolated.call(
        "edgetl.converters.graphs:write",
        folder / "model.keras",
        Contract(SIZE, SIZE),
        ("tflite",),
        folder,
        doing="writing the float graph",
    )
    return folder / "graph.tflite"


@pytest.mark.parametrize("precision", ["int8", "dynamic"])
def test_in_tflite_a_hidden_dense_layer_is_int8_and_the_head_is_not(
    graph: Path, tmp_path: Path, precision: str
) -> None:
    pictures = graph.parent / "pixels.npy"
    request = ConversionRequest(graph, precision, tmp_path, pictures, Contract(SIZE, SIZE))
    isolated.call("edgetl.converters.tflite:convert", request, doing="converting")
    model = flatbuffer.read((tmp_path / "model.tflite").read_bytes())
    tensors = flatbuffer.graph(model).tensors
    kernels = [tensors[layer.inputs[1]] for layer in flatbuffer.of_kind(model, flatbuffer.WEIGHTED)]
    found = {tuple(map(int, kernel.shape)): kernel.type for kernel in kernels}
    assert found[48, 64] == TensorType.INT8
    assert found[3, 48] == TensorType.FLOAT32
