"""A user's own model becomes a bundle like any other: every precision, the gate, the same bytes twice."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgetl
from edgetl import images, isolated
from edgetl.converters import gate
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.anatomy import reading
from edgetl.converters.export import Exported
from edgetl.errors import ConversionError, GateError, UsageError
from edgetl.progress import Progress
from edgetl.runtime import engines

OPTIONS = ModelOptions.from_values({"normalise": "unit", "resize": "squash"})
EVERYTHING = [
    *(f"tflite-{name}" for name in ("float32", "float16", "int16x8", "dynamic", "int8")),
    *(f"onnx-{name}" for name in ("float32", "float16", "dynamic", "int8")),
    *(f"openvino-{name}" for name in ("float32", "float16", "int8")),
]


class Heard(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def models(solar_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``own.keras``, ``own_saved`` and ``own.onnx``, trained on the photos without edgetl."""
    folder = tmp_path_factory.mktemp("own")
    isolated.call("trained_models:save", solar_photos, folder, doing="training a small model")
    return folder


@pytest.fixture(scope="module")
def everything(models: Path, solar_photos: Path) -> Exported:
    """Every precision of every format, with the embedding."""
    return edgetl.export(
        models / "own.keras",
        data=solar_photos,
        options=OPTIONS,
        precisions="float32,float16,int16x8,dynamic,int8",
        calibration_images=40,
        max_drop=100,
        min_agreement=0,
        embedding=True,
    )


@pytest.fixture(scope="module")
def pixels(everything: Exported, solar_photos: Path) -> np.ndarray:
    contract = everything.bundle.manifest.contract
    return np.stack([images.decode(path, contract) for path in sorted(solar_photos.glob("test/*/*"))[::10]])


def test_every_precision_of_every_format_is_made(everything: Exported) -> None:
    assert [variant.name for variant in everything.bundle.manifest.variants] == EVERYTHING
    assert not everything.failed
    for variant in everything.bundle.manifest.variants:
        assert variant.score is not None
        assert variant.score.agreement >= 0.9, variant.name
        assert variant.latency_s is not None


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_file_is_what_it_is_called(everything: Exported, name: str) -> None:
    bundle = everything.bundle
    variant = bundle.variant(name)
    anatomy = reading.read(bundle.model_files(variant), ask_engine=False)
    assert anatomy.precision == variant.precision
    assert variant.arithmetic is not None
    assert (variant.arithmetic.int8_macs > 0.9) == (variant.precision == "int8")


@pytest.mark.parametrize("name", EVERYTHING)
def test_float_variants_keep_the_probabilities_and_all_variants_give_the_embedding(
    everything: Exported, pixels: np.ndarray, name: str
) -> None:
    bundle = everything.bundle
    variant = bundle.variant(name)
    with engines.start(engines.for_format(variant.format), bundle.model_files(variant)) as engine:
        probabilities, embedding = engine.run(pixels)
    assert probabilities.shape == (len(pixels), 2)
    assert embedding.shape == (len(pixels), 64)
    assert embedding.dtype == np.float32
    limit = {"float32": 1e-4, "float16": 1e-2}.get(variant.precision, 0.2)
    assert variant.score is not None
    assert variant.score.largest_difference is not None
    assert variant.score.largest_difference <= limit
    float_variant = bundle.variant(f"{variant.format}-float32")
    with engines.start(engines.for_format(variant.format), bundle.model_files(float_variant)) as engine:
        exact = engine.run(pixels)[1]
    error = np.linalg.norm(embedding - exact) / np.linalg.norm(exact)
    assert error < {"float32": 1e-6, "float16": 5e-3}.get(variant.precision, 0.1)


