"""Models as users bring them, what they answer when used by hand, and what becomes of them.

``outcomes`` runs in one child process, ``isolated.call("own_models:outcomes", ...)``: it imports TensorFlow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import support
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgetl import images
from edgetl.converters.adoption.adopt import Adopted, adopt
from edgetl.converters.adoption.options import ModelOptions
from edgetl.errors import EdgetlError

Answers = NDArray[np.floating[Any]]
Network = Callable[[NDArray[Any]], NDArray[Any]]

_CAFFE = np.array([103.939, 116.779, 123.68])
_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@dataclass(frozen=True)
class Outcome:
    """What ``adopt`` made of one model."""

    adopted: Adopted | None
    error: EdgetlError | None
    expected: Answers | None = None
    """Probabilities of the user's own model, its pre-processing done here, by hand."""
    got: Answers | None = None
    """Those of the adopted model, given the same pixels as they are."""
    layers: tuple[str, ...] = ()
    """Names of the layers of an adopted Keras model."""


def outcomes(folder: Path, shared: Path) -> dict[str, Outcome]:
    """Adopt every model below, each in a folder of its own.

    Args:
        folder: an empty one.
        shared: the folder of large files; without it, the model with real weights is left out.
    """
    keras.utils.set_random_seed(0)
    bench = _Bench(folder)
    if shared.is_dir():
        _add_mobilenet(bench, shared)
    _add_keras(bench)
    _add_saved_models(bench)
    _add_onnx(bench)
    return bench.outcomes


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(logits.astype(np.float64))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def both(share: NDArray[Any]) -> NDArray[Any]:
    """One sigmoid as two probabilities."""
    return np.concatenate([1 - share, share], axis=1)


class _Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photos = [support.encoded(support.scene(200, 140, seed=seed)) for seed in range(3)]
        self.outcomes: dict[str, Outcome] = {}

    def adopt(
        self, name: str, model: Path, by_hand: Network | None = None, classes: int = 3, **options: Any
    ) -> None:
        out = self.folder / f"{name}.out"
        out.mkdir()
        labels = tuple(f"label {number}" for number in range(classes))
        try:
            adopted = adopt(model, ModelOptions.from_values(options), labels, out)
        except EdgetlError as error:
            self.outcomes[name] = Outcome(None, error)
            return
        if by_hand is None:
            raise AssertionError(f"{name} was expected to be refused")
        pixels = np.stack([images.decode(photo, adopted.contract) for photo in self.photos])
        expected = by_hand(pixels.astype(np.float64))
        got, names = _answers(adopted, pixels)
        self.outcomes[name] = Outcome(adopted, None, expected, got, names)

    def keras(
        self,
        name: str,
        network: Any,
        by_hand: Network | None = None,
        suffix: str = ".keras",
        classes: int = 3,
        **options: Any,
    ) -> None:
        model = self.folder / f"{name}{suffix}"
        network.save(model)
        self.adopt(name, model, by_hand, classes, **options)


def _answers(adopted: Adopted, pixels: NDArray[np.uint8]) -> tuple[Answers, tuple[str, ...]]:
    if adopted.kind == "keras":
        network = keras.models.load_model(adopted.model)
        return np.asarray(network(pixels, training=False)), tuple(layer.name for layer in network.layers)
    if adopted.kind == "onnx":
        session = onnxruntime.InferenceSession(adopted.model)
        rows = [session.run(["probabilities"], {"pixels": one[np.newaxis]})[0] for one in pixels]
    else:
        loaded = tf.saved_model.load(str(adopted.model))
        signature = loaded.signatures["serving_default"]
        rows = [signature(pixels=tf.constant(one[np.newaxis]))["probabilities"].numpy() for one in pixels]
    return np.concatenate(rows), ()


def _small(
    *end: Any, size: tuple[int | None, int | None] = (48, 64), channels: int = 3, front: Any = ()
) -> Any:
    """A small convolutional network with a head to choose."""
    return keras.Sequential(
        [
            keras.Input((*size, channels)),
            *front,
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.3),
            *end,
        ]
    )


