"""A user's layers between our ``preprocess`` and our ``probabilities``, as one flat Keras model."""

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edgetl.converters.adoption import keras_graph
from edgetl.converters.adoption.checks import ModelInput
from edgetl.converters.adoption.keras_ends import Front, Tail
from edgetl.converters.adoption.keras_graph import Graph, Step
from edgetl.converters.adoption.normalisation import Normalisation
from edgetl.converters.adoption.probing import LUMA, Answer

_RESERVED = (
    "pixels",
    "preprocess",
    "luma",
    "swap",
    "layout",
    "embedding",
    "flat",
    "logits",
    "probabilities",
)


def rebuild(
    graph: Graph,
    source: ModelInput,
    front: Front,
    tail: Tail,
    *,
    rule: Normalisation,
    answer: Answer,
    bgr: bool,
) -> keras.Model:
    """The convention model; it has a layer ``embedding`` if the user's ends in a matrix product.

    Args:
        graph: the user's model.
        source: what it takes.
        front: its first layers.
        tail: its last ones.
        rule: what is to be done to pixels in front of it, in its own order of channels.
        answer: what its outputs are.
        bgr: its channels are B, G, R.
    """
    bgr = bgr and source.channels == 3
    keras_graph.rename([step.layer for step in graph.steps], _RESERVED)
    pixels, x = _preprocessed(source, rule, front, bgr=bgr)
    replay = _Replay(graph, {id(front.rest): x}, bgr=bgr and source.layout == "NHWC")
    if answer == "probabilities" and tail.answer != "probabilities":
        # Something that is no softmax ends in probabilities: it stays as it is.
        end = _flat(replay.run(graph.end), "flat")
        if end.shape[1] == 1:
            both = _dense(end, np.array([[-1.0, 1.0]]), np.array([1.0, 0.0]), "probabilities")
            return keras.Model(pixels, both, name="classifier")
        return keras.Model(pixels, layers.Activation("linear", name="probabilities")(end), name="classifier")
    step, own = tail.logits, tail.kernel
    kernel: NDArray[Any]
    if step is not None and own is not None:
        features = graph.back(step.source, lambda before: before.inert)
        kernel, bias = own, [*step.layer.get_weights(), np.zeros(own.shape[1])][1]
        x = _embedding(graph, features, replay)
    else:
        x = _flat(
            replay.run(graph.end if step is None else step.output, bare=step if tail.fused else None), "flat"
        )
        kernel, bias = np.eye(x.shape[1]), np.zeros(x.shape[1])
    if kernel.shape[1] == 1:
        # A sigmoid of z is the second part of a softmax of (0, z).
        kernel, bias = np.pad(kernel, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    if not np.array_equal(kernel, np.eye(len(kernel))) or np.any(bias):
        x = _dense(x, kernel, bias, "logits")
    return keras.Model(pixels, layers.Softmax(name="probabilities")(x), name="classifier")


def _preprocessed(source: ModelInput, rule: Normalisation, front: Front, *, bgr: bool) -> tuple[Any, Any]:
    """Our input, and what stands for the tensor behind the model's own rescaling."""
    scale = np.array(rule.scale) * front.scale
    offset = np.array(rule.offset) * front.scale + front.offset
    if bgr:
        scale, offset = scale[::-1], offset[::-1]
    pixels = keras.Input((source.height, source.width, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(_plain(scale), _plain(offset), name="preprocess")(pixels)
    if source.channels == 1:
        x = _mixed(x, np.array(LUMA)[:, np.newaxis], "luma")
    if source.layout == "NCHW":
        x = _mixed(x, np.eye(3)[::-1], "swap") if bgr else x
        x = layers.Permute((3, 1, 2), name="layout")(x)
    return pixels, x


def _plain(values: NDArray[np.float64]) -> float | list[float]:
    """One number where all are the same: the converters fold that into the first convolution."""
    return float(values[0]) if np.all(values == values[0]) else values.tolist()


def _mixed(x: Any, matrix: NDArray[np.float64], name: str) -> Any:
    """Other channels, each a sum of the old ones: ``matrix`` is (old, new)."""
    layer = layers.Conv2D(matrix.shape[1], 1, use_bias=False, name=name)
    mixed = layer(x)
    layer.set_weights([matrix[np.newaxis, np.newaxis]])
    return mixed


def _dense(x: Any, kernel: NDArray[Any], bias: NDArray[Any], name: str) -> Any:
    layer = layers.Dense(kernel.shape[1], name=name)
    output = layer(x)
    layer.set_weights([kernel, bias])
    return output


def _flat(x: Any, name: str) -> Any:
    return x if len(x.shape) == 2 else layers.Flatten(name=name)(x)


def _embedding(graph: Graph, features: Any, replay: "_Replay") -> Any:
    """The features, made by a layer of that name."""
    maker = graph.maker(features)
    if maker is not None and isinstance(maker.layer, layers.Layer) and len(features.shape) == 2:
        maker.layer.name = "embedding"
        return replay.run(features)
    return layers.Flatten(name="embedding")(replay.run(features))


class _Replay:
    """Calls the layers of a graph again, on other tensors."""

    def __init__(self, graph: Graph, known: dict[int, Any], *, bgr: bool) -> None:
        self._graph = graph
        self._known = known
        # Tensors that the model has in B, G, R and we have in R, G, B, until a kernel can be turned round.
        self._turned = set(known) if bgr else set()
        self._copies: dict[int, Any] = {}

    def run(self, goal: Any, *, bare: Step | None = None) -> Any:
        """What now stands for the tensor ``goal``; the activation of the step ``bare`` is left away."""
        for step in self._graph.steps:
            before = id(step.source)
            if id(goal) in self._known or before not in self._known:
                continue
            if step.inert:
                output = self._known[before]
            elif before in self._turned and step.kind == "Conv2D" and step.layer.groups == 1:
                kernel, *bias = step.layer.get_weights()
                output = keras_graph.renewed(step.layer, self._known[before], [kernel[:, :, ::-1], *bias])
            else:
                if before in self._turned and step.kind != "ZeroPadding2D":
                    self._known[before] = _mixed(self._known[before], np.eye(3)[::-1], "swap")
                    self._turned.discard(before)
                output = self._call(step, bare=step is bare)
            if before in self._turned and (step.inert or step.kind == "ZeroPadding2D"):
                self._turned.add(id(step.output))
            self._remember(step.output, output)
        return self._known[id(goal)]

    def _call(self, step: Step, *, bare: bool) -> Any:
        layer = step.layer
        if bare:
            return keras_graph.renewed(layer, self._known[id(step.source)], activation="linear")
        if not isinstance(layer, layers.Layer) or layer.compute_dtype == "float32":
            return step.call(layer, self._known)
        # Half precision was for the speed of the training; the converters start from float32.
        copy = self._copies.setdefault(
            id(layer), type(layer).from_config(layer.get_config() | {"dtype": "float32"})
        )
        output = step.call(copy, self._known)
        copy.set_weights(layer.get_weights())
        return output

    def _remember(self, old: Any, new: Any) -> None:
        for before, after in zip(keras.tree.flatten(old), keras.tree.flatten(new), strict=True):
            self._known[id(before)] = after
