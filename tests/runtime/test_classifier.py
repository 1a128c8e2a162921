import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import encoded, scene, write_fake_bundle

import edgetl
from edgetl.errors import DamagedBundleError, ImageError, ModelError


def test_a_picture_gets_its_label(tmp_path: Path) -> None:
    with edgetl.load(write_fake_bundle(tmp_path / "insects.edgetl")) as model:
        result = model.classify(encoded(scene()))
    assert result.label == "bee"
    assert result.score == pytest.approx(0.7)
    assert result.probabilities.dtype == np.float32
    assert result.labels == ("ant", "bee", "cat")
    assert not result.unknown
    assert result.timings.total_s == pytest.approx(
        result.timings.decode_s + result.timings.resize_s + result.timings.infer_s + result.timings.post_s
    )


def test_top_is_sorted_and_cut(tmp_path: Path) -> None:
    bundle = write_fake_bundle(
        tmp_path / "abcd.edgetl", labels=("a", "b", "c", "d"), probabilities=(0.1, 0.4, 0.4, 0.1)
    )
    with edgetl.load(bundle) as model:
        result = model.classify(np.zeros((5, 7, 3), np.uint8))
    # Equal scores stay in the order of the labels, so that an answer can be repeated.
    assert [label for label, _ in result.top(3)] == ["b", "c", "a"]
    assert result.top(1) == [(result.label, result.score)]
    assert len(result.top()) == 4
    assert all(isinstance(score, float) for _, score in result.top())


@pytest.mark.parametrize(("threshold", "unknown"), [(None, False), (0.5, False), (0.69, False), (0.75, True)])
def test_a_score_under_the_threshold_is_unknown(
    tmp_path: Path, threshold: float | None, unknown: bool
) -> None:
    bundle = write_fake_bundle(tmp_path / "insects.edgetl", reject_threshold=threshold)
    with edgetl.load(bundle) as model:
        result = model.classify(encoded(scene()))
    assert result.unknown is unknown
    assert result.label == "bee"


@pytest.mark.parametrize("engine", ["litert", "onnxruntime", "openvino"])
def test_every_way_to_give_a_picture_gets_the_same_answer(
    colour_bundle: Path, tmp_path: Path, engine: str
) -> None:
    path = tmp_path / "photo.png"
    scene(seed=5).save(path)
    with (
        edgetl.load(colour_bundle, engine=engine) as model,
        path.open("rb") as file,
        Image.open(path) as image,
    ):
        ways = [path, str(path), path.read_bytes(), file, image, np.asarray(image)]
        answers = [model.classify(way) for way in ways]
    assert len({answer.probabilities.tobytes() for answer in answers}) == 1


def test_every_variant_agrees_on_the_label(colour_bundle: Path) -> None:
    solid = {"red": (230, 60, 20), "blue": (60, 40, 200)}
    for name in ("tflite-float32", "tflite-int8", "onnx-float32", "openvino-float32"):
        with (
            edgetl.load(colour_bundle, name) as model,
            edgetl.load(colour_bundle, "onnx-float32") as reference,
        ):
            assert model.variant.name == name
            for colour in solid.values():
                picture = encoded(Image.new("RGB", (30, 40), colour), "PNG")
                expected, answer = reference.classify(picture), model.classify(picture)
                assert answer.label == expected.label
                assert answer.score == pytest.approx(expected.score, abs=0.02)


def test_what_is_no_picture_is_refused_and_the_model_goes_on(tmp_path: Path) -> None:
    with edgetl.load(write_fake_bundle(tmp_path / "insects.edgetl")) as model:
        with pytest.raises(ImageError, match="is no picture"):
            model.classify(b"words")
        with pytest.raises(ImageError):
            model.classify(io.BytesIO(encoded(scene())[:500]))
        assert model.classify(encoded(scene())).label == "bee"


def test_a_closed_model_says_so(tmp_path: Path) -> None:
    model = edgetl.load(write_fake_bundle(tmp_path / "insects.edgetl"))
    model.close()
    model.close()
    with pytest.raises(ModelError, match="the model is closed"):
        model.classify(encoded(scene()))


def test_a_damaged_model_is_never_loaded(tmp_path: Path) -> None:
    bundle = write_fake_bundle(tmp_path / "insects.edgetl")
    model = bundle / "fake-float32" / "model.fake"
    model.write_bytes(model.read_bytes().replace(b"0.7", b"0.8"))
    with pytest.raises(DamagedBundleError, match=r"model\.fake is not the file that was exported"):
        edgetl.load(bundle)
