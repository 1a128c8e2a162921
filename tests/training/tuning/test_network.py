"""Where networks are cut in two."""

import keras
import numpy as np
import pytest

from edgetl.training import architectures, backbones
from edgetl.training.tuning import network

# Keras 3.15 hands its variables to NumPy 2 in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


def classifier(name: str, size: int) -> keras.Model:
    base = architectures.bare(backbones.get(name), size=size, width=1.0)
    answers = keras.layers.Dense(3, name=network.HEAD)(base.output)
    return keras.Model(base.input, keras.layers.Softmax(name="probabilities")(answers))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v2", "mobilenet_v3_small"])
def test_the_two_halves_answer_as_the_whole(name: str) -> None:
    whole = classifier(name, 64)
    cut = network.cut_of(whole, "last")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    upper = network.upper(whole, cut)
    between = keras.ops.convert_to_numpy(network.lower(whole, cut)(pixels))
    halves = keras.ops.convert_to_numpy(keras.ops.softmax(upper.model(between)))
    assert np.allclose(halves, keras.ops.convert_to_numpy(whole(pixels)), atol=1e-5)
    above = upper.model.count_params() / whole.count_params()
    assert 0.9 <= above < 1
    assert between[0].size <= 64 * 64 * 3


def test_the_default_backbone_is_cut_where_blocks_meet() -> None:
    assert network.cut_of(classifier("efficientnet_lite0", 224), "last") == "stage3_block0_project_bn"


def test_all_means_from_the_pixels_on() -> None:
    whole = classifier("efficientnet_lite0", 64)
    cut = network.cut_of(whole, "all")
    upper = network.upper(whole, cut)
    assert cut == "pixels"
    assert upper.model.input_shape == (None, 64, 64, 3)
    assert upper.layers[0].name == "stem_conv"
    assert upper.layers[-1].name == network.HEAD
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in upper.layers)
