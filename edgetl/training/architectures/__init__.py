"""Backbones as Keras models. Importing this loads Keras; the light table is ``edgetl.training.backbones``."""

from typing import Any

import keras
import numpy as np
from keras import layers

from edgetl.errors import UsageError, WeightsError
from edgetl.training import weights as sources
from edgetl.training.architectures import alexnet, applications, efficientnet_lite, loading, pooling
from edgetl.training.backbones import Backbone
from edgetl.training.weights import WeightsSource

_IMAGENET_CLASSES = 1000


def build(
    backbone: Backbone,
    *,
    size: int,
    width: float,
    weights: WeightsSource,
    include_imagenet_head: bool = False,
) -> keras.Model:
    """Build a backbone and load its pretrained weights.

    Args:
        backbone: a row of the table.
        size: height and width of the input, pixels.
        width: width multiplier, one of ``backbone.widths``.
        weights: what ``edgetl.training.weights.find`` found; downloaded here if it has no file yet.
        include_imagenet_head: add ``logits`` and ``probabilities`` for ImageNet's 1,000 classes. Only
            EfficientNet-Lite's packages have their weights.

    Returns:
        A flat model, uint8 ``pixels`` (n, size, size, 3) RGB -> ``preprocess`` -> ... -> ``embedding``,
        float32 (n, features); with the head ``probabilities``, float32 (n, 1000).

    Raises:
        UsageError: the size, the width or the head is not offered for this backbone.
        WeightsError: the weights cannot be had, or do not fit.
    """
    if weights.path is None:
        weights = sources.download(backbone, width, size)
        assert weights.path is not None  # it gives a file or raises
    model = bare(backbone, size=size, width=width, include_imagenet_head=include_imagenet_head)
    # Keras' VGG and ResNet weights expect B, G, R. Turning the first kernel round leaves the graph
    # with the R, G, B that every other backbone takes, and no layer to swap channels; a run's are turned.
    if weights.kind == "run":
        # A run whose head reads the blocks has no layers above them: those of ImageNet stand there then.
        _load_published(model, backbone, width=width, size=size)
        loading.load(model, weights.path, optional=pooling.above_blocks(model))
    else:
        loading.load(model, weights.path, from_bgr=backbone.bgr)
    return model


def _load_published(model: keras.Model, backbone: Backbone, *, width: float, size: int) -> None:
    """The weights that are installed; where there are none, nought."""
    try:
        found = sources.find(backbone, width, None, size)
    except WeightsError:
        found = None
    if found is None or found.path is None:  # nothing is downloaded for what may not be needed
        model.set_weights([np.zeros_like(value) for value in model.get_weights()])
        return
    loading.load(model, found.path, from_bgr=backbone.bgr)


def channels_first(model: keras.Model, backbone: Backbone, *, size: int, width: float) -> keras.Model:
    """A backbone that computes as OpenVINO does, channels before height and width: the same input, answers
    and values as ``model``, and no layer of the exported graph has to turn its input round."""
    twin = bare(backbone, size=size, width=width, channels_first=True)
    twin.set_weights(model.get_weights())
    return twin


def bare(
    backbone: Backbone,
    *,
    size: int,
    width: float,
    include_imagenet_head: bool = False,
    channels_first: bool = False,
) -> keras.Model:
    """The same model with random weights: for counting and for tests, never for training."""
    backbone.contract(size)
    backbone.check_width(width)
    if include_imagenet_head and backbone.package is None:
        raise UsageError(f"{backbone.name} has no ImageNet head: choose efficientnet_lite0, 1 or 2")
    # Stated, since a user's keras.json may say channels_first, which TFLite does not know.
    keras.config.set_image_data_format("channels_first" if channels_first else "channels_last")
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    x = layers.Permute((3, 1, 2), name="channels_first")(pixels) if channels_first else pixels
    rule = backbone.normalisation
    x = layers.Rescaling(
        _plain(rule.scale, channels_first), _plain(rule.offset, channels_first), name="preprocess"
    )(x)
    if backbone.application is not None:
        pixels, x = applications.body(pixels, x, backbone, width=width)
    elif backbone.name == "alexnet":
        x = alexnet.feature_map(x)
    else:
        x = efficientnet_lite.feature_map(x, backbone.name)
    x = layers.GlobalAveragePooling2D(name="embedding")(x)
    if include_imagenet_head:
        x = layers.Dense(_IMAGENET_CLASSES, name="logits")(x)
        x = layers.Softmax(name="probabilities")(x)
    return keras.Model(pixels, x, name=backbone.name)


def _plain(value: float | tuple[float, float, float], channels_first: bool) -> Any:
    # Keras writes a list into a .keras file as it is, and a tuple as an object of its own.
    if not isinstance(value, tuple):
        return value
    return [[[channel]] for channel in value] if channels_first else list(value)
