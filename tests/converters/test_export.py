"""A run becomes a bundle: every file scored, whole or absent, and refused before the slow work."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import support
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import edgetl
from edgetl import images, isolated
from edgetl.bundle import MANIFEST, Bundle
from edgetl.converters import calibration, export, jobs, sbom, verification
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.export import Exported
from edgetl.errors import GateError, RunError, UsageError, WriteError
from edgetl.progress import SILENT
from edgetl.runtime import engines
from edgetl.training.dataset import Photo
from edgetl.training.run import Run

VARIANTS = [
    f"{form}-{precision}" for form in ("tflite", "onnx", "openvino") for precision in ("float32", "int8")
]


def test_every_variant_answers_like_the_trained_model(solar_export: Exported) -> None:
    assert [row.variant.name for row in solar_export.scored] == VARIANTS
    for row in solar_export.scored:
        assert row.reason is None, row.reason
        assert row.variant.score is not None
        assert row.variant.score.images == 60
        assert row.variant.score.drop.value <= 1.0, export.describe(row)
        assert row.variant.score.agreement >= 0.95, export.describe(row)


def test_float_variants_give_the_trained_models_probabilities(solar_export: Exported) -> None:
    expected = solar_export.bundle.expected()
    for name in (name for name in VARIANTS if name.endswith("float32")):
        golden = expected[name][: len(expected["keras"])]  # the rest are its answers to the probes
        assert np.abs(golden - expected["keras"]).max() < 1e-4, name


def test_int8_files_are_much_smaller(solar_export: Exported) -> None:
    sizes = {row.variant.name: row.variant.size_bytes for row in solar_export.scored}
    for form in ("tflite", "onnx", "openvino"):
        assert sizes[f"{form}-int8"] < 0.4 * sizes[f"{form}-float32"]


def test_every_variant_takes_raw_pixels_and_gives_probabilities(
    solar_export: Exported, solar_run: Run
) -> None:
    bundle = solar_export.bundle
    pixels = np.stack(
        [images.decode(photo.path, bundle.manifest.contract) for photo in solar_run.dataset.photos[:3]]
    )
    for variant in bundle.manifest.variants:
        with engines.start(engines.for_format(variant.format), bundle.model_files(variant)) as engine:
            (probabilities,) = engine.run(pixels)
        assert probabilities.dtype == np.float32
        assert probabilities.shape == (3, 2)
        assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-3), variant.name


def test_the_same_bytes_give_the_same_pixels_in_training_export_verify_and_run(
    solar_export: Exported, solar_run: Run, tmp_path: Path
) -> None:
    contract = solar_export.bundle.manifest.contract
    assert contract == solar_run.contract
    photos = [photo for photo in solar_run.dataset.photos if photo.split == "test"][:5]
    scored = calibration.decode_set(photos, contract, tmp_path / "p.npy", what="p", progress=SILENT)
    for photo, pixels in zip(photos, scored.load(), strict=True):
        assert np.array_equal(pixels, images.decode(photo.path, contract))
        assert np.array_equal(pixels, images.decode(photo.path.read_bytes(), contract))
    recorded = solar_export.bundle.expected()["pixels"]
    for entry, pixels in zip(solar_export.bundle.manifest.golden.pictures, recorded, strict=True):
        assert np.array_equal(pixels, images.decode(solar_export.bundle.read(entry), contract))


def test_calibrates_on_train_photos_of_every_class_and_never_on_scored_ones(
    solar_export: Exported, solar_run: Run
) -> None:
    train, test = solar_run.dataset.split("train"), solar_run.dataset.split("test")
    chosen = calibration.stratified(train, 40)
    assert [sum(photo.label == label for photo in chosen) for label in (0, 1)] == [20, 20]
    assert not {photo.sha256 for photo in chosen} & {photo.sha256 for photo in test}
    noted = solar_export.bundle.manifest.provenance["calibration"]
    assert noted["images"] == 40


def test_stratified_takes_what_a_rare_class_has() -> None:
    photos = [Photo(Path(str(n)), int(n >= 3), "train", f"{n:064}") for n in range(30)]
    chosen = calibration.stratified(photos, 10)
    assert [sum(photo.label == label for photo in chosen) for label in (0, 1)] == [3, 7]
    assert calibration.stratified(photos[::-1], 10) == chosen


def test_the_manifest_says_where_the_model_comes_from(solar_export: Exported, solar_run: Run) -> None:
    known = solar_export.bundle.manifest.provenance
    assert known["backbone"]["name"] == "efficientnet_lite0"
    assert known["weights"]["licence"] == "Apache-2.0"
    assert known["dataset"]["fingerprint"] == solar_run.dataset.fingerprint
    # Which of them depends on latencies, and so on what else the machine does.
    assert solar_export.bundle.variant(solar_export.bundle.manifest.pick).precision == "int8"
    assert solar_export.bundle.manifest.reject_threshold == solar_run.description["head"]["reject_threshold"]


def test_the_bill_of_materials_names_the_files_that_are_there(solar_export: Exported) -> None:
    folder, manifest = solar_export.bundle.path, solar_export.bundle.manifest
    told = json.loads((folder / sbom.NAME).read_text("utf-8"))
    assert told == sbom.document(manifest)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(told)) is None
    listed = {
        part["name"]: part["hashes"][0]["content"]
        for component in told["components"]
        for part in (component, *component.get("components", ()))
        if part["type"] == "file"
    }
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    about = {MANIFEST, sbom.NAME, "labels.txt", "report.html"}
    assert listed == {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in found.items()
        if name not in about
    }


def test_scores_count_lost_and_won_pictures() -> None:
    truth = np.array([0, 0, 1, 1])
    reference = np.eye(2, dtype=np.float32)[[0, 0, 1, 0]]
    variant = np.eye(2, dtype=np.float32)[[0, 1, 1, 1]]
    score = verification.score(reference, variant, truth, split="test")
    assert score.accuracy.value == 0.75
    assert score.drop.value == 0.0
    assert score.agreement == 0.5
    worse = verification.score(reference, 1 - reference, truth, split="test")
    assert worse.drop.value == 50.0


def test_a_variant_that_got_worse_is_left_out_and_the_others_are_kept(
    solar_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = verification.score

    def score(reference, probabilities, truth, *, split):  # type: ignore[no-untyped-def]
        found = honest(reference, probabilities, truth, split=split)
        worse = not np.allclose(reference, probabilities, atol=1e-3)  # that is int8
        return replace(found, drop=replace(found.drop, value=7.5)) if worse else found

    monkeypatch.setattr(verification, "score", score)
    exported = edgetl.export(
        solar_run.path,
        formats="onnx",
        precisions="float32,int8",
        out=tmp_path / "b.edgetl",
        calibration_images=10,
    )
    assert [row.reason for row in exported.failed] == ["onnx-int8 loses 7.5 points, more than --max-drop 1"]
    assert [variant.name for variant in exported.bundle.manifest.variants] == ["onnx-float32"]
    assert not (tmp_path / "b.edgetl" / "onnx-int8").exists()
    assert exported.bundle.manifest.pick == "onnx-float32"
    with pytest.raises(GateError, match="no variant is good enough, and nothing was written"):
        edgetl.export(
            solar_run.path,
            formats="onnx",
            precisions="int8",
            out=tmp_path / "c.edgetl",
            calibration_images=10,
        )
    assert not (tmp_path / "c.edgetl").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": "tflit"}, "did you mean tflite"),
        ({"formats": "onnx", "precisions": "int4"}, "precision 'int4' is not offered for onnx"),
        ({"precisions": "auto,int8"}, "precision 'auto' begins with int8: leave int8 out"),
        ({"calibration_images": 0}, "--calibration-images 0 is too few"),
        ({"max_drop": -1.0}, "--max-drop -1 and --min-agreement 0.9 do not go"),
        ({"compatible": ("pi 4",)}, "'pi 4' is no kind of a device"),
        ({"options": ModelOptions(outputs="logits")}, "these flags are for a model of your own"),
    ],
)
def test_refuses_options_before_the_slow_work(
    solar_run: Run, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        edgetl.export(solar_run.path, out=tmp_path / "b.edgetl", **options)
    assert not (tmp_path / "b.edgetl").exists()


def test_keeps_the_bundle_that_stands_there_unless_told_to_replace_it(
    solar_export: Exported, solar_run: Run
) -> None:
    with pytest.raises(UsageError, match="exists already"):
        edgetl.export(solar_run.path)


def test_photos_that_moved_are_found_with_data_and_changed_ones_refused(
    solar_run: Run, solar_photos: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(solar_photos, tmp_path / "moved"))
    out = tmp_path / "b.edgetl"
    exported = edgetl.export(solar_run.path, formats="onnx", precisions="float32", data=moved, out=out)
    assert exported.bundle.path == out
    victim = next((moved / "test" / "functional").iterdir())
    victim.write_bytes(support.encoded(support.scene(), "PNG"))
    with pytest.raises(RunError, match=f"{victim.name} has changed since the run was trained"):
        edgetl.export(solar_run.path, formats="onnx", data=moved, out=tmp_path / "c.edgetl")
    victim.unlink()
    with pytest.raises(RunError, match=f"{victim.name}, a photo of this run, cannot be read"):
        edgetl.export(solar_run.path, formats="onnx", data=moved, out=tmp_path / "c.edgetl")
    assert not (tmp_path / "c.edgetl").exists()


def test_ctrl_c_in_the_middle_of_an_export_leaves_nothing(solar_run: Run, tmp_path: Path) -> None:
    out, scratch = tmp_path / "b.edgetl", tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "edgetl",
            "export",
            str(solar_run.path),
            "--out",
            str(out),
            "--formats",
            "tflite",
        ],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert process.stderr is not None
    until = next(line for line in process.stderr if "decode test photos" in line)
    assert until
    time.sleep(1)  # it is now in the child processes that write graphs and ask the model
    process.send_signal(2)
    start = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - start < 10, "it waited for its children to finish"
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert list(scratch.iterdir()) == []


def test_a_disk_that_is_too_small_is_refused_before_the_slow_work(solar_run: Run, small_disk: Path) -> None:
    with pytest.raises(WriteError, match="free some space, or choose another --out"):
        edgetl.export(solar_run.path, precisions="float32", out=small_disk / "b.edgetl")
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing_half_written(
    solar_run: Run, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "check_space", lambda *_: None)
    out = small_disk / "b.edgetl"
    with pytest.raises(WriteError) as caught:
        edgetl.export(solar_run.path, formats="onnx", precisions="float32", out=out)
    assert f"{out}/onnx-float32/model.onnx" in str(caught.value)
    assert "are free): free some space or choose another --out" in str(caught.value)
    assert list(small_disk.iterdir()) == []


def test_a_conversion_that_dies_is_one_sentence(solar_run: Run) -> None:
    with pytest.raises(edgetl.EdgetlError, match="converting failed: its process was ended by SIGSEGV"):
        isolated.call("signal:raise_signal", 11, doing="converting")


def test_the_report_is_one_page_that_asks_nothing_of_a_network(solar_export: Exported) -> None:
    page = (solar_export.bundle.path / "report.html").read_text("utf-8")
    assert len(page) < 1_000_000
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    for name in VARIANTS:
        assert name in page


def test_a_bundle_is_copied_as_a_folder_and_opens_anywhere(solar_bundle: Path) -> None:
    bundle = Bundle.open(solar_bundle)
    assert json.loads((solar_bundle / "manifest.json").read_text())["name"] == bundle.manifest.name == "cells"
    assert (solar_bundle / "labels.txt").read_text().splitlines() == ["defective", "functional"]
