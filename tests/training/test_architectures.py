"""The Keras models: right weights in the right layers, right pre-processing, and clear refusals.

Keras' own models are the reference: ours must give their features for the same weights and pixels.
"""

import csv
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import torch_checkpoints
from keras.src.legacy.saving import legacy_h5_format
from numpy.typing import NDArray

from edgetl import images, isolated
from edgetl.errors import UsageError, WeightsError
from edgetl.training import architectures, backbones, torch_file, weights
from edgetl.training.architectures import counting, loading

# TensorFlow's own tensors under NumPy 2; nothing here can help it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

LITE0 = backbones.get("efficientnet_lite0")


def noise(size: int, count: int = 2) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def randomised(model: keras.Model) -> keras.Model:
    """Give every weight its own value, so that one in the wrong place shows."""
    generator = np.random.default_rng(3)
    for layer in model.layers:
        if layer.name == "normalization":  # ImageNet's mean and squared deviation, as Keras' files have them
            values = [0.485, 0.456, 0.406], np.square([0.229, 0.224, 0.225]), 0
            layer.set_weights([np.array(value) for value in values])
        elif layer.weights:
            layer.set_weights(
                [
                    generator.normal(0, np.sqrt(2 / np.prod(weight.shape[:-1])), weight.shape)
                    if len(weight.shape) > 1
                    else generator.uniform(0.5, 1.5, weight.shape)
                    for weight in layer.weights
                ]
            )
    return model


def save_in_keras_own_cache_format(model: keras.Model, path: Path) -> None:
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def features(model: keras.Model, pixels: NDArray[Any]) -> NDArray[np.float32]:
    # Called once each: running it as it is costs less than compiling it.
    return np.asarray(keras.ops.convert_to_numpy(model(pixels, training=False)))


@pytest.mark.parametrize(
    ("name", "width", "preprocess"),
    [
        ("mobilenet", 0.25, keras.applications.mobilenet.preprocess_input),
        ("mobilenet_v2", 0.35, keras.applications.mobilenet_v2.preprocess_input),
        ("mobilenet_v3_small", 0.75, None),
        pytest.param("mobilenet_v3_large", 0.75, None, marks=pytest.mark.slow),
        ("efficientnet_b0", 1.0, None),
        ("efficientnet_v2_b0", 1.0, None),
        ("vgg16", 1.0, keras.applications.vgg16.preprocess_input),
        ("resnet50", 1.0, keras.applications.resnet50.preprocess_input),
        ("inception_v3", 1.0, keras.applications.inception_v3.preprocess_input),
    ],
)
def test_features_are_those_of_keras_own_model(
    tmp_path: Path, name: str, width: float, preprocess: Any
) -> None:
    row = backbones.get(name)
    size = max(row.min_size, 64)
    options = {"alpha": width} if len(row.widths) > 1 else {}
    reference = randomised(
        getattr(keras.applications, str(row.application))(
            include_top=False, weights=None, input_shape=(size, size, 3), pooling="avg", **options
        )
    )
    pixels = noise(size)
    # Where Keras has no function for it, the pre-processing is inside its model.
    prepared = preprocess(pixels.astype(np.float32)) if preprocess else pixels
    expected = features(reference, prepared)
    reference.save_weights(tmp_path / "new.weights.h5")
    save_in_keras_own_cache_format(reference, tmp_path / "old.h5")
    source = weights.find(row, width, tmp_path / "new.weights.h5")
    model = architectures.build(row, size=size, width=width, weights=source)
    np.testing.assert_allclose(features(model, pixels), expected, rtol=1e-3, atol=1e-3 * expected.max())
    values = model.get_weights()
    loading.load(model, tmp_path / "old.h5", from_bgr=row.bgr)
    assert all(map(np.array_equal, values, model.get_weights()))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v3_small", "efficientnet_b0", "vgg16"])
def test_the_graph_keeps_the_names_and_types_that_the_other_parts_rely_on(tmp_path: Path, name: str) -> None:
    model = architectures.bare(backbones.get(name), size=64, width=1.0)
    assert [layer.name for layer in model.layers[:2]] == ["pixels", "preprocess"]
    assert isinstance(model.get_layer("preprocess"), keras.layers.Rescaling)
    assert model.input.dtype == "uint8"
    assert model.layers[-1].name == "embedding"
    assert model.output.dtype == "float32"
    assert not any(layer.name.startswith("_") or isinstance(layer, keras.Model) for layer in model.layers)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(features(again, noise(64)), features(model, noise(64)))


