"""EfficientNet-Lite 0 to 2: EfficientNet without squeeze-and-excite and with ReLU6, made to be quantised.

Architecture: tensorflow/tpu, models/official/efficientnet/lite, and Tan & Le 2019 (arXiv 1905.11946).
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import keras
from keras import layers

_STEM_FILTERS = 32
_HEAD_FILTERS = 1280
_EPSILON = 1e-3


@dataclass(frozen=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    """Of the first block; the others have 1."""
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
# Width and depth coefficients. Unlike EfficientNet's, they leave stem and head as they are.
_SCALES = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}


def feature_map(x: Any, name: str) -> Any:
    """The convolutional body.

    Args:
        x: float32 (n, h, w, 3), normalised to (pixel - 127) / 128.
        name: a key of the table of backbones, ``efficientnet_lite0``.

    Returns:
        float32 (n, ceil(h / 32), ceil(w / 32), 1280), 0 to 6.
    """
    width, depth = _SCALES[name]
    x = _convolution(x, _STEM_FILTERS, 3, "stem", stride=2)
    for number, stage in enumerate(_STAGES):
        scaled = 0 < number < len(_STAGES) - 1
        repeats = ceil(stage.repeats * depth) if scaled else stage.repeats
        for repeat in range(repeats):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, stage, _round(stage.filters * width), stride, f"stage{number}_block{repeat}")
    return _convolution(x, _HEAD_FILTERS, 1, "head")


def _block(x: Any, stage: _Stage, filters: int, stride: int, name: str) -> Any:
    """Mobile inverted bottleneck: widen, filter each channel by itself, narrow, add what came in."""
    entrance = x
    channels = int(x.shape[_channel_axis()])
    if stage.expansion > 1:
        x = _convolution(x, channels * stage.expansion, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = layers.BatchNormalization(_channel_axis(), epsilon=_EPSILON, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = _convolution(x, filters, 1, f"{name}_project", activate=False)
    if stride == 1 and channels == filters:
        x = layers.Add(name=f"{name}_add")([entrance, x])
    return x


def _convolution(
    x: Any, filters: int, kernel: int, name: str, *, stride: int = 1, activate: bool = True
) -> Any:
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(_channel_axis(), epsilon=_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activate else x


def _channel_axis() -> int:
    return 1 if keras.config.image_data_format() == "channels_first" else -1


def _round(filters: float, divisor: int = 8) -> int:
    """To a multiple of ``divisor`` that is at most a tenth smaller."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * filters else rounded + divisor
