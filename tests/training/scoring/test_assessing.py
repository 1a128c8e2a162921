"""What ``edgetl train`` finds out about a real head on real pictures."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import support

import edgetl
from edgetl.errors import DatasetError, UsageError
from edgetl.progress import Progress
from edgetl.training.arrays import Floats, Labels
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.heads import head as heads
from edgetl.training.run import Run
from edgetl.training.scoring import assessing


class Listener(Progress):
    """Keeps what a training says."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four pictures of no solar cell, in two folders, and a file that is none."""
    folder = tmp_path_factory.mktemp("scenes")
    (folder / "more").mkdir()
    for number in range(24):
        place = folder / ("more" if number % 2 else ".") / f"{number}.jpg"
        place.write_bytes(support.encoded(support.scene(seed=number)))
    (folder / "broken.jpg").write_text("no picture")
    return folder


def test_small_sets_are_cross_validated_and_their_scores_told(solar_run: Run) -> None:
    metrics = solar_run.metrics
    crossed = metrics["cross_validation"]
    assert (crossed["folds"], crossed["images"]) == (5, 140)
    assert crossed["accuracy"]["high"] - crossed["accuracy"]["low"] < (
        metrics["accuracy"]["high"] - metrics["accuracy"]["low"]
    )
    assert metrics["calibration"]["temperature"] == solar_run.description["head"]["temperature"]
    assert metrics["expected_calibration_error"] == metrics["calibration"]["after"]["expected"]
    assert metrics["rejection"]["threshold"] == solar_run.description["head"]["reject_threshold"]
    assert metrics["rejection"]["unknown"] == 0


def test_unknown_pictures_choose_the_threshold(solar_photos: Path, scenes: Path, tmp_path: Path) -> None:
    listener = Listener()
    copy = next((solar_photos / "train" / "defective").iterdir())
    folder = Path(shutil.copytree(scenes, tmp_path / "scenes"))
    shutil.copy(copy, folder)
    shutil.copy(folder / "0.jpg", folder / "copy of 0.jpg")
    run = edgetl.train(
        solar_photos,
        out=tmp_path / "run",
        unknown=str(folder),
        false_accept=0.2,
        folds="none",
        progress=listener,
    )
    found = run.metrics["rejection"]
    assert (found["rule"], found["wanted"], found["unknown"]) == ("false-accept rate", 0.2, 24)
    assert run.description["head"]["reject_threshold"] == found["threshold"]
    assert found["false_accepts"]["low"] <= 0.2 <= found["false_accepts"]["high"]
    assert sum(run.metrics["curves"]["unknown"]) == 24
    assert run.metrics["cross_validation"] is None
    assert any("left out 1 picture" in said and "in the dataset too" in said for said in listener.warnings)
    assert any("broken.jpg" in said for said in listener.warnings)
    again = edgetl.train(out=tmp_path / "again", config=run.path / "run.toml")
    assert again.metrics["rejection"] == found


