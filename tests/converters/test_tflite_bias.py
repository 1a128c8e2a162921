"""A channel whose weights have died keeps its bias in int8."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from edgetl import isolated
from edgetl.contract import Contract
from edgetl.converters import flatbuffer
from edgetl.converters.request import ConversionRequest
from edgetl.runtime.litert import LiteRTEngine

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

SIZE = 16


def test_a_dead_channel_says_what_its_bias_says(tmp_path: Path) -> None:
    pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="pixels")
    convolution = layers.Conv2D(8, 3, name="convolution")
    x = layers.GlobalAveragePooling2D()(convolution(layers.Rescaling(1 / 128, -127 / 128)(pixels)))
    model = keras.Model(pixels, layers.Softmax()(layers.Dense(3, name="logits")(x)))
    kernel = np.random.default_rng(0).normal(0, 0.3, (3, 3, 3, 8))
    kernel[..., 3] *= 1e-9
    convolution.set_weights([kernel, np.full(8, -0.7)])
    model.save(tmp_path / "model.keras")
    pictures = np.random.default_rng(1).integers(0, 256, (12, SIZE, SIZE, 3), np.uint8)
    np.save(tmp_path / "pixels.npy", pictures)
    contract = Contract(SIZE, SIZE)
    isolated.call(
        "edgetl.converters.graphs:write",
        *(tmp_path / "model.keras", contract, ("tflite",), tmp_path),
        doing="writing",
    )
    request = ConversionRequest(
        tmp_path / "graph.tflite", "int8", tmp_path, tmp_path / "pixels.npy", contract
    )
    isolated.call("edgetl.converters.tflite:convert", request, doing="converting")
    written = flatbuffer.read((tmp_path / "model.tflite").read_bytes())
    (operator,) = flatbuffer.of_kind(written, [flatbuffer.Op.CONV_2D])
    output = int(operator.outputs[0])
    step = flatbuffer.graph(written).tensors[output].quantization.scale[0]
    flatbuffer.graph(written).outputs = [output]
    written.signatureDefs = None
    with LiteRTEngine({"model.tflite": flatbuffer.write(written)}, num_threads=1) as engine:
        found = engine.run(pictures[:1])[0][0, ..., 3]
    assert np.abs(found + 0.7).max() <= 0.51 * step
