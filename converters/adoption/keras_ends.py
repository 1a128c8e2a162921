"""The two ends of a user's model: its own rescaling of pixels, and its way from logits to probabilities."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl.converters.adoption.checks import ModelInput
from edgetl.converters.adoption.keras_graph import Graph, Step
from edgetl.converters.adoption.probing import Answer


@dataclass(frozen=True)
class Front:
    """The model's own rescaling of its input, taken out of its first layers."""

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    rest: Any
    """The tensor behind those layers."""
    whole_pixels: bool
    """These layers are made for pixels from 0 to 255: they make them smaller."""


def find_front(graph: Graph, source: ModelInput) -> Front:
    """Follow the input through the first layers as long as they only rescale."""
    scale, offset, tensor = np.ones(1), np.zeros(1), graph.start
    found = False
    users = graph.users(tensor)
    while len(users) == 1 and tensor is not graph.end:
        step = users[0]
        values = _rescaling(step, source)
        if values is not None:
            scale, offset, found = scale * values[0], offset * values[0] + values[1], True
        elif not step.inert:
            break
        tensor = step.output
        users = graph.users(tensor)
    # Something made for pixels from 0 to 1 multiplies by 1 or more: a deviation of theirs is below 1.
    return Front(scale, offset, tensor, found and bool((abs(scale) < 1).all()))


def _rescaling(step: Step, source: ModelInput) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Factors and terms of a Rescaling or Normalization, one or one for each channel; None for others."""
    layer = step.layer
    if step.kind == "Rescaling":
        scale, offset = (np.asarray(value, np.float64).reshape(-1) for value in (layer.scale, layer.offset))
    elif step.kind == "Normalization" and not layer.invert:
        mean, variance = (
            np.asarray(keras.ops.convert_to_numpy(value), np.float64).reshape(-1)
            for value in (layer.mean, layer.variance)
        )
        scale = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
        offset = -mean * scale
    else:
        return None
    sizes = {1, source.channels} if source.layout == "NHWC" else {1}
    return (scale, offset) if {scale.size, offset.size} <= sizes else None


@dataclass(frozen=True)
class Tail:
    """The end of the model, followed back to its logits."""

    answer: Answer | None
    """What the last layer says its answers are; None when it says nothing."""
    logits: Step | None
    """What makes them."""
    fused: bool
    """Its own activation, a softmax or sigmoid, comes after them."""

    @property
    def kernel(self) -> NDArray[np.float32] | None:
        """That of ``logits``, (features, outputs), if it is a matrix product and nothing else."""
        step = self.logits
        if step is None or not (self.fused or step.activation == "linear"):
            return None
        weights = step.layer.get_weights()
        if step.kind == "Dense" and len(weights) in (1, 2):
            return np.asarray(weights[0])
        # MobileNet V1 and V3 end in a convolution of one pixel.
        if step.kind == "Conv2D" and step.layer.groups == 1 and weights[0].shape[:2] == (1, 1):
            return np.asarray(weights[0][0, 0])
        return None


def find_tail(graph: Graph) -> Tail:
    """Follow the output back through softmax or sigmoid, and through layers that only reshape."""

    def shaping(step: Step) -> bool:
        return step.inert or step.kind in ("Reshape", "Flatten")

    last = graph.maker(graph.back(graph.end, shaping))
    activation = None if last is None else last.activation
    if last is None or activation not in ("softmax", "sigmoid", "linear"):
        return Tail(None, None, fused=False)
    if activation == "linear":
        return Tail("logits", last, fused=False)
    if last.kind in ("Softmax", "Sigmoid", "Activation"):
        before = graph.maker(graph.back(last.source, shaping))
        return Tail("probabilities" if before else None, before, fused=False)
    return Tail("probabilities", last, fused=True)
