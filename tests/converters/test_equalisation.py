"""Scaled channels: the same function to the last bit, and ranges that int8 can hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from edgetl.converters import channel_groups, equalisation
from edgetl.errors import ConversionError
from edgetl.training import architectures, backbones

# TensorFlow's own tensors under NumPy 2; nothing here can help it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

SIZE = 16


def noise(count: int = 6, size: int = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def randomised(model: keras.Model, seed: int = 3) -> keras.Model:
    """Give every weight a value of its own, of a size that keeps outputs apart."""
    generator = np.random.default_rng(seed)
    for variable in model.variables:
        if "seed" in variable.path:
            continue
        values = generator.normal(0, 0.3, variable.shape)
        if variable.path.endswith(("gamma", "moving_variance")):
            values = generator.uniform(0.5, 2, variable.shape)
        variable.assign(values)
    return model


def classifier(body: Callable[[Any], Any]) -> keras.Model:
    """``pixels`` -> first convolution -> ``body`` -> a dense layer and a softmax."""
    pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, -1, name="preprocess")(pixels)
    x = layers.ReLU(6.0)(layers.Conv2D(8, 3, name="first")(x))
    x = body(x)
    x = layers.Dense(4, name="logits")(x)
    return randomised(keras.Model(pixels, layers.Softmax(name="probabilities")(x)))


def shake(model: keras.Model, seed: int = 0) -> tuple[float, int]:
    """Scale every group at random; how far that moves the answers, and how many groups there are."""
    before = np.asarray(model(noise(), training=False))
    generator = np.random.default_rng(seed)
    found = channel_groups.groups(model)
    for group in found:
        channel_groups.scale(group, np.exp2(generator.integers(-4, 5, group.channels).astype(np.float64)))
    after = np.asarray(model(noise(), training=False))
    assert np.ptp(before) > 0.05
    return float(np.abs(after - before).max()), len(found)


def conv_norm(x: Any, filters: int = 8, **options: Any) -> Any:
    return layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False, **options)(x))


def straight(x: Any) -> Any:
    x = layers.Conv2D(6, 3, padding="same", name="second")(x)
    return layers.GlobalAveragePooling2D()(layers.Conv2D(5, 1, activation="relu6", name="third")(x))


def residual(x: Any) -> Any:
    x = conv_norm(x)
    for _ in range(2):
        inner = layers.ReLU(6.0)(conv_norm(x, 12))
        x = layers.Add()([x, conv_norm(inner)])
    return layers.GlobalAveragePooling2D(name="embedding")(layers.ReLU(6.0)(conv_norm(x)))


def through_relu(x: Any) -> Any:
    x = layers.ReLU()(conv_norm(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")(layers.ZeroPadding2D(1)(x))
    x = layers.MaxPooling2D()(layers.PReLU(shared_axes=[1, 2])(conv_norm(x)))
    return layers.GlobalAveragePooling2D()(layers.Activation("relu")(layers.Conv2D(6, 1)(x)))


def grouped_and_flattened(x: Any) -> Any:
    x = layers.Conv2D(8, 3, activation="relu")(layers.Conv2D(8, 1)(x))
    x = layers.Conv2D(12, 3, strides=2, groups=4, activation="relu")(x)
    return layers.Dense(7, activation="relu")(layers.Dropout(0.5)(layers.Flatten()(x)))


def before_activation(x: Any) -> Any:
    """Normalisation first, as in the second ResNet."""
    x = layers.Conv2D(8, 1)(x)
    x = layers.Add()([x, layers.Conv2D(8, 1)(layers.ReLU()(layers.BatchNormalization()(x)))])
    return layers.GlobalAveragePooling2D()(layers.ReLU(6.0)(layers.BatchNormalization()(x)))


def nested(x: Any) -> Any:
    source = keras.Input(x.shape[1:])
    inner = keras.Model(source, layers.Conv2D(6, 1)(layers.Conv2D(6, 1)(layers.ReLU()(source))), name="inner")
    chain = keras.Sequential([layers.Conv2D(8, 1), layers.ReLU(), layers.Conv2D(5, 1)], name="chain")
    return layers.GlobalAveragePooling2D()(layers.ReLU(6.0)(chain(inner(layers.Conv2D(8, 1)(x)))))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (straight, 1),
        (residual, 1),
        (through_relu, 4),
        (grouped_and_flattened, 4),
        (before_activation, 2),
        (nested, 4),
    ],
)
def test_scaled_channels_leave_the_answers_as_they_are(body: Callable[[Any], Any], count: int) -> None:
    moved, found = shake(classifier(body))
    assert count == found
    assert moved <= 1e-7


def shared_layer(x: Any) -> Any:
    twice = layers.Conv2D(8, 1)
    return layers.GlobalAveragePooling2D()(layers.ReLU(6.0)(twice(twice(x))))


def squeezed(x: Any) -> Any:
    x = layers.Conv2D(8, 1)(x)
    gate = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.GlobalAveragePooling2D()(layers.ReLU(6.0)(layers.Multiply()([x, gate])))


def with_plus(x: Any) -> Any:
    return layers.GlobalAveragePooling2D()(
        layers.ReLU(6.0)(layers.Conv2D(8, 1)(layers.Conv2D(8, 1)(x) + 1.0))
    )


def embedding(x: Any) -> Any:
    return layers.GlobalAveragePooling2D(name="embedding")(layers.Conv2D(8, 1)(x))


@pytest.mark.parametrize("body", [shared_layer, squeezed, with_plus, embedding])
def test_what_is_not_known_to_be_safe_is_left_alone(body: Callable[[Any], Any]) -> None:
    assert shake(classifier(body)) == (0.0, 0)


def test_a_model_of_the_user_s_own_class_is_left_alone() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = layers.Conv2D(4, 1), layers.Conv2D(4, 1)

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    own = Own()
    own(np.zeros((1, 4, 4, 3), np.float32))
    assert channel_groups.groups(own) == ()


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """EfficientNet-Lite0 whose channels were scaled unevenly, and pictures."""
    folder = tmp_path_factory.mktemp("hard")
    model = architectures.bare(
        backbones.get("efficientnet_lite0"), size=64, width=1.0, include_imagenet_head=True
    )
    shake_hard(model)
    model.save(folder / "hard.keras")
    np.save(folder / "pictures.npy", noise(4, 64))
    return folder / "hard.keras", folder / "pictures.npy"


def shake_hard(model: keras.Model) -> None:
    generator = np.random.default_rng(0)
    for group in channel_groups.groups(model):
        channel_groups.scale(group, np.exp2(generator.integers(-4, 5, group.channels).astype(np.float64)))


def spread(model: Path, pictures: Path) -> list[float]:
    """Median channel range over the largest, for each thing that a group's convolutions write."""
    network = keras.models.load_model(model, compile=False)
    found = channel_groups.groups(network)
    probe = keras.Model(network.input, [group.readers[0].input for group in found])
    outputs = probe(np.load(pictures), training=False)
    peaks = [np.abs(np.asarray(output)).max(axis=(0, 1, 2)) for output in outputs]
    return [float(np.median(peak) / peak.max()) for peak in peaks]


