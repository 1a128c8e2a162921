"""A user's own model answers as it did, with its pre-processing inside; or is refused in a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgetl import isolated
from edgetl.converters.adoption.options import ModelOptions
from edgetl.errors import ConversionError, UsageError


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Any:
    """What became of each model of tests/own_models.py, by its name there."""
    folder = tmp_path_factory.mktemp("own")
    return isolated.call("own_models:outcomes", folder, root.parent / "shared", doing="trying own models")


@pytest.mark.parametrize(
    "name",
    [
        "softmax",
        "h5",
        "torch",
        "logits",
        "bgr",
        "bgr, depthwise first",
        "one sigmoid",
        "one logit",
        "own rescaling",
        "grey",
        "any size, one said",
        "nested",
        "MobileNetV3",
        "no softmax at the very end",
        "no sigmoid at the very end",
        "four axes",
        "whole pixels",
        "SavedModel of logits",
        "SavedModel with its own rescaling",
        "SavedModel of one sigmoid",
        "onnx",
        "onnx, bgr",
        "onnx, old",
        "onnx of one size",
        "onnx, NHWC",
    ],
)
def test_the_adopted_model_answers_like_the_original_used_by_hand(outcomes: Any, name: str) -> None:
    outcome = outcomes[name]
    assert outcome.error is None
    assert outcome.got.dtype == np.float32
    assert outcome.got.shape == outcome.expected.shape
    assert abs(outcome.got.sum(axis=1) - 1).max() < 1e-5
    # Grey: by hand with the rounded weights that everybody writes down.
    assert abs(outcome.got - outcome.expected).max() < 1e-5
    # Neither certain nor undecided, so that a mistake in the pre-processing would show.
    assert 0.01 < outcome.expected.max(axis=1).mean() < 0.99


def test_mobilenet_answers_alike_on_real_photos(outcomes: Any, shared: Path) -> None:
    outcome = outcomes["MobileNetV2"]
    assert len(outcome.got) == 4
    assert abs(outcome.got - outcome.expected).max() < 1e-5
    assert outcome.layers[:4] == ("pixels", "preprocess", "Conv1", "bn_Conv1")
    assert outcome.layers[-3:] == ("embedding", "logits", "probabilities")


def test_half_precision_becomes_float32(outcomes: Any) -> None:
    outcome = outcomes["half precision"]
    assert abs(outcome.got - outcome.expected).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        ("four labels", UsageError, r"tells 3 classes apart, and there are 4 labels: .*--labels FILE"),
        ("unknown normalisation", UsageError, r"does not scale its pixels itself: .*--normalise \(none: "),
        ("another size", UsageError, r"has the width 64, and --size says 48: leave --size out"),
        ("said to be logits", UsageError, r"ends with a softmax or sigmoid: leave --outputs out"),
        ("said to be probabilities", ConversionError, r"said to give probabilities \(by --outputs\)"),
        ("rescaling from 0 to 1", UsageError, r"does not scale its pixels itself"),
        ("four channels", ConversionError, r"takes 4 channels \(its input is \(\?, 48, 64, 4\)"),
        ("any size", UsageError, r"takes pictures of any size .*such as --size 224"),
        ("several labels", ConversionError, r"a model of several labels at a time is not offered"),
        ("feature map", ConversionError, r"\(\?, 46, 62, 3\), and a classifier's is \(n, classes\)"),
        ("lambda", ConversionError, r"layer 7 of 8 in lambda.keras, 'lambda\w*', is a Lambda"),
        ("own layer", ConversionError, r"layer 7 of 8 in own layer.keras, 'twice', needs the class Doubled"),
        ("two outputs", ConversionError, r"has 1 inputs and 2 outputs, and a classifier has one of each"),
        ("weights only", ConversionError, r"holds weights without layers"),
        ("damaged", ConversionError, r"is damaged or no Keras model"),
        ("SavedModel of any size", UsageError, r"takes pictures of any size"),
        ("onnx, unknown normalisation", UsageError, r"does not scale its pixels itself"),
        ("onnx of any size", UsageError, r"its input is \(\?, 3, \?, \?\)"),
        ("onnx, foreign node", ConversionError, r"node 1 of 5 in e.onnx, 'conv1' \(Conv\), is of the domain"),
        ("onnx, eight at a time", ConversionError, r"takes 8 pictures at a time"),
        ("onnx, weights apart", ConversionError, r"keeps its weights in another file"),
        ("onnx, damaged", ConversionError, r"is damaged or no ONNX model"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_sentence(
    outcomes: Any, name: str, kind: type[Exception], sentence: str
) -> None:
    assert type(outcomes[name].error) is kind
    with pytest.raises(kind, match=sentence):
        raise outcomes[name].error


def test_a_keras_model_becomes_flat_and_ends_as_ours_do(outcomes: Any) -> None:
    layers = outcomes["nested"].layers
    assert layers[:2] == ("pixels", "preprocess")
    assert layers[-2:] == ("logits", "probabilities")
    assert not any(name.startswith(("random_flip", "dropout", "sequential")) for name in layers)
    assert outcomes["own rescaling"].layers[2].startswith("conv2d")  # what rescaled is one layer now


@pytest.mark.parametrize("name", ["softmax", "MobileNetV3", "one sigmoid", "onnx"])
def test_a_model_that_ends_in_a_matrix_product_has_an_embedding(outcomes: Any, name: str) -> None:
    outcome = outcomes[name]
    assert outcome.adopted.embedding_available
    assert outcome.adopted.kind == "onnx" or "embedding" in outcome.layers


def test_what_was_found_and_assumed_is_told(outcomes: Any) -> None:
    adopted = outcomes["any size, one said"].adopted
    assert adopted.contract.shape == (40, 56, 3)
    assert adopted.input_found == "float32 (1, 40, 56, 3), NHWC"
    assert adopted.contract.labels == ("label 0", "label 1", "label 2")
    risk, found, assumed = adopted.notes
    assert risk.startswith("a Keras file is a program")
    assert found == "its outputs are logits; a softmax was added (by its last layer)"
    assert assumed.endswith("say --resize squash")


def test_it_runs_in_a_process_of_its_own_and_its_refusal_comes_back(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(b"TFL3")
    with pytest.raises(UsageError, match=r"is already converted: `edgetl info`"):
        isolated.call(
            "edgetl.converters.adoption.adopt:adopt",
            model,
            ModelOptions(),
            ("a", "b"),
            tmp_path,
            doing="adopting",
        )