def test_half_precision_does_without_photos_to_round_by_where_it_must(
    models: Path, solar_photos: Path, tmp_path: Path
) -> None:
    for kind in ("defective", "functional"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for photo in sorted((solar_photos / "test" / kind).iterdir())[:4]:
            shutil.copy(photo, tmp_path / "photos" / kind)
    heard = Heard()
    exported = edgetl.export(
        models / "own.keras",
        data=tmp_path / "photos",
        options=OPTIONS,
        formats="onnx",
        precisions="float16",
        max_drop=100,
        min_agreement=0,
        out=tmp_path / "few.edgetl",
        progress=heard,
    )
    assert [variant.name for variant in exported.bundle.manifest.variants] == ["onnx-float16"]
    assert "no photos are left to round weights by: float16 rounds each weight by itself" in heard.warnings


def test_a_model_without_an_onnx_graph_still_becomes_tflite(
    models: Path, solar_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tf2onnx knows fewer layers than TensorFlow's converter: then weights are rounded one by one."""
    call = isolated.call

    def without_onnx(target: str, *arguments: Any, **options: Any) -> Any:
        if target.endswith("graphs:write") and "onnx" in arguments[2]:
            raise ConversionError("tf2onnx does not know the layer")
        return call(target, *arguments, **options)

    monkeypatch.setattr(isolated, "call", without_onnx)
    heard = Heard()
    exported = edgetl.export(
        models / "own.keras",
        data=solar_photos,
        options=OPTIONS,
        formats="tflite",
        precisions="float16,int8",
        max_drop=100,
        min_agreement=0,
        out=tmp_path / "tflite.edgetl",
        progress=heard,
    )
    assert [variant.name for variant in exported.bundle.manifest.variants] == [
        "tflite-float16",
        "tflite-int8",
    ]
    assert any("tf2onnx does not know the layer" in warning for warning in heard.warnings)


def test_answers_are_those_of_the_users_own_model_with_its_own_preprocessing(
    everything: Exported, models: Path, pixels: np.ndarray
) -> None:
    np.save(models / "pixels.npy", pixels.astype(np.float32) / 255)
    logits = isolated.call("trained_models:predict", models / "own.keras", models / "pixels.npy", doing="x")
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    bundle = everything.bundle
    for form in ("tflite", "onnx", "openvino"):
        files = bundle.model_files(bundle.variant(f"{form}-float32"))
        with engines.start(engines.for_format(form), files) as engine:
            got = engine.run(pixels)[0]
        assert np.abs(got - powers / powers.sum(axis=1, keepdims=True)).max() < 1e-5, form


def test_the_bundle_says_where_the_model_comes_from_and_verifies(everything: Exported) -> None:
    manifest = everything.bundle.manifest
    assert manifest.embedding
    assert manifest.provenance["model"]["file"] == "own.keras"
    assert manifest.provenance["calibration"]["classes"] == 2
    assert (everything.bundle.path / "labels.txt").read_text("utf-8").splitlines() == [
        "defective",
        "functional",
    ]
    verification = edgetl.verify(everything.bundle.path)
    assert verification.passed, verification
    with edgetl.load(everything.bundle.path) as model:
        assert model.classify(np.zeros((50, 60, 3), np.uint8)).label in ("defective", "functional")


def test_no_arithmetic_is_left_between_the_pixels_and_the_first_int8_convolution(
    everything: Exported,
) -> None:
    bundle = everything.bundle
    anatomy = reading.read(bundle.model_files(bundle.variant("tflite-int8")), ask_engine=False)
    kinds = [operator.kind for operator in anatomy.graph]
    assert kinds[: kinds.index("CONV_2D")] == ["DEQUANTIZE", "QUANTIZE"]
    assert str(anatomy.inputs[0].dtype) == "uint8"
    anatomy = reading.read(bundle.model_files(bundle.variant("onnx-int8")), ask_engine=False)
    kinds = [operator.kind for operator in anatomy.graph]
    assert not {"Mul", "Add", "Sub", "Div", "Cast"} & set(kinds[: kinds.index("Conv")])


def test_the_same_model_exported_twice_gives_the_same_bytes(
    everything: Exported, models: Path, solar_photos: Path, tmp_path: Path
) -> None:
    again = edgetl.export(
        shutil.copy(models / "own.keras", tmp_path / "own.keras"),
        data=solar_photos,
        options=OPTIONS,
        precisions="float32,float16,int16x8,dynamic,int8",
        calibration_images=40,
        max_drop=100,
        min_agreement=0,
        embedding=True,
    )
    first, second = (
        {entry.path: entry.sha256 for variant in bundle.manifest.variants for entry in variant.files}
        for bundle in (everything.bundle, again.bundle)
    )
    assert first == second


def test_a_savedmodel_becomes_all_formats(models: Path, solar_photos: Path, tmp_path: Path) -> None:
    exported = edgetl.export(
        models / "own_saved",
        data=solar_photos,
        options=OPTIONS,
        calibration_images=40,
        max_drop=100,
        min_agreement=0.9,
        out=tmp_path / "saved.edgetl",
    )
    names = [variant.name for variant in exported.bundle.manifest.variants]
    assert names == [
        f"{form}-{name}" for form in ("tflite", "onnx", "openvino") for name in ("float32", "int8")
    ]


def test_an_onnx_file_becomes_onnx_and_openvino_and_failing_variants_are_kept_marked(
    models: Path, solar_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = gate.refusal

    def refusal(name: str, score: object, limits: object) -> str | None:
        return f"{name} is refused here" if name == "onnx-int8" else honest(name, score, limits)

    monkeypatch.setattr(gate, "refusal", refusal)
    exported = edgetl.export(
        models / "own.onnx",
        data=solar_photos,
        options=OPTIONS,
        precisions="float32,int8",
        calibration_images=40,
        max_drop=100,
        min_agreement=0.9,
        max_latency_s=1e-9,
        keep_failing=True,
        out=tmp_path / "onnx.edgetl",
    )
    variants = {variant.name: variant for variant in exported.bundle.manifest.variants}
    assert list(variants) == ["onnx-float32", "onnx-int8", "openvino-float32", "openvino-int8"]
    assert variants["onnx-int8"].refused == "onnx-int8 is refused here"
    assert [row.reason for row in exported.failed] == ["onnx-int8 is refused here"]
    assert exported.bundle.manifest.pick != "onnx-int8"
    assert exported.unmet is not None
    assert "more than --max-latency" in exported.unmet


def test_tflite_of_an_onnx_file_is_refused_with_the_way_out(
    models: Path, solar_photos: Path, tmp_path: Path
) -> None:
    with pytest.raises((ConversionError, UsageError), match="choose --formats onnx,openvino"):
        edgetl.export(
            models / "own.onnx",
            data=solar_photos,
            options=OPTIONS,
            formats="tflite",
            out=tmp_path / "tflite.edgetl",
        )


def test_a_model_without_photos_or_with_a_wrong_file_is_one_sentence(
    models: Path, solar_photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="add --data PHOTOS"):
        edgetl.export(models / "own.keras")
    (tmp_path / "empty.keras").write_bytes(b"")
    with pytest.raises((ConversionError, UsageError)):
        edgetl.export(tmp_path / "empty.keras", data=solar_photos, options=OPTIONS)


def test_nothing_is_written_when_no_variant_is_good_enough(
    models: Path, solar_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "refusal", lambda name, _score, _limits: f"{name} lost its wits")
    with pytest.raises(GateError, match="nothing was written: onnx-float32 lost its wits"):
        edgetl.export(
            models / "own.onnx",
            data=solar_photos,
            options=OPTIONS,
            formats="onnx",
            precisions="float32",
            out=tmp_path / "none.edgetl",
        )
    assert not list(tmp_path.iterdir())
