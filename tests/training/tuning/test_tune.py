"""The whole of it on real photos: judged, repeatable, and resumed after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import support

import edgetl
from edgetl import isolated
from edgetl.errors import MissingPackageError, UsageError
from edgetl.training import features
from edgetl.training.run import Run
from edgetl.training.tuning import tables, tune, work
from edgetl.training.tuning.options import TuningOptions
from edgetl.training.tuning.tables import Lower

# Cross-validation, more epochs and a choice of layers would show nothing more here.
OPTIONS = ["--fine-tune", "last", "--epochs", "2", "--folds", "none", "--layers", "last"]


def command(photos: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "edgetl", "train", str(photos), "--out", str(out), *OPTIONS, *more]


def ended(out: Path) -> tuple[Any, ...]:
    described = json.loads((out / "run.json").read_text())
    tuning = described["fine_tuning"]
    return tuning["weights_sha256"], tuning["epochs"], tuning["adopted"], described["model_sha256"]


@pytest.fixture(scope="module")
def tuned(solar_run: Run, solar_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("tuned") / "cells"
    return edgetl.train(solar_photos, out=out, fine_tune="last", epochs=2, folds="none", layers="last")


def test_the_run_says_what_was_tried_and_why_it_was_or_was_not_adopted(tuned: Run, solar_run: Run) -> None:
    told = tuned.description["fine_tuning"]
    assert told["photos"] == 16
    assert told["judged_on"] == "held-out train"
    assert [entry["epoch"] for entry in told["epochs"]] == [1, 2]
    assert told["cut"] == "stage3_block0_project_bn"
    assert told["why"] in (tuned.path / "report.html").read_text()
    same_model = tuned.description["model_sha256"] == solar_run.description["model_sha256"]
    assert told["adopted"] != same_model
    assert not list(work.folder("").glob("*"))


def test_a_kill_in_the_middle_changes_nothing(tuned: Run, solar_photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = subprocess.Popen(
        command(solar_photos, out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    begun = work.folder("")
    while not list(begun.glob("*/*/*.checkpoint")) and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(begun.glob("*/*/*.checkpoint"))
    assert not out.exists()
    subprocess.run(command(solar_photos, out, "--resume"), check=True, capture_output=True)
    assert ended(out) == ended(tuned.path)


@pytest.mark.slow
def test_an_adopted_model_is_the_one_that_is_scored_and_kept(
    solar_run: Run, solar_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 16 judges adopt hardly anything: the child process is made to say yes.
    (tmp_path / "sitecustomize.py").write_text(
        "import dataclasses\n"
        "from edgetl.training.tuning import decide as module\n"
        "decide = module.decide\n"
        "module.decide = lambda *a, **k: dataclasses.replace(decide(*a, **k), adopted=True)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = edgetl.train(solar_photos, out=tmp_path / "adopted", fine_tune="last", epochs=2, augment="turns")
    assert run.description["model_sha256"] != solar_run.description["model_sha256"]
    photos = run.dataset.split("test")
    np.save(
        tmp_path / "pixels.npy",
        np.stack([pixels for _, pixels in features.decode_all(photos, run.contract, {})]),
    )
    answers = isolated.call(
        "edgetl.converters.graphs:predict",
        run.model,
        run.contract,
        tmp_path / "pixels.npy",
        doing="predicting",
    )
    accuracy = (answers.argmax(axis=1) == [photo.label for photo in photos]).mean()
    assert accuracy == pytest.approx(run.accuracy.value, abs=1.01 / 60)


def test_too_few_photos_are_not_tried_and_cost_nothing(tmp_path: Path) -> None:
    for label, seed in (("a", 0), ("b", 500)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(8):
            picture = support.encoded(support.scene(40, 40, seed=seed + number), "PNG")
            (tmp_path / "photos" / label / f"{number}.png").write_bytes(picture)
    run = edgetl.train(tmp_path / "photos", out=tmp_path / "run", fine_tune="last", folds="none")
    assert run.description["fine_tuning"]["adopted"] is False
    assert "fewer than 8 no gain shows" in run.description["fine_tuning"]["why"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fine_tune": "first"}, "fine-tune 'first' is not offered: choose off, last, all, auto"),
        ({"fine_tune": "last", "augment": "heavy"}, "augment 'heavy' is not offered: choose none, light"),
        ({"fine_tune": "last", "epochs": 0}, "0 epochs are not offered: choose 1 to 1000"),
        ({"fine_tune": "last", "precision": "half"}, "precision 'half' is not offered: choose auto, float32"),
        ({"crop": 1.5}, "crop 1.5 is not offered"),
    ],
)
def test_refuses_options_before_the_slow_work(
    solar_photos: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        edgetl.train(solar_photos, out=tmp_path / "run", **options)


def test_a_training_that_does_not_fit_on_the_disk_is_refused(tmp_path: Path) -> None:
    table, options = tmp_path / "train.npy", TuningOptions(augment="turns")
    half = Lower("low", (14, 16, 224), tmp_path)
    with pytest.raises(UsageError, match=r"needs 100\.4 GB in the cache .* choose --fine-tune all"):
        tables.versions(table, 1_000_000, 0, half, options)
    assert tables.versions(table, 10, 10, half, options) == 8
    assert tables.versions(table, 10, 10, replace(half, folder=None), options) == 1


def test_a_resumed_training_has_the_versions_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = Lower("low", (14, 14, 200), tmp_path)
    free = SimpleNamespace(free=20 * 14 * 14 * 200 * 2)
    monkeypatch.setattr(tables.shutil, "disk_usage", lambda place: free)
    assert tables.versions(tmp_path / "train.npy", 5, 0, half, TuningOptions(augment="turns")) == 2
    # The other photos' table is counted before, and its own table no more once it is there.
    with pytest.raises(UsageError, match="choose --fine-tune all"):
        tables.versions(tmp_path / "train.npy", 5, 4, half, TuningOptions(augment="turns"))
    np.save(tmp_path / "train.npy", np.zeros((5, 2, 14, 14, 200), np.float16))
    free.free = 0
    assert tables.versions(tmp_path / "train.npy", 5, 4, half, TuningOptions(augment="turns")) == 2


def test_one_folder_has_one_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_PATIENCE_S", 0.0)
    with (
        work.alone(tmp_path),
        pytest.raises(UsageError, match="the same fine-tuning is under way"),
        work.alone(tmp_path),
    ):
        pass
    with work.alone(tmp_path):
        pass


def test_auto_is_the_last_blocks_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune, "has_gpu", lambda: False)
    chosen = tune.resolve("auto", epochs=None, augment="light", seed=3)
    assert chosen == TuningOptions("last", seed=3)
    monkeypatch.setattr(tune, "has_gpu", lambda: True)
    assert tune.resolve("auto") == TuningOptions("all")
    assert tune.resolve("off") is None


def test_auto_precision_is_mixed_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for gpu, precision in ((False, "float32"), (True, "mixed")):
        monkeypatch.setattr(tune, "has_gpu", lambda gpu=gpu: gpu)
        assert tune.resolve("last", precision="auto") == TuningOptions(precision=precision)


def test_a_back_end_that_cannot_train_is_refused_before_the_slow_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(UsageError, match="cannot train: choose tensorflow, torch, jax"):
        tune.resolve("last")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr(tune.extras, "is_installed", lambda name: name != "torch")
    with pytest.raises(MissingPackageError, match="fine-tuning with KERAS_BACKEND=torch needs it"):
        tune.resolve("last")


def test_another_back_end_does_not_go_on_with_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {}
    for name in ("tensorflow", "torch", "jax"):
        monkeypatch.setenv("KERAS_BACKEND", name)
        names[name] = work.identity(TuningOptions(), work.backend(), photos="the same")
    assert len(set(names.values())) == 3


def test_a_folder_is_emptied_only_once_the_child_of_a_killed_parent_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_PATIENCE_S", 0.0)
    (tmp_path / "fine-tune").mkdir()
    (tmp_path / "fine-tune" / "even.checkpoint").write_bytes(b"state")
    (tmp_path / work.TRAIN).write_bytes(b"rows")
    with work.alone(tmp_path / work.TRAIN), pytest.raises(UsageError, match="under way in another process"):
        work.clear(tmp_path)
    work.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
