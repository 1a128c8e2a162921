"""Photos in, a run out: whole, repeatable, and refused in a sentence where it cannot be."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import support

import edgetl
from edgetl import isolated
from edgetl.errors import DatasetError, RunError, UsageError, WeightsError
from edgetl.progress import Progress
from edgetl.training import config, dataset, features
from edgetl.training.run import Run


class Listener(Progress):
    """Keeps what a training says."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_a_run_holds_all_it_was_made_of(solar_run: Run, solar_photos: Path) -> None:
    names = {path.name for path in solar_run.path.iterdir()}
    assert names >= {
        "model.keras",
        "run.toml",
        "run.json",
        "metrics.json",
        "splits.csv",
        "environment.json",
        "labels.txt",
        "confusion.svg",
        "report.html",
    }
    assert solar_run.contract.labels == ("defective", "functional")
    lines = list(csv.DictReader((solar_run.path / "splits.csv").read_text().splitlines()))
    assert {line["sha256"] for line in lines} == {p.sha256 for p in dataset.read(solar_photos).photos}
    assert solar_run.description["weights"]["licence"] == "Apache-2.0"
    assert solar_run.description["dataset"]["fingerprint"] == dataset.read(solar_photos).fingerprint
    assert sum(map(sum, solar_run.metrics["confusion"])) == solar_run.metrics["images"] == 60


def test_a_real_network_tells_broken_cells_from_whole_ones(solar_run: Run) -> None:
    # Of 80 photos: better than guessing, beyond what chance does on 60.
    assert 0.5 < solar_run.accuracy.low < solar_run.accuracy.value < solar_run.accuracy.high


def test_photos_with_doubtful_labels_count_less_and_it_is_said(
    solar_run: Run, solar_photos: Path, tmp_path: Path
) -> None:
    heard = Listener()
    doubting = edgetl.train(solar_photos, out=tmp_path / "run", suspects="downweight", progress=heard)
    assert any(
        "of the train labels seem to be wrong: such photos count less" in said for said in heard.warnings
    )
    assert doubting.accuracy.value > solar_run.accuracy.low


def test_the_keras_file_is_a_plain_model_that_answers_as_measured(solar_run: Run, tmp_path: Path) -> None:
    photos = solar_run.dataset.split("test")
    pixels = np.stack([pixels for _, pixels in features.decode_all(photos, solar_run.contract, {})])
    np.save(tmp_path / "pixels.npy", pixels)
    probabilities = isolated.call(
        "edgetl.converters.graphs:predict",
        solar_run.model,
        solar_run.contract,
        tmp_path / "pixels.npy",
        doing="predicting",
    )
    assert probabilities.shape == (60, 2)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    accuracy = (probabilities.argmax(axis=1) == [photo.label for photo in photos]).mean()
    assert accuracy == pytest.approx(solar_run.accuracy.value, abs=1.01 / 60)


def test_training_again_gives_the_same_model_to_the_byte(
    solar_run: Run, solar_photos: Path, tmp_path: Path
) -> None:
    again = edgetl.train(solar_photos, out=tmp_path / "again", layers="last")
    assert again.description["model_sha256"] == solar_run.description["model_sha256"]
    assert again.metrics == solar_run.metrics


def test_run_toml_trains_the_same_again(solar_run: Run, tmp_path: Path) -> None:
    options = config.read_config(solar_run.path / "run.toml")
    assert options["backbone"] == "efficientnet_lite0"
    again = edgetl.train(out=tmp_path / "again", config=solar_run.path / "run.toml")
    assert again.description["model_sha256"] == solar_run.description["model_sha256"]


def test_photos_that_cannot_be_read_are_named_and_skipped(
    solar_run: Run, solar_photos: Path, tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(solar_photos, tmp_path / "photos"))
    broken = photos / "train" / "defective" / "broken.png"
    whole = next((photos / "train" / "defective").iterdir()).read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    (photos / "test" / "functional" / "text.jpg").write_text("no picture")
    listener = Listener()
    run = edgetl.train(photos, out=tmp_path / "run", progress=listener)
    assert len(run.dataset.photos) == len(solar_run.dataset.photos)
    assert sum(str(broken) in warning for warning in listener.warnings) == 1
    assert {Path(path).name for path in run.description["dataset"]["skipped"]} == {"broken.png", "text.jpg"}


