"""Backbones as Keras models. Importing this loads Keras; the light table is ``edgetl.training.backbones``."""

from typing import Any

import keras
from keras import layers

from edgetl.errors import UsageError
from edgetl.training import weights as sources
from edgetl.training.architectures import alexnet, applications, efficientnet_lite, loading
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
    # with the R, G, B that every other backbone takes, and no layer to swap channels. A run's are turned.
    loading.load(model, weights.path, from_bgr=backbone.bgr and weights.kind != "run")
    return model


def bare(backbone: Backbone, *, size: int, width: float, include_imagenet_head: bool = False) -> keras.Model:
    """The same model with random weights: for counting and for tests, never for training."""
    backbone.contract(size)
    backbone.check_width(width)
    if include_imagenet_head and backbone.package is None:
        raise UsageError(f"{backbone.name} has no ImageNet head: choose efficientnet_lite0, 1 or 2")
    # A user's keras.json may say channels_first, which neither TFLite nor our contract knows.
    keras.config.set_image_data_format("channels_last")
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    rule = backbone.normalisation
    x = layers.Rescaling(_plain(rule.scale), _plain(rule.offset), name="preprocess")(pixels)
    if backbone.application is not None:
        body = applications.body(x, backbone, width=width)
        (pixels,), x = body.inputs, body.output
    elif backbone.name == "alexnet":
        x = alexnet.feature_map(x)
    else:
        x = efficientnet_lite.feature_map(x, backbone.name)
    x = layers.GlobalAveragePooling2D(name="embedding")(x)
    if include_imagenet_head:
        x = layers.Dense(_IMAGENET_CLASSES, name="logits")(x)
        x = layers.Softmax(name="probabilities")(x)
    return keras.Model(pixels, x, name=backbone.name)


def _plain(value: float | tuple[float, float, float]) -> Any:
    # Keras writes a list into a .keras file as it is, and a tuple as an object of its own.
    return list(value) if isinstance(value, tuple) else value
