"""What a head may read of a backbone: its last feature map, what its blocks give, averaged over the picture.

The last layers of a network know ImageNet's classes; pictures unlike ImageNet's (X-rays, wafers, microscopes)
are often told apart better by what the layers before them see (Evci et al., Head2Toe, ICML 2022, arXiv
2201.03529). A linear head on those costs no more than one on the last map.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

LAST, BLOCKS, BOTH = "embedding", "blocks", "features"
"""Names of the layers whose outputs are the two, and the two in a row."""
_COARSE = 16
"""Blocks count from a sixteenth of the input's height on: finer maps see colours and edges, and a fine-tuning
keeps what the first of them gives of every photo on the disk."""


def block_names(model: keras.Model) -> list[str]:
    """The layers that end a block and lie before the last feature map, lowest first.

    A block ends where one tensor carries all that later layers read, and none of them reads fewer channels:
    so the widened insides of MobileNet's blocks do not count.

    Args:
        model: flat, from square pixels (n, size, size, 3), channels last, to ``embedding``.
    """
    ends: list[tuple[tuple[int, ...], str]] = []
    before = -2
    for place, (operation, alone) in enumerate(
        zip(model.operations, carries_all(model.operations), strict=True)
    ):
        shape = operation.output.shape[1:]
        if not alone or len(shape) != 3 or not isinstance(operation, keras.Layer):
            continue
        if before == place - 1 and ends[-1][0] == shape:
            ends.pop()  # a convolution, its normalisation and its activation are one end
        ends.append((shape, operation.name))
        before = place
    *below, _ = ends
    return [
        name
        for place, (shape, name) in enumerate(below)
        if shape[0] * _COARSE <= model.input.shape[1]
        and shape[2] <= min(later[2] for later, _ in ends[place + 1 :])
    ]


def names_in_twin(model: keras.Model, twin: keras.Model, names: Sequence[str]) -> list[str]:
    """The same layers of the model's twin that computes channels first (``architectures.channels_first``)."""
    if _nested(twin) is not None:
        return list(names)
    # It turns its pixels round first, and names that Keras makes up differ from model to model.
    return [twin.layers[model.layers.index(model.get_layer(name)) + 1].name for name in names]


def above_blocks(model: keras.Model) -> set[str]:
    """The layers behind the last block: a head that reads the blocks leaves them out."""
    names = [layer.name for layer in model.layers]
    blocks = block_names(model)
    return set(names[names.index(blocks[-1]) + 1 :]) if blocks else set()


def with_blocks(model: keras.Model, names: Sequence[str]) -> keras.Model:
    """The model with another end: ``features``, float32 (n, embedding and all blocks), in that order.

    Args:
        model: ends in ``embedding``; flat, or with all between preprocessing and ``embedding`` in one
            layer, as Keras' applications are inside a model that turns their input round.
        names: of :func:`block_names`; with none the model stays as it is.
    """
    if not names:
        return model
    body = _nested(model)
    if body is None:
        embedding, maps = model.output, [model.get_layer(name).output for name in names]
    else:
        opened = keras.Model(body.input, [*(body.get_layer(name).output for name in names), body.output])
        *maps, last = opened(model.layers[model.layers.index(body) - 1].output)
        embedding = model.get_layer(LAST)(last)
    # As the last map is, whatever Keras is set to at the moment.
    order = model.get_layer(LAST).data_format
    pooled = [
        layers.GlobalAveragePooling2D(order, name=f"{name}_pooled")(each)
        for name, each in zip(names, maps, strict=True)
    ]
    blocks = (
        layers.Concatenate(name=BLOCKS)(pooled) if len(pooled) > 1 else layers.Identity(name=BLOCKS)(*pooled)
    )
    features = layers.Concatenate(name=BOTH)([embedding, blocks])
    return keras.Model(model.input, features, name=model.name)


def _nested(model: keras.Model) -> keras.Model | None:
    """The layer that is a model itself."""
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), None)


def carries_all(operations: Sequence[keras.Operation]) -> list[bool]:
    """Whether nothing but an operation's output leads from it and those in front of it to those behind."""
    place_of = {id(operation.output): place for place, operation in enumerate(operations)}
    last_use = list(range(len(operations)))
    for place, operation in enumerate(operations[1:], 1):
        for tensor in _listed(operation.input):
            source = place_of[id(tensor)]
            last_use[source] = max(last_use[source], place)
    furthest, alone = 0, []
    for place, use in enumerate(last_use):
        alone.append(furthest <= place)
        furthest = max(furthest, use)
    return alone


def _listed(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
