"""What a user says of an own model, by flags and in TOML."""

from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edgetl.cli.model_options import from_flags, model_flags
from edgetl.converters.adoption.normalisation import PRESETS, Normalisation
from edgetl.converters.adoption.options import ModelOptions, kind_of, read_labels
from edgetl.errors import UsageError


def flags(*arguments: str) -> ModelOptions:
    """The options that a command line gives."""
    found: list[ModelOptions] = []

    @click.command()
    @model_flags
    def command(**values: Any) -> None:
        found.append(from_flags(**values))

    CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False)
    return found[0]


def test_nothing_said_leaves_everything_open() -> None:
    assert flags() == ModelOptions() == ModelOptions.from_values({})


def test_flags_go_before_the_toml_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("ant\nbee\n\n")
    file = tmp_path / "model.toml"
    file.write_text(
        'size = [96, 128]\nresize = "squash"\nlabels = "names.txt"\nchannels = "RGB"\n'
        "[normalise]\nmean = [0.5, 0.4, 0.3]\nstd = 0.25\nrange = 1\n"
    )
    options = flags("--model-options", str(file), "--size", "64", "--crop-fraction", "0.875")
    assert options == ModelOptions(
        size=(64, 64),
        resize="squash",
        crop_fraction=0.875,
        labels=("ant", "bee"),
        channels="RGB",
        normalise=Normalisation.from_mean((0.5, 0.4, 0.3), (0.25,), pixels_up_to=1),
    )


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    file = tmp_path / "model.toml"
    file.write_text('normalize = "torch"\n')
    with pytest.raises(UsageError, match=r"unknown key 'normalize': .*did you mean normalise\?"):
        ModelOptions.from_toml(file)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--size", "big"), r"size 'big' is not height and width"),
        (("--size", "5000"), r"size '5000' is not height and width"),
        (("--size", "1x2x3"), r"is not height and width"),
        (("--crop-fraction", "1.5"), r"crop_fraction 1.5 is not a share"),
        (("--resize", "sqash"), r"resize 'sqash' is not offered: choose crop, squash; did you mean squash\?"),
        (("--channel-order", "GBR"), r"channels 'GBR' is not offered: choose RGB, BGR"),
        (("--normalise", "tortch"), r"is no preset: .*did you mean torch\?"),
        (("--normalise", "mean=0.5 std=0.2"), r"std '0.2' is below 1, .*: add range=1"),
        (("--normalise", "mean=0.5"), r"give scale and offset .* or mean and std"),
        (("--normalise", "scale=0"), r"is no finite rescaling"),
        (("--normalise", "scale=nan"), r"is no finite rescaling"),
        (("--normalise", "mean=1,2 std=3"), r"mean '1,2' is not one number, or three"),
        (("--normalise", "caffe", "--channel-order", "RGB"), r"caffe is for channels in the order BGR"),
        (("--labels", "nowhere.txt"), r"nowhere.txt cannot be read"),
        (("--model-options", "nowhere.toml"), r"nowhere.toml cannot be read"),
    ],
)
def test_a_value_that_is_not_offered_is_refused_with_the_way_out(
    arguments: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        flags(*arguments)


def test_presets_do_what_their_libraries_do() -> None:
    pixels = np.arange(256, dtype=np.float64)[:, np.newaxis]
    # keras.applications.imagenet_utils.preprocess_input, its three modes
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = {
        "none": pixels,
        "unit": pixels / 255,
        "tf": pixels / 127.5 - 1,
        "symmetric": pixels / 127.5 - 1,
        "torch": (pixels / 255 - mean) / std,
        "caffe": pixels - np.array([103.939, 116.779, 123.68]),
        "lite": (pixels - 127) / 128,
    }
    assert set(PRESETS) == set(expected)
    for name, (rule, _) in PRESETS.items():
        got = pixels * np.array(rule.scale) + np.array(rule.offset)
        np.testing.assert_allclose(got, expected[name], atol=1e-9)


def test_caffe_means_blue_first() -> None:
    assert flags("--normalise", "caffe").channels == "BGR"


@given(
    mean=st.lists(st.floats(-300, 300), min_size=3, max_size=3),
    std=st.lists(st.floats(1, 300), min_size=3, max_size=3),
)
def test_mean_and_std_in_words_do_what_they_say(mean: list[float], std: list[float]) -> None:
    text = f"mean={','.join(map(repr, mean))} std={','.join(map(repr, std))}"
    rule = ModelOptions.from_values({"normalise": text}).normalise
    assert rule is not None
    for pixel in (0, 100, 255):
        got = pixel * np.array(rule.scale) + np.array(rule.offset)
        np.testing.assert_allclose(got, (pixel - np.array(mean)) / np.array(std), atol=1e-9)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\n\nb\n", "empty name at place 2 of 3"),
        ("a\nb\na\n", "has 'a' twice: at 1 and 3"),
        ("", "is a list"),
    ],
)
def test_labels_that_are_empty_or_double_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "labels.txt"
    file.write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_labels(file)


def test_what_is_no_model_to_export_is_told_what_to_do_instead(tmp_path: Path) -> None:
    expected = {
        "a.tflite": "is already converted: `edgetl info`",
        "a.pth": r"export it to ONNX first, with torch.onnx.export\(model.eval\(\), ",
        "a.pt": "is a PyTorch file",
        "a.xml": "is already converted to OpenVINO",
        "saved_model.pb": "is a part of a SavedModel: give its folder",
        "a.jpg": "is no model that edgetl can export",
    }
    for name, sentence in expected.items():
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(UsageError, match=sentence):
            kind_of(tmp_path / name)
    with pytest.raises(UsageError, match="does not exist"):
        kind_of(tmp_path / "b.keras")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="is no SavedModel"):
        kind_of(tmp_path / "folder")
    assert kind_of(tmp_path) == "saved_model"
