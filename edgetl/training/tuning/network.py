"""The classifier in two halves: what stays as it is, and what is trained."""

from dataclasses import dataclass
from typing import Any

import keras

from edgetl.training.architectures.pooling import carries_all

_LEAST_ABOVE = 0.95
"""Share of the weights that ``last`` trains at least: of EfficientNet-Lite0 the last 11 blocks of 16."""
_ROOM = 2.0
"""A cut may carry so many times the numbers of the narrowest one below it."""
HEAD = "logits"


@dataclass(frozen=True)
class Upper:
    """The half that is trained, in the layers of the classifier it was cut from."""

    model: keras.Model
    """From what the lower half gives (or pixels) to logits, float32 (n, classes)."""
    layers: tuple[keras.layers.Layer, ...]
    """Those with trained weights, lowest first; batch normalisation is not among them."""


def cut_of(classifier: keras.Model, blocks: str) -> str:
    """The name of the layer whose output the upper half starts from.

    Where a network is cut, one tensor carries all: a residual block is above or below, never in two. Among
    the cuts with 95 % of the weights above, the highest is taken that is about as narrow as the
    narrowest, since what it carries is kept on the disk for every photo.

    Args:
        classifier: the whole, ``pixels`` to ``probabilities``.
        blocks: ``last``, or ``all`` for the input itself.
    """
    if blocks == "all":
        return str(classifier.layers[0].name)
    above = weights = classifier.count_params()
    found: list[tuple[int, str]] = []
    # Operations, since arithmetic on tensors, as in MobileNetV3's activation, is no layer.
    for operation, alone in zip(classifier.operations, carries_all(classifier.operations), strict=True):
        if not isinstance(operation, keras.Layer):
            continue
        above -= operation.count_params()
        if alone and above >= _LEAST_ABOVE * weights and len(operation.output.shape) == 4:
            found.append((_numbers(operation.output), operation.name))
    narrowest = min(numbers for numbers, _ in found)
    return [name for numbers, name in found if numbers <= _ROOM * narrowest][-1]


def lower(classifier: keras.Model, cut: str) -> keras.Model:
    """The half that stays: ``pixels`` to what is kept of each photo, float32 (n, h, w, channels)."""
    return keras.Model(classifier.input, classifier.get_layer(cut).output, name="lower")


def upper(classifier: keras.Model, cut: str) -> Upper:
    """The half that is trained; the statistics of batch normalisation stay as ImageNet left them.

    With few photos a batch's own mean and variance are noise, and the lower half has none to adapt to; so
    these layers compute what they compute in the exported model. Their scales stay as well.
    """
    model = keras.Model(classifier.get_layer(cut).output, classifier.get_layer(HEAD).output, name="upper")
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    return Upper(model, tuple(layer for layer in model.layers if layer.trainable_variables))


def _numbers(tensor: Any) -> int:
    count = 1
    for size in tensor.shape[1:]:
        count *= int(size)
    return count
