"""Small float graphs that begin with a normalisation and a convolution, as TensorFlow writes them.

``build`` runs in a child process, since it imports TensorFlow.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.contract import Contract

SIZE = 16
NORMALISATIONS: dict[str, tuple[Any, Any]] = {
    "(x-127)/128": (1 / 128, -127 / 128),
    "x/255": (1 / 255, 0.0),
    "(x-127.5)/127.5": (1 / 127.5, -1.0),
    "per channel": ([1 / 58.4, 1 / 57.1, 1 / 57.4], [-2.12, -2.04, -1.8]),
}
"""Scale and offset."""
PADDINGS = ("same", "valid", "before")
"""By the convolution, none at all, or by a layer in front of it, as MobileNet has it."""


@dataclass(frozen=True)
class Folding:
    """One network."""

    tflite: bytes
    """Float graph, nothing folded yet: uint8 (1, 16, 16, 3) to a feature map."""
    kernel: NDArray[np.float32]
    """float32 (3, 3, 3, 4), of its first convolution."""


def build(folder: Path) -> dict[str, Folding]:
    """Each normalisation with each padding, as ``x/255, same``; and ``unbiased``, three layers deep."""
    import keras

    from edgetl.converters import graphs

    keras.utils.set_random_seed(0)
    built = {
        f"{name}, {padding}": _one(_network(name, padding)) for name in NORMALISATIONS for padding in PADDINGS
    }
    deep = _deep()
    deep.save(folder / "deep.keras")
    contract = Contract(SIZE, SIZE, labels=("a", "b", "c"))
    graphs.write(folder / "deep.keras", contract, ("tflite", "onnx"), folder)
    return {**built, "unbiased": _one(deep)}


def _network(name: str, padding: str) -> Any:
    import keras
    from keras import layers

    scale, offset = NORMALISATIONS[name]
    pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="pixels")
    flow = layers.Rescaling(scale, offset)(pixels)
    if padding == "before":
        flow = layers.ZeroPadding2D(((0, 1), (0, 1)))(flow)
    flow = layers.Conv2D(
        4,
        3,
        strides=1 if padding == "valid" else 2,
        padding="same" if padding == "same" else "valid",
        bias_initializer="random_normal",
    )(flow)
    return keras.Model(pixels, flow)


def _deep() -> Any:
    """No layer has a bias, so the converter gives all the same zeros."""
    import keras
    from keras import layers

    pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="pixels")
    flow = layers.Rescaling(*NORMALISATIONS["(x-127.5)/127.5"])(pixels)
    for _ in range(3):
        flow = layers.Conv2D(4, 3, padding="same", activation="relu", use_bias=False)(flow)
    flow = layers.Dense(3)(layers.GlobalAveragePooling2D()(flow))
    return keras.Model(pixels, layers.Softmax(name="probabilities")(flow))


def _one(network: Any) -> Folding:
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec((1, SIZE, SIZE, 3), tf.uint8, name="pixels")
    function = tf.function(lambda pixels: network(pixels, training=False)).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    (first, *_) = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    return Folding(bytes(converter.convert()), np.asarray(first.get_weights()[0]))
