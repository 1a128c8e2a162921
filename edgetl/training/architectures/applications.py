"""The architectures that Keras ships, without their heads and without their own pre-processing."""

from typing import Any

import keras

from edgetl.training.backbones import Backbone

# Families that can leave their pre-processing out, and the one that cannot; the others have none.
_OPTIONAL_PREPROCESSING = ("mobilenet_v3_", "efficientnet_v2_")
_FIXED_PREPROCESSING = "efficientnet_b"


def body(x: Any, backbone: Backbone, *, width: float) -> keras.Model:
    """The convolutional body with everything before it.

    Args:
        x: float32 (n, h, w, 3), the output of the layer ``preprocess``.
        backbone: a row with an ``application``.
        width: width multiplier.

    Returns:
        From the input that ``x`` was made from to a float32 map (n, h', w', channels).
    """
    options: dict[str, Any] = {}
    if len(backbone.widths) > 1:
        options["alpha"] = width
    if backbone.name.startswith(_OPTIONAL_PREPROCESSING):
        options["include_preprocessing"] = False
    model = getattr(keras.applications, str(backbone.application))(
        include_top=False, weights=None, input_tensor=x, input_shape=tuple(x.shape[1:]), **options
    )
    return _without_preprocessing(model) if backbone.name.startswith(_FIXED_PREPROCESSING) else model


def _without_preprocessing(model: keras.Model) -> keras.Model:
    """Rebuild an EfficientNet B0-B3 whose own Rescaling and Normalization follow ours, without them.

    Keras always puts them in. With ImageNet's weights they come to (x / 255 - mean) / deviation, which
    our one layer does; they are told from ours by our name.
    """

    def call(layer: keras.layers.Layer, *arguments: Any, **options: Any) -> Any:
        theirs = isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization))
        return arguments[0] if theirs and layer.name != "preprocess" else layer(*arguments, **options)

    return keras.models.clone_model(model, call_function=call)