def test_equalising_undoes_uneven_scales(hard: tuple[Path, Path], tmp_path: Path) -> None:
    model, pictures = hard
    result = equalisation.equalise(model, pictures, tmp_path / "even.keras")
    assert result.tensors == 7
    assert result.largest_ratio >= 64
    assert max(spread(model, pictures)) < 0.2
    assert min(spread(tmp_path / "even.keras", pictures)) > 0.2
    before, after = (
        np.asarray(keras.models.load_model(path, compile=False)(np.load(pictures), training=False))
        for path in (model, tmp_path / "even.keras")
    )
    assert np.abs(after - before).max() <= 1e-6


def test_a_model_without_such_channels_is_written_as_it_was(tmp_path: Path) -> None:
    model = classifier(squeezed)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "pictures.npy", noise())
    result = equalisation.equalise(
        tmp_path / "model.keras", tmp_path / "pictures.npy", tmp_path / "out.keras"
    )
    assert result == equalisation.Equalised(0, 1.0)
    assert (tmp_path / "out.keras").is_file()


def test_a_channel_that_is_always_zero_does_no_harm(tmp_path: Path) -> None:
    model = classifier(straight)
    second = model.get_layer("second")
    kernel, bias = second.get_weights()
    kernel[..., 2] = bias[2] = 0
    second.set_weights([kernel, bias])
    third = model.get_layer("third")
    kernel, bias = third.get_weights()
    kernel[:, :, 4] = 0
    third.set_weights([kernel, bias])
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "pictures.npy", noise())
    equalisation.equalise(tmp_path / "model.keras", tmp_path / "pictures.npy", tmp_path / "out.keras")
    network = keras.models.load_model(tmp_path / "out.keras", compile=False)
    assert all(np.isfinite(np.asarray(variable)).all() for variable in network.variables)


def test_a_model_that_would_answer_otherwise_is_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier(straight).save(tmp_path / "model.keras")
    np.save(tmp_path / "pictures.npy", noise())

    def spoil(group: channel_groups.Group, _: NDArray[np.float64]) -> None:
        kernel = group.writers[0].kernel
        kernel.assign(1 - np.asarray(kernel))

    monkeypatch.setattr(equalisation, "scale", spoil)
    with pytest.raises(ConversionError, match=r"equalising model\.keras moved its probabilities by"):
        equalisation.equalise(tmp_path / "model.keras", tmp_path / "pictures.npy", tmp_path / "out.keras")
    assert not (tmp_path / "out.keras").exists()