class Doubled(layers.Layer):  # type: ignore[misc]
    """A layer of the user's own."""

    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def _add_mobilenet(bench: _Bench, shared: Path) -> None:
    """MobileNetV2 on photos of insects, put together as Keras' guide to transfer learning does."""
    weights = shared / "weights" / "mobilenet_v2_1.0_160_no_top.weights.h5"
    base = keras.applications.MobileNetV2(input_shape=(160, 160, 3), include_top=False, weights=str(weights))
    pixels = keras.Input((160, 160, 3))
    x = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])(pixels)
    x = base(layers.Rescaling(1 / 127.5, offset=-1)(x), training=False)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(pixels, layers.Dense(2)(x))
    drawn, bench.photos = (
        bench.photos,
        [
            path.read_bytes()
            for path in sorted((shared / "data" / "hymenoptera" / "val").glob("*/*.jpg"))[::40]
        ],
    )
    bench.keras(
        "MobileNetV2",
        network,
        lambda x: softmax(np.asarray(network(x.astype(np.float32), training=False))),
        classes=2,
    )
    bench.photos = drawn


def _add_keras(bench: _Bench) -> None:
    def run(network: Any, x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(network(x.astype(np.float32), training=False))

    a = _small(layers.Dense(3, activation="softmax"))
    bench.keras("softmax", a, lambda x: run(a, x / 255), normalise="unit")
    bench.keras("h5", a, lambda x: run(a, (x - 127) / 128), suffix=".h5", normalise="lite")
    bench.keras("torch", a, lambda x: run(a, (x / 255 - _MEAN) / _STD), normalise="torch")
    bench.keras("four labels", a, classes=4, normalise="unit")
    bench.keras("unknown normalisation", a)
    bench.keras("another size", a, normalise="unit", size="48x48")
    bench.keras("said to be logits", a, normalise="unit", outputs="logits")
    b = _small(layers.Dense(3))
    bench.keras("logits", b, lambda x: softmax(run(b, x / 127.5 - 1)), normalise="tf")
    bench.keras("said to be probabilities", b, normalise="tf", outputs="probabilities")
    # Small factors keep the softmax away from 0 and 1, where every mistake would look right.
    bgr = "mean=103.939,116.779,123.68 std=400"
    bench.keras(
        "bgr", b, lambda x: softmax(run(b, (x[..., ::-1] - _CAFFE) / 400)), normalise=bgr, channels="BGR"
    )
    c = _small(layers.Dense(1, activation="sigmoid"), front=[layers.DepthwiseConv2D(3)])
    bench.keras(
        "bgr, depthwise first",
        c,
        lambda x: both(run(c, (x[..., ::-1] - _CAFFE) / 400)),
        classes=2,
        normalise=bgr,
        channels="BGR",
    )
    bench.keras("one sigmoid", c, lambda x: both(run(c, x / 255)), classes=2, normalise="unit")
    d = _small(layers.Dense(1))
    bench.keras(
        "one logit",
        d,
        lambda x: softmax(np.pad(run(d, x / 255), ((0, 0), (1, 0)))),
        classes=2,
        normalise="unit",
    )
    own = [layers.RandomFlip(), layers.Rescaling(1 / 255), layers.Normalization(mean=_MEAN, variance=_STD**2)]
    e = _small(layers.Dense(3), layers.Softmax(), front=own)
    bench.keras("own rescaling", e, lambda x: run(e, x))
    f = _small(layers.Dense(3), front=[layers.Rescaling(2.0, offset=-1.0)])
    bench.keras("rescaling from 0 to 1", f)
    g = _small(layers.Dense(3, activation="softmax"), channels=1)
    luma = np.array([[0.299], [0.587], [0.114]])
    bench.keras("grey", g, lambda x: run(g, x @ luma / 255), normalise="unit")
    bench.keras("four channels", _small(layers.Dense(3), channels=4), normalise="unit")
    h = _small(layers.Dense(3), size=(None, None))
    bench.keras("any size", h, normalise="unit")
    bench.keras("any size, one said", h, lambda x: softmax(run(h, x / 255)), normalise="unit", size="40x56")
    base = _small(size=(48, 64), front=[layers.Rescaling(1 / 127.5, offset=-1)])
    pixels = keras.Input((48, 64, 3))
    twice = layers.Concatenate()([base(pixels, training=False), base(layers.RandomFlip()(pixels))])
    scaled = keras.ops.multiply(layers.Dense(6, activation="relu", name="embedding")(twice), 0.5)
    i = keras.Model(pixels, layers.Dense(3, activation="softmax", name="_last")(scaled))
    bench.keras("nested", i, lambda x: run(i, x), normalise="none")
    j = keras.applications.MobileNetV3Small(weights=None, input_shape=(64, 64, 3), classes=3, alpha=0.75)
    bench.keras("MobileNetV3", j, lambda x: run(j, x))
    k = _small(layers.Dense(3, activation="softmax"), layers.Rescaling(1.0))
    bench.keras("no softmax at the very end", k, lambda x: run(k, x / 255), normalise="unit")
    m = _small(layers.Dense(1, activation="sigmoid"), layers.Rescaling(1.0))
    bench.keras("no sigmoid at the very end", m, lambda x: both(run(m, x / 255)), classes=2, normalise="unit")
    n = _small(layers.Reshape((1, 1, 8)), layers.Conv2D(3, 1))
    bench.keras("four axes", n, lambda x: softmax(run(n, x / 255)[:, 0, 0]), normalise="unit")
    whole = keras.Input((48, 64, 3), dtype="uint8")
    p = keras.Model(whole, layers.Dense(3)(base(whole)))
    bench.keras("whole pixels", p, lambda x: softmax(np.asarray(p(x.astype(np.uint8), training=False))))
    keras.config.set_dtype_policy("mixed_float16")
    q = _small(layers.Dense(3, activation="softmax", dtype="float32"))
    keras.config.set_dtype_policy("float32")
    bench.keras("half precision", q, lambda x: run(q, x / 255), normalise="unit")
    bench.keras("several labels", _small(layers.Dense(3, activation="sigmoid")), normalise="unit")
    bench.keras(
        "feature map", keras.Sequential([keras.Input((48, 64, 3)), layers.Conv2D(3, 3)]), normalise="unit"
    )
    bench.keras("lambda", _small(layers.Lambda(lambda x: x * 2), layers.Dense(3)), normalise="unit")
    bench.keras("own layer", _small(Doubled(name="twice"), layers.Dense(3)), normalise="unit")
    two = keras.Model(pixels, [base(pixels), scaled])
    bench.keras("two outputs", two, normalise="unit")
    weights = bench.folder / "only.weights.h5"
    a.save_weights(weights)
    bench.adopt("weights only", weights, normalise="unit")
    damaged = bench.folder / "damaged.keras"
    damaged.write_bytes(b"no model")
    bench.adopt("damaged", damaged)


def _add_saved_models(bench: _Bench) -> None:
    def run(network: Any, x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(network(x.astype(np.float32), training=False))

    a = _small(layers.Dense(3), size=(None, None))
    a.export(bench.folder / "a", verbose=False)
    bench.adopt(
        "SavedModel of logits",
        bench.folder / "a",
        lambda x: softmax(run(a, (x[..., ::-1] - _CAFFE) / 400)),
        normalise="mean=103.939,116.779,123.68 std=400",
        channels="BGR",
        size="40x56",
    )
    bench.adopt("SavedModel of any size", bench.folder / "a", normalise="unit")
    b = _small(
        layers.Dense(3, activation="softmax"),
        Doubled(),
        layers.Rescaling(0.5),
        front=[layers.Rescaling(1 / 255)],
    )
    tf.saved_model.save(b, str(bench.folder / "b"))
    bench.adopt("SavedModel with its own rescaling", bench.folder / "b", lambda x: run(b, x))
    c = _small(layers.Dense(1, activation="sigmoid"))
    c.export(bench.folder / "c", verbose=False)
    bench.adopt(
        "SavedModel of one sigmoid", bench.folder / "c", lambda x: both(run(c, x / 255)), 2, normalise="unit"
    )


def _add_onnx(bench: _Bench) -> None:
    def run(model: Path, x: NDArray[Any]) -> NDArray[Any]:
        session = onnxruntime.InferenceSession(model)
        planes = np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)
        return np.concatenate([session.run(None, {"pixels": plane[np.newaxis]})[0] for plane in planes])

    a = _planes(bench.folder / "a.onnx")
    bench.adopt("onnx", a, lambda x: softmax(run(a, (x / 255 - _MEAN) / _STD)), normalise="torch")
    bench.adopt(
        "onnx, bgr",
        a,
        lambda x: softmax(run(a, (x[..., ::-1] - _CAFFE) / 400)),
        normalise="mean=103.939,116.779,123.68 std=400",
        channels="BGR",
    )
    bench.adopt("onnx, unknown normalisation", a)
    b = _planes(bench.folder / "b.onnx", last="Softmax", opset=11, batch=1)
    bench.adopt("onnx, old", b, lambda x: run(b, x / 255), normalise="unit")
    c = _planes(bench.folder / "c.onnx", size=("h", "w"))
    bench.adopt("onnx of any size", c, normalise="unit")
    bench.adopt("onnx of one size", c, lambda x: softmax(run(c, x / 255)), normalise="unit", size="33x50")
    d = _small(layers.Dense(3, activation="softmax"), front=[layers.Rescaling(1 / 255)])

    def answers(x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(d(x.astype(np.float32), training=False))

    answers(np.zeros((1, 48, 64, 3)))  # Keras exports to ONNX only what was called once
    d.export(bench.folder / "d.onnx", format="onnx", verbose=False)
    bench.adopt(
        "onnx, NHWC",
        bench.folder / "d.onnx",
        lambda x: np.asarray(d.predict(x.astype(np.float32), verbose=0)),
    )
    bench.adopt("onnx, foreign node", _planes(bench.folder / "e.onnx", domain="my.ops"), normalise="unit")
    bench.adopt("onnx, eight at a time", _planes(bench.folder / "f.onnx", batch=8), normalise="unit")
    apart = bench.folder / "g.onnx"
    onnx.save(onnx.load(a), apart, save_as_external_data=True, size_threshold=0, location="g.bin")
    bench.adopt("onnx, weights apart", apart, normalise="unit")
    damaged = bench.folder / "h.onnx"
    damaged.write_bytes(b"no model at all")
    bench.adopt("onnx, damaged", damaged)


def _planes(
    place: Path,
    *,
    last: str = "",
    batch: int | str = "n",
    size: tuple[int | str, int | str] = (40, 48),
    opset: int = 13,
    domain: str = "",
) -> Path:
    """A small classifier as PyTorch exports it: planes of R, G, B, float32 (n, 3, height, width)."""
    generator = np.random.default_rng(0)
    weights = {
        "kernel": generator.normal(size=(8, 3, 3, 3)) * 0.1,
        "head": generator.normal(size=(8, 3)),
        "bias": generator.normal(size=3),
    }
    # Its input is called as ours is, and its output too: names must not clash.
    nodes = [
        helper.make_node("Conv", ["pixels", "kernel"], ["a"], name="conv1", strides=[2, 2], domain=domain),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "head", "bias"], ["e" if last else "probabilities"]),
    ]
    if last:
        nodes.append(helper.make_node(last, ["e"], ["probabilities"]))
    graph = helper.make_graph(
        nodes,
        "planes",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch, 3, *size])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), place)
    return place
