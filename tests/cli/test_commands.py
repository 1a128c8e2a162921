"""What a user types, sees and gets back as exit code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import support

from edgetl.bundle import Bundle
from edgetl.sealing import sealed
from edgetl.training.run import Run

CHATTER = re.compile(r"Traceback|oneDNN|XNNPACK|WARNING: All log|TF-TRT|cuda|absl|^[IWE]\d{4} ", re.MULTILINE)


def edgetl(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does; what the libraries print must never be seen."""
    done = subprocess.run(
        [sys.executable, "-m", "edgetl", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert not CHATTER.search(done.stdout + done.stderr), done.stdout + done.stderr
    return done


def test_help_lists_every_command() -> None:
    done = edgetl("--help")
    assert done.returncode == 0
    for name in (
        "demo",
        "train",
        "export",
        "verify",
        "run",
        "teach",
        "bench",
        "compare",
        "estimate",
        "info",
        "doctor",
    ):
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)


def test_the_table_of_backbones_names_licence_and_cost() -> None:
    done = edgetl("train", "--list-backbones")
    assert re.search(r"efficientnet_lite0 +224 +1280 +3\.4 M +384 M .*Apache-2\.0", done.stdout)
    rows = json.loads(edgetl("train", "--list-backbones", "--json").stdout)
    assert len(rows) == 20


def test_trains_exports_verifies_and_runs(solar_photos: Path, solar_run: Run, tmp_path: Path) -> None:
    run = tmp_path / "cells"
    trained = edgetl("train", solar_photos, "--out", run)
    assert trained.returncode == 0, trained.stderr
    assert re.search(r"^accuracy \d\d\.\d % on 60 test photos \(95 % interval", trained.stdout, re.MULTILINE)
    for name, said in (
        ("macro-F1", r"\d\d\.\d % \("),
        ("folds", r"accuracy .* 5 folds over all 140 photos"),
        ("scores", r"calibration error .* are to be expected of perfect scores"),
        ("unknown", r"below .* no unknown pictures to try"),
    ):
        assert re.search(rf"^{name} +{said}", trained.stdout, re.MULTILINE)
    threshold = re.search(r"^unknown +(.*)$", trained.stdout, re.MULTILINE)
    assert threshold is not None
    assert threshold[1] in edgetl("info", run).stdout
    assert f"next: edgetl export {run}" in trained.stderr
    # Of 60 photos one alone is 1.7 points.
    options = ["--formats", "tflite", "--precisions", "int8", "--calibration-images", 20, "--max-drop", 5]
    exported = edgetl("export", run, *options)
    assert exported.returncode == 0, exported.stderr
    assert re.search(r"^tflite-int8 .* MB  accuracy .* drop .* agreement", exported.stdout, re.MULTILINE)
    bundle = run / "cells.edgetl"
    assert f"next: edgetl verify {bundle}" in exported.stderr
    verified = edgetl("verify", bundle)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "decoder  same pixels to the bit" in verified.stdout
    photo = next((solar_photos / "test" / "defective").iterdir())
    answered = edgetl("run", bundle, photo, "--json")
    answer = json.loads(answered.stdout)
    assert answer["picture"] == str(photo)
    assert answer["label"] in ("defective", "functional")
    assert set(answer["timings_ms"]) == {"decode", "resize", "infer", "post"}


def test_bench_measures_and_writes_json_and_a_page(solar_bundle: Path) -> None:
    done = edgetl(
        "bench", solar_bundle, "--variant", "onnx-int8", "--threads", "1", "--runs", 60, "--rounds", 1
    )
    assert done.returncode == 0, done.stderr
    assert "onnx-int8" in done.stdout
    place = solar_bundle.with_name("cells-bench")
    report = json.loads((place / "bench.json").read_text())
    assert report["platform"]["machine"]["cpu"]
    assert len(report["results"][0]["processes"][0]["inference_s"]) == 60
    assert (place / "bench.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("which", ["run", "bundle", "model"])
def test_info_tells_what_a_path_is(which: str, solar_run: Run, solar_bundle: Path) -> None:
    path = {
        "run": solar_run.path,
        "bundle": solar_bundle,
        "model": solar_bundle / "onnx-int8" / "model.onnx",
    }[which]
    done = edgetl("info", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(which)
    assert json.loads(edgetl("info", path, "--json").stdout)


def one_sentence(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The error, which must be one line with the right exit code."""
    assert done.returncode == code, (done.returncode, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_bad_input_gets_one_sentence_and_the_right_exit_code(solar_bundle: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(support.encoded(support.scene()))
    (tmp_path / "empty").mkdir()
    assert "does not exist" in one_sentence(edgetl("run", tmp_path / "nothing", photo), 1)
    assert "has no variant 'tflite-int4'" in one_sentence(
        edgetl("run", solar_bundle, photo, "--variant", "tflite-int4"), 2
    )
    assert "is not known" in one_sentence(edgetl("run", solar_bundle, photo, "--engine", "tpu"), 2)
    assert str(tmp_path / "empty") in edgetl("run", solar_bundle, tmp_path / "empty").stderr
    (tmp_path / "text.jpg").write_text("no picture")
    assert "is no picture" in one_sentence(edgetl("run", solar_bundle, tmp_path / "text.jpg"), 1)
    assert "threads" in one_sentence(edgetl("run", solar_bundle, photo, "--threads", "0"), 2)
    assert "needs one folder of photos per class" in one_sentence(
        edgetl("train", tmp_path / "empty", "--out", tmp_path / "run"), 1
    )
    assert "is no run" in one_sentence(edgetl("export", tmp_path / "empty"), 1)
    assert edgetl("train").returncode == 2
    assert edgetl("frobnicate").returncode == 2


def damaged(bundle: Path, how: str) -> Path:
    """A bundle whose tflite-int8 model is broken in one way."""
    model = bundle / "tflite-int8" / "model.tflite"
    data = bytearray(model.read_bytes())
    if how == "missing":
        model.unlink()
    elif how == "empty":
        model.write_bytes(b"")
    elif how == "truncated":
        model.write_bytes(data[: len(data) // 2])
    elif how == "foreign":
        model.write_bytes((bundle / "onnx-int8" / "model.onnx").read_bytes())
    elif how == "one byte":
        data[len(data) // 2] ^= 1
        model.write_bytes(data)
    return model


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "foreign", "one byte"])
@pytest.mark.parametrize("command", ["verify", "run"])
def test_a_broken_model_file_is_named_and_never_loaded(solar_bundle: Path, how: str, command: str) -> None:
    model = damaged(solar_bundle, how)
    picture = solar_bundle / Bundle.open(solar_bundle).manifest.golden.pictures[0].path
    done = edgetl("verify", solar_bundle) if command == "verify" else edgetl("run", solar_bundle, picture)
    message = one_sentence(done, 1)
    assert str(model) in message
    assert "copy the bundle again, or export it anew" in message


def test_verify_tells_a_changed_decoder_from_a_changed_engine(
    solar_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgetl import images
    from edgetl.runtime import base, confined, verify

    assert verify.verify(solar_bundle).passed
    decode = images.decode
    with monkeypatch.context() as patched:
        patched.setattr(images, "decode", lambda *given, **named: decode(*given, **named) ^ 1)
        found = verify.verify(solar_bundle)
        assert not found.decoder.passed
        assert found.decoder.largest_difference == 1
        assert all(check.passed for check in found.variants)
    run = base.AbstractEngine.run
    with monkeypatch.context() as patched:
        # Engines run in processes of their own, which this change would not reach.
        patched.setattr(confined, "can_start", lambda: False)
        patched.setattr(base.AbstractEngine, "run", lambda self, pixels: (run(self, pixels)[0][:, ::-1],))
        found = verify.verify(solar_bundle)
        assert found.decoder.passed
        assert not any(check.passed for check in found.variants)
        assert "answers differently here" in str(found.variants[0].problem)


def test_verify_exits_3_when_the_answers_are_others(solar_bundle: Path) -> None:
    done = edgetl("verify", solar_bundle, "--variant", "openvino-float32")
    assert done.returncode == 0
    manifest = json.loads((solar_bundle / "manifest.json").read_text())
    for variant in manifest["variants"]:
        variant["tolerance"] = -1.0
    (solar_bundle / "manifest.json").write_text(sealed(manifest))
    assert "does not answer here as it did" in one_sentence(edgetl("verify", solar_bundle), 3)


def test_a_missing_engine_is_named_with_the_line_that_installs_it(solar_bundle: Path, tmp_path: Path) -> None:
    # A meta path finder in sitecustomize hides the engines, as on a machine without them.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in "
        "('ai_edge_litert', 'tflite_runtime', 'onnxruntime', 'openvino') else find(name, *a)\n"
    )
    picture = solar_bundle / Bundle.open(solar_bundle).manifest.golden.pictures[0].path
    done = edgetl("run", solar_bundle, picture, PYTHONPATH=str(tmp_path))
    assert "pip install 'edgetl[litert]'" in one_sentence(done, 1)
    assert "pip install 'edgetl[litert]'" in one_sentence(
        edgetl("verify", solar_bundle, PYTHONPATH=str(tmp_path)), 1
    )


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgetl", "--debug", "info", str(tmp_path / "nothing")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" in done.stderr


def test_a_full_disk_is_said_and_nothing_is_left(solar_bundle: Path, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(1_000_000))
    out = small_disk / "bench"
    variant = ("--variant", "onnx-int8", "--threads", "1", "--runs", 3000, "--rounds", 1)
    done = edgetl("bench", solar_bundle, *variant, "--out", out)
    assert f"cannot write {out / 'bench.json'}: the disk is full" in one_sentence(done, 1)
    assert list(out.iterdir()) == []
