"""A small classifier of a user's own, trained on real photos without edgetl; runs in a child process.

Random convolutions and a head solved by least squares: a few seconds, and its answers depend on the photos.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from edgetl import images
from edgetl.contract import Contract

SIZE = (72, 96)


def save(photos: Path, folder: Path) -> None:
    """Write ``own.keras`` (pixels 0 to 1, logits), ``own_saved`` and ``own.onnx`` (probabilities).

    Args:
        photos: ``{train,test}/<class>/*``.
        folder: to write into.
    """
    keras.utils.set_random_seed(1)
    rows = [
        (path, number)
        for number, label in enumerate(sorted(path.name for path in (photos / "train").iterdir()))
        for path in sorted((photos / "train" / label).iterdir())
    ]
    contract = Contract(*SIZE, resize="squash")
    pixels = np.stack([images.decode(path, contract) for path, _ in rows]).astype(np.float32) / 255
    truth = np.array([number for _, number in rows])
    source = keras.Input((*SIZE, 3), name="picture")
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(source)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    for width in (32, 64):
        x = keras.layers.DepthwiseConv2D(3, strides=2, padding="same")(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.Conv2D(width, 1)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.Add()([x, keras.layers.Conv2D(64, 1)(x)])
    features = keras.layers.GlobalAveragePooling2D()(x)
    body = keras.Model(source, features)
    # Statistics of the photos themselves, as training would have left them.
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            seen = keras.Model(source, layer.input).predict(pixels, verbose=0)
            layer.moving_mean.assign(seen.mean(axis=(0, 1, 2)))
            layer.moving_variance.assign(seen.var(axis=(0, 1, 2)))
    table = body.predict(pixels, verbose=0).astype(np.float64)
    centre = table.mean(axis=0)
    wanted = 4 * (np.eye(2)[truth] - 0.5)
    # A strong ridge: with few photos a weak one gives answers that any rounding turns over.
    gram = (table - centre).T @ (table - centre)
    kernel = np.linalg.solve(
        gram + np.trace(gram) / len(gram) * np.eye(len(gram)), (table - centre).T @ wanted
    )
    head = keras.layers.Dense(2, name="answers")
    logits = head(features)
    head.set_weights([kernel, -centre @ kernel])
    keras.Model(source, logits).save(folder / "own.keras")
    model = keras.Model(source, keras.layers.Softmax()(logits))
    spec = [tf.TensorSpec((1, *SIZE, 3), tf.float32, name="picture")]
    model.export(str(folder / "own_saved"), format="tf_saved_model", verbose=False, input_signature=spec)
    model.export(str(folder / "own.onnx"), format="onnx", verbose=False, input_signature=spec)


def predict(model: Path, pictures: Path) -> np.ndarray:
    """What the user's own model says: logits (n, 2) of pictures 0 to 1."""
    answers = keras.models.load_model(model, compile=False).predict(np.load(pictures), verbose=0)
    return np.asarray(answers, np.float64)
