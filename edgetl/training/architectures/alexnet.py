"""AlexNet with one column of filters (Krizhevsky 2014, arXiv 1404.5997), as torchvision trained it."""

from typing import Any

from keras import layers


def feature_map(x: Any) -> Any:
    """All of it but the last layer.

    The two dense layers are written as convolutions, of 6 x 6 and 1 x 1: the same values at 224 pixels,
    and larger inputs work too.

    Args:
        x: float32 (n, h, w, 3), normalised by ImageNet's mean and deviation; h and w at least 224.

    Returns:
        float32 (n, 1, 1, 4096) at 224 pixels, larger maps at larger inputs.
    """
    x = layers.ZeroPadding2D(2, name="conv1_pad")(x)  # symmetric, which "same" is not at a stride of 4
    x = layers.Conv2D(64, 11, 4, activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    x = layers.Conv2D(192, 5, padding="same", activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(3, 2, name="pool2")(x)
    x = layers.Conv2D(384, 3, padding="same", activation="relu", name="conv3")(x)
    x = layers.Conv2D(256, 3, padding="same", activation="relu", name="conv4")(x)
    x = layers.Conv2D(256, 3, padding="same", activation="relu", name="conv5")(x)
    x = layers.MaxPooling2D(3, 2, name="pool5")(x)
    x = layers.Conv2D(4096, 6, activation="relu", name="fc6")(x)
    return layers.Conv2D(4096, 1, activation="relu", name="fc7")(x)