def test_with_three_classes_each_plays_the_unknown_one() -> None:
    # Two classes that look alike, and one far from both.
    random = np.random.default_rng(0)
    centres = np.zeros((3, 8))
    centres[0, 0], centres[1, 0], centres[2, 1] = 2.0, 3.5, 9.0
    photos = tuple(
        Photo(Path(f"{n}.jpg"), n % 3, "train" if n < 240 else "val", f"{n:064x}") for n in range(360)
    )
    labels = np.array([photo.label for photo in photos])
    features = (centres[labels] + random.normal(size=(360, 8))).astype(np.float32)
    dataset = Dataset(Path(), ("left", "right", "far"), photos)
    rows = {"train": (features[:240], labels[:240]), "val": (features[240:], labels[240:])}
    head = heads.fit(*rows["train"], held_out=None)
    plain = assessing.assess(dataset, rows, head, TrainConfig("photos"), None, Listener()).rejection
    assert (plain.rule, plain.threshold, plain.unknown) == ("right answers kept", head.reject_threshold, 240)
    assert plain.measured_on is not None
    assert plain.measured_on.startswith("240 photos of 3 classes, each scored by a head solved without")
    strict = TrainConfig("photos", false_accept=0.3)
    asked = assessing.assess(dataset, rows, head, strict, None, Listener()).rejection
    assert (asked.rule, asked.wanted) == ("false-accept rate", 0.3)
    assert asked.threshold > plain.threshold
    assert asked.known_accepted.value < plain.known_accepted.value
    assert asked.false_accepts is not None
    assert plain.false_accepts is not None
    assert asked.false_accepts.value < plain.false_accepts.value


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"false_accept": 0.05}, UsageError, "add --unknown FOLDER"),
        ({"false_accept": 5.0}, UsageError, "false-accept rate of 5 is not offered"),
        ({"unknown": "nowhere"}, DatasetError, "nowhere is no folder"),
        ({"folds": "1"}, UsageError, "folds '1' are not offered: choose auto, none or 2 to 20"),
    ],
)
def test_refuses_before_the_slow_work(
    solar_photos: Path, tmp_path: Path, options: dict[str, object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        edgetl.train(solar_photos, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_refuses_unknown_pictures_that_are_all_known(solar_photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="are in the dataset too: they are not unknown"):
        edgetl.train(solar_photos, out=tmp_path / "run", unknown=str(solar_photos / "train"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="has no pictures"):
        edgetl.train(solar_photos, out=tmp_path / "run", unknown=str(tmp_path / "empty"))


def small_set(few: int) -> tuple[Dataset, dict[str, tuple[Floats, Labels]]]:
    """Sixty photos, of which the second class has but a few, with features that say nothing."""
    photos = tuple(Photo(Path(f"{n}.jpg"), int(n < few), "train", f"{n:064x}") for n in range(40))
    scored = tuple(replace(photo, split="val", sha256=f"f{photo.sha256[1:]}") for photo in photos[few:][:20])
    dataset = Dataset(Path(), ("many", "few"), photos + scored)
    random = np.random.default_rng(0)
    return dataset, {
        split: (
            random.normal(size=(len(dataset.split(split)), 4)).astype(np.float32),
            np.array([photo.label for photo in dataset.split(split)]),
        )
        for split in ("train", "val")
    }


@pytest.mark.parametrize(
    ("few", "options", "why"),
    [
        (2, {}, "few has 2 different photos, and 3 are needed"),
        (8, {"suspects": "downweight"}, "--suspects downweight doubts labels by all train photos"),
    ],
)
def test_what_folds_could_not_repeat_is_not_cross_validated(
    few: int, options: dict[str, str], why: str
) -> None:
    dataset, rows = small_set(few)
    head = heads.fit(*rows["train"], held_out=None)
    for choice, warnings in (("auto", 0), ("5", 1)):
        listener = Listener()
        wanted = TrainConfig("photos", folds=choice, **options)
        found = assessing.assess(dataset, rows, head, wanted, None, listener)
        assert found.cross_validation is None
        assert sum(f"not cross-validated: {why}" in said for said in listener.warnings) == warnings


@pytest.mark.parametrize(
    "options", [{"label_smoothing": 0.2}, {"hidden": 8}, {"class_weights": "balanced"}], ids=str
)
def test_folds_are_solved_as_the_head_is(options: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, rows = small_set(20)
    head, seen, solve = heads.fit(*rows["train"], held_out=None), list[dict[str, object]](), heads.solve

    def heard(*data: object, **given: object) -> heads.Solved:
        seen.append(given)
        return solve(*data, **given)

    monkeypatch.setattr(heads, "solve", heard)
    wanted = TrainConfig("photos", folds="3", **options)
    assert assessing.assess(dataset, rows, head, wanted, None, Listener()).cross_validation is not None
    assert len(seen) == 3
    assert all(options.items() <= given.items() for given in seen)