def test_refuses_when_too_few_photos_can_be_read(solar_run: Run, tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "photos" / label / f"{number}.jpg").write_text(f"no picture {label} {number}")
    with pytest.raises(DatasetError, match="2 readable train photos or more; too few of: a, b"):
        edgetl.train(tmp_path / "photos", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"backbone": "efficientnet_lite9"}, UsageError, "did you mean efficientnet_lite"),
        ({"size": 7}, UsageError, "size 7 is not offered for efficientnet_lite0"),
        ({"width": 0.3}, UsageError, "width 0.3 is not offered for efficientnet_lite0: choose 1"),
        (
            {"features": "tensorrt"},
            UsageError,
            "feature engine 'tensorrt' is not known: choose auto, openvino",
        ),
        ({"weights": "nowhere.h5"}, WeightsError, "nowhere.h5"),
        ({"seed": -1}, UsageError, "seed -1 is not offered: choose 0 or more"),
        ({"resume": True}, UsageError, "--resume goes on with a fine-tuning: add --fine-tune last"),
        (
            {"fine_tune": "last", "suspects": "downweight"},
            UsageError,
            "fine-tuning learns from every photo alike: choose --suspects downweight or --fine-tune",
        ),
        (
            {"fine_tune": "last", "keep_head": True, "from_run": "runs/other"},
            UsageError,
            "--keep-head keeps a head and --fine-tune trains it on: choose one of them",
        ),
        ({"suspects": "drop"}, UsageError, "suspects 'drop' is not offered: choose keep or downweight"),
        (
            {"hidden": 9999},
            UsageError,
            "a hidden layer of 9999 units is not offered: choose 0 (none) to 4096",
        ),
        ({"label_smoothing": 1}, UsageError, "label smoothing 1 is not offered: choose 0 to below 1"),
        ({"colour": "red"}, UsageError, "train has no such option"),
    ],
)
def test_refuses_options_before_the_slow_work(
    solar_photos: Path, tmp_path: Path, options: dict[str, object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        edgetl.train(solar_photos, out=tmp_path / "run", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_keeps_the_run_that_stands_there_unless_told_to_replace_it(
    solar_run: Run, solar_photos: Path
) -> None:
    with pytest.raises(UsageError, match="exists already: choose another --out, or add --force"):
        edgetl.train(solar_photos, out=solar_run.path)


def test_ctrl_c_leaves_nothing_half_written(solar_photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgetl", "train", str(solar_photos), "--out", str(tmp_path / "run")]
    empty = {"EDGETL_CACHE": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    process = subprocess.Popen(
        command, env=empty, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=tmp_path
    )
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".run.tmp-*")) and time.monotonic() < until:
        time.sleep(0.05)  # the run folder is begun: interrupt it in the middle
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; nothing half-written is left" in errors
    assert "Traceback" not in errors
    left = [path for path in tmp_path.rglob("*") if ".tmp-" in path.name or path.name == "run"]
    assert left == []


def test_a_run_whose_model_was_changed_is_refused(solar_run: Run, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(solar_run.path, tmp_path / "copy", ignore=shutil.ignore_patterns("*.edgetl")))
    model = bytearray((copy / "model.keras").read_bytes())
    model[len(model) // 2] ^= 1
    (copy / "model.keras").write_bytes(model)
    with pytest.raises(RunError, match=r"model.keras is not the file that was trained"):
        Run.open(copy)
    with pytest.raises(RunError, match=r"is no run: it has no run.json"):
        Run.open(tmp_path)
    described = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**described, "schema": 99}))
    with pytest.raises(RunError, match="schema 99"):
        Run.open(copy)


def test_grey_and_colour_photos_of_any_size_train_together(tmp_path: Path) -> None:
    for label, seed in (("a", 0), ("b", 500)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(8):
            image = support.scene(40 + 30 * number, 200 - 15 * number, seed=seed + number)
            image = image.convert("L") if number % 2 else image
            (tmp_path / "photos" / label / f"{number}.png").write_bytes(support.encoded(image, "PNG"))
    run = edgetl.train(tmp_path / "photos", out=tmp_path / "run")
    assert run.description["dataset"]["photos"] == {"train": 12, "val": 2, "test": 2}