@pytest.mark.parametrize(
    "name", ["efficientnet_lite0", "mobilenet", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_v2_b0"]
)
def test_parameters_and_macs_are_those_of_the_table(name: str) -> None:
    row = backbones.get(name)
    model = architectures.bare(row, size=row.default_size, width=1.0)
    assert counting.parameters(model) == row.parameters
    assert counting.macs(model) == row.macs
    assert model.output.shape[-1] == row.features


def test_parameters_and_macs_of_mobilenet_are_the_published_ones(shared: Path) -> None:
    with (shared / "data" / "model_specs.csv").open(newline="", encoding="utf-8") as file:
        published = {line["model"]: line for line in csv.DictReader(file)}["mobilenet_v1_1.0_224"]
    row = backbones.get("mobilenet")
    head = 1024 * 1000
    assert (row.macs + head) / 1e6 == pytest.approx(float(published["macs_M"]), rel=0.01)
    assert (row.parameters + head) / 1e6 == pytest.approx(float(published["params_M"]), rel=0.01)


def peer(root: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        "lite0_imagenet", root / "benchmarks" / "peers" / "lite0_imagenet.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_lite0_knows_imagenet(root: Path, shared: Path) -> None:
    pictures = sorted((shared / "data" / "imagenet_even").glob("*.jpg"))[::12]
    assert peer(root).score("efficientnet_lite0", pictures) >= 0.8


@pytest.mark.slow
def test_lite0_scores_at_least_87_percent_on_all_pictures(root: Path, shared: Path) -> None:
    pictures = sorted((shared / "data" / "imagenet_even").glob("*.jpg"))
    assert len(pictures) == 500
    assert peer(root).score("efficientnet_lite0", pictures) >= 0.87


def test_the_fine_tuned_mobilenet_v2_loads_and_tells_ants_from_bees(shared: Path, hymenoptera: Path) -> None:
    row = backbones.get("mobilenet_v2")
    file = shared / "weights" / "mobilenet_v2_1.0_160_no_top.weights.h5"
    source = weights.find(row, 1.0, file)
    model = architectures.build(row, size=160, width=1.0, weights=source)
    contract = row.contract(160)

    def centre(kind: str, part: slice) -> NDArray[np.float32]:
        photos = sorted((hymenoptera / "train" / kind).glob("*.jpg"))[part]
        return features(model, np.stack([images.decode(photo, contract) for photo in photos]))

    # A nearest-mean classifier on 12 photos a class: random features would give about half.
    means = [centre(kind, slice(0, 12)).mean(axis=0) for kind in ("ants", "bees")]
    right = 0
    for truth, kind in enumerate(("ants", "bees")):
        tests = centre(kind, slice(12, 36))
        distances = np.stack([np.linalg.norm(tests - mean, axis=1) for mean in means], axis=1)
        right += int((distances.argmin(axis=1) == truth).sum())
    assert right / 48 >= 0.8


def test_alexnet_takes_torchvisions_layout(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shapes = {
        "features.0": (64, 3, 11, 11),
        "features.3": (192, 64, 5, 5),
        "features.6": (384, 192, 3, 3),
        "features.8": (256, 384, 3, 3),
        "features.10": (256, 256, 3, 3),
        "classifier.1": (4096, 9216),
        "classifier.4": (4096, 4096),
        "classifier.6": (10, 4096),
    }
    state = {}
    for name, shape in shapes.items():
        deviation = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        state[f"{name}.weight"] = (generator.standard_normal(shape, np.float32) * deviation).astype(
            np.float16
        )
        state[f"{name}.bias"] = generator.standard_normal(shape[:1], np.float32)
    file = tmp_path / "alexnet.pth"
    file.write_bytes(torch_checkpoints.archive(state))
    row = backbones.get("alexnet")
    source = weights.find(row, 1.0, file)
    model = architectures.build(row, size=224, width=1.0, weights=source)
    pixels = noise(224, 1)
    # The dense layers as PyTorch computes them: on the map flattened channel by channel.
    pooled = features(keras.Model(model.input, model.get_layer("pool5").output), pixels)
    assert pooled.shape == (1, 6, 6, 256)
    flat = pooled.transpose(0, 3, 1, 2).reshape(1, -1)
    for name in ("classifier.1", "classifier.4"):
        flat = np.maximum(flat @ state[f"{name}.weight"].T.astype(np.float32) + state[f"{name}.bias"], 0)
    np.testing.assert_allclose(features(model, pixels), flat, rtol=1e-3, atol=1e-3 * flat.max())


def test_a_user_can_bring_lite0_from_keras_too(tmp_path: Path) -> None:
    trained = randomised(architectures.bare(LITE0, size=64, width=1.0))
    trained.save_weights(tmp_path / "mine.weights.h5")
    source = weights.find(LITE0, 1.0, tmp_path / "mine.weights.h5")
    model = architectures.build(LITE0, size=64, width=1.0, weights=source)
    np.testing.assert_array_equal(features(model, noise(64)), features(trained, noise(64)))


def test_weights_of_another_width_name_the_first_layer_and_both_shapes(tmp_path: Path) -> None:
    row = backbones.get("mobilenet")
    architectures.bare(row, size=64, width=0.5).save_weights(tmp_path / "half.weights.h5")
    source = weights.find(row, 0.25, tmp_path / "half.weights.h5")
    with pytest.raises(
        WeightsError,
        match=r"half\.weights\.h5 does not fit: layer conv1 wants 3 x 3 x 3 x 8, .* has 3 x 3 x 3 x 16",
    ):
        architectures.build(row, size=64, width=0.25, weights=source)


def test_weights_of_another_backbone_name_the_first_layer() -> None:
    source = weights.find(LITE0, 1.0, None)
    with pytest.raises(WeightsError, match=r"layer stage1_block2_depthwise_conv wants 3 x 3 x 144 x 1"):
        architectures.build(backbones.get("efficientnet_lite1"), size=64, width=1.0, weights=source)


def test_a_file_with_too_little_in_it_says_what_is_missing(tmp_path: Path) -> None:
    state = {"_conv_stem.weight": np.zeros((32, 3, 3, 3), np.float32)}
    (tmp_path / "stem.pth").write_bytes(torch_checkpoints.stream(state))
    source = weights.find(LITE0, 1.0, tmp_path / "stem.pth")
    with pytest.raises(WeightsError, match=r"layer stem_bn wants .*, but the file has nothing for it"):
        architectures.build(LITE0, size=64, width=1.0, weights=source)


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    source = weights.find(LITE0, 1.0, None)
    assert source.path is not None
    state = {name: np.array(value) for name, value in torch_file.read(source.path).items()}
    state["_conv_stem.weight"][0, 0, 0, 0] = np.nan
    (tmp_path / "nan.pth").write_bytes(torch_checkpoints.archive(state))
    with pytest.raises(WeightsError, match=r"nan\.pth is damaged: _conv_stem holds NaN"):
        architectures.build(LITE0, size=64, width=1.0, weights=weights.find(LITE0, 1.0, tmp_path / "nan.pth"))


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(600)])
def test_a_damaged_keras_file_is_named(tmp_path: Path, content: bytes) -> None:
    row = backbones.get("mobilenet")
    (tmp_path / "damaged.h5").write_bytes(content)
    source = weights.find(row, 0.25, tmp_path / "damaged.h5")
    with pytest.raises(WeightsError, match=r"damaged\.h5 is damaged or holds no Keras weights"):
        architectures.build(row, size=64, width=0.25, weights=source)


def test_values_kept_outside_the_file_are_not_followed(tmp_path: Path) -> None:
    row = backbones.get("mobilenet")
    architectures.bare(row, size=64, width=0.25).save_weights(tmp_path / "whole.weights.h5")
    with h5py.File(tmp_path / "linked.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink("whole.weights.h5", "/layers")
    source = weights.find(row, 0.25, tmp_path / "linked.weights.h5")
    with pytest.raises(WeightsError, match="damaged or holds no Keras weights"):
        architectures.build(row, size=64, width=0.25, weights=source)


def test_size_width_and_head_are_checked_before_anything_is_built() -> None:
    source = weights.find(LITE0, 1.0, None)
    with pytest.raises(UsageError, match="size 16 is not offered"):
        architectures.build(LITE0, size=16, width=1.0, weights=source)
    with pytest.raises(UsageError, match="width 2 is not offered"):
        architectures.build(LITE0, size=64, width=2.0, weights=source)
    with pytest.raises(UsageError, match="vgg16 has no ImageNet head"):
        architectures.bare(backbones.get("vgg16"), size=64, width=1.0, include_imagenet_head=True)


@pytest.mark.parametrize(
    "name", ["efficientnet_lite0", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "alexnet"]
)
def test_a_backbone_computes_the_same_with_its_channels_first(name: str, tmp_path: Path) -> None:
    difference, transpositions = isolated.call(
        "channel_twins:difference",
        name,
        tmp_path,
        doing="comparing a backbone with its twin",
        environment={"KERAS_BACKEND": "openvino"},
    )
    assert difference < 1e-5
    assert transpositions <= 1
