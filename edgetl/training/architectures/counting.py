"""How large and how costly a Keras model is."""

from math import prod

import keras

_WITHOUT_MACS = ("BatchNormalization",)


def parameters(model: keras.Model) -> int:
    """Trained values; batch normalisation's moving statistics are not counted, as in the literature."""
    return int(sum(prod(variable.shape) for variable in model.trainable_weights))


def macs(model: keras.Model) -> int:
    """Multiply-accumulates of the convolutions and dense layers for one image.

    Args:
        model: flat (no model inside it), with a static input size.

    Raises:
        TypeError: it has a layer with weights that this function does not know.
    """
    return sum(_layer_macs(layer) for layer in model.layers if layer.weights)


def _layer_macs(layer: keras.layers.Layer) -> int:
    kind = type(layer).__name__
    if kind in _WITHOUT_MACS:
        return 0
    if kind not in ("Conv2D", "DepthwiseConv2D", "Dense"):
        raise TypeError(
            f"layer {layer.name} is a {kind}: teach edgetl.training.architectures.counting what it costs"
        )
    # Each value of the kernel is used once at each output position: (h, w) of a convolution, none of a
    # dense layer. A kernel's shape already holds the input channels of one group only.
    positions = prod(layer.output.shape[1:-1])
    return int(positions * prod(layer.kernel.shape))
