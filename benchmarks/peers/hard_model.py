"""A network that is hard to quantize, made honestly from a trained one.

Its channels are scaled unevenly where nothing bends: the layer that writes a tensor multiplies channel c by
a power of two, and the layers that read it divide by the same. In float nothing changes, not even the last
bit. In int8, one scale serves all channels of a tensor, and most of them are left with a few steps.
"""

import keras
import numpy as np

from edgetl.converters import channel_groups

STRENGTH = 3
"""Scales run from 2 ** -3 to 2 ** 3."""


def harden(model: keras.Model, seed: int = 0, strength: int = STRENGTH) -> keras.Model:
    """A copy of a trained model that answers alike in float and collapses in int8.

    Args:
        model: functional or sequential; scaled is what no bounded activation follows.
        seed: of the scales.
        strength: scales are 2 ** k with k drawn evenly from -strength to strength.
    """
    hard = keras.models.clone_model(model)
    hard.set_weights(model.get_weights())
    generator = np.random.default_rng(seed)
    for group in channel_groups.groups(hard):
        powers = generator.integers(-strength, strength, size=group.channels, endpoint=True)
        channel_groups.scale(group, np.exp2(powers.astype(np.float64)))
    return hard
