"""The architectures that Keras ships, without their heads and without their own pre-processing."""

from typing import Any

import keras

from edgetl.training.backbones import Backbone

# Families that can leave their pre-processing out, and the one that cannot; the others have none.
_OPTIONAL_PREPROCESSING = ("mobilenet_v3_", "efficientnet_v2_")
_FIXED_PREPROCESSING = "efficientnet_b"


def body(pixels: Any, x: Any, backbone: Backbone, *, width: float) -> tuple[Any, Any]:
    """The convolutional body.

    Args:
        pixels: the input of the model.
        x: float32 (n, h, w, 3), the output of the layer ``preprocess``.
        backbone: a row with an ``application``.
        width: width multiplier.

    Returns:
        The model's input, which can be a new one, and a float32 map (n, h', w', channels).
    """
    options: dict[str, Any] = {"input_shape": tuple(x.shape[1:]), "include_top": False, "weights": None}
    if len(backbone.widths) > 1:
        options["alpha"] = width
    if backbone.name.startswith(_OPTIONAL_PREPROCESSING):
        options["include_preprocessing"] = False
    fixed = backbone.name.startswith(_FIXED_PREPROCESSING)
    build = getattr(keras.applications, str(backbone.application))
    if keras.config.image_data_format() == "channels_first":
        # Keras' MobileNets compare the wrong dimensions of an input tensor in this order: so as a layer.
        model = build(**options)
        return pixels, (_without_preprocessing(model) if fixed else model)(x)
    model = build(input_tensor=x, **options)
    model = _without_preprocessing(model) if fixed else model
    return model.inputs[0], model.output


def _without_preprocessing(model: keras.Model) -> keras.Model:
    """Rebuild an EfficientNet B0-B3 whose own Rescaling and Normalization follow ours, without them.

    Keras always puts them in. With ImageNet's weights they come to (x / 255 - mean) / deviation, which
    our one layer does; they are told from ours by our name.
    """

    def call(layer: keras.layers.Layer, *arguments: Any, **options: Any) -> Any:
        theirs = isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization))
        return arguments[0] if theirs and layer.name != "preprocess" else layer(*arguments, **options)

    return keras.models.clone_model(model, call_function=call)
