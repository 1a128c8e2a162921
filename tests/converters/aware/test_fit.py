"""What int8 is trained on, and what is refused before the slow work."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgetl.cli.main import main
from edgetl.contract import Contract
from edgetl.converters import jobs
from edgetl.converters.aware import fit
from edgetl.converters.subject import Subject
from edgetl.errors import RunError, UsageError
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.run import Run

INT8 = jobs.planned(Path("run"), "tflite", "auto")


def photos(split: str, count: int, folder: Path = Path()) -> tuple[Photo, ...]:
    return tuple(
        Photo(
            folder / f"{split}{number}.png",
            number % 2,
            split,
            hashlib.sha256(f"{split}{number}".encode()).hexdigest(),
        )
        for number in range(count)
    )


def subject(**changes: object) -> Subject:
    whole = Subject(
        name="cells",
        model=Path("model.keras"),
        contract=Contract(32, 32, labels=("a", "b")),
        photos=photos("train", 50),
        scored=photos("test", 20),
        split="test",
        place=Path("cells.edgetl"),
        reject_threshold=None,
        provenance={},
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("precisions", ["float32", "float32,float16,dynamic"])
def test_without_int8_there_is_nothing_to_train(precisions: str) -> None:
    planned = jobs.planned(Path("run"), "tflite", precisions)
    with pytest.raises(UsageError, match="trains int8: choose --precisions auto or int8, or leave it out"):
        fit.check(subject(), planned)


def test_an_onnx_file_cannot_be_trained_and_it_says_what_can() -> None:
    with pytest.raises(UsageError, match=r"of an \.onnx file none can be made: give the Keras model"):
        fit.check(subject(model=Path("own.onnx")), INT8)


@pytest.mark.parametrize("count", [0, 39])
def test_too_few_train_photos_are_counted(count: int) -> None:
    with pytest.raises(
        RunError, match=f"has {count} photos to train on apart from those that score, and needs 40"
    ):
        fit.check(subject(photos=photos("train", count)), INT8)


def test_a_photo_that_is_gone_is_named_with_the_way_out(tmp_path: Path) -> None:
    there = photos("train", 50, tmp_path)
    for photo in there[:-1]:
        photo.path.touch()
    with pytest.raises(RunError, match=r"train49\.png is gone, and --quantize-aware trains on it.*--data"):
        fit.check(subject(photos=there), INT8)
    there[-1].path.touch()
    fit.check(subject(photos=there), INT8)


def test_a_part_of_train_judges_where_val_is_scored() -> None:
    learned, judging = fit._photos(subject(split="val"))
    assert len(learned) == 50
    assert len(judging) == 10
    assert sorted({learned[place].label for place in judging}) == [0, 1]


@pytest.mark.parametrize(("count", "judges"), [(30, "val"), (29, "train")])
def test_val_photos_judge_where_there_are_enough_and_test_is_scored(count: int, judges: str) -> None:
    dataset = Dataset(Path(), ("a", "b"), (*photos("train", 50), *photos("val", count), *photos("test", 20)))
    run = Run(Path(), Contract(32, 32), {}, {}, dataset)
    chosen, judging = fit._photos(subject(run=run))
    assert {chosen[place].split for place in judging} == {judges}
    learning = np.setdiff1d(np.arange(len(chosen)), judging)
    assert {chosen[place].split for place in learning} == {"train"}


def test_the_command_refuses_before_it_decodes_anything(solar_run: Run, tmp_path: Path) -> None:
    shutil.copytree(solar_run.path, tmp_path / "cells", ignore=shutil.ignore_patterns("*.edgetl"))
    (tmp_path / "empty").mkdir()
    words = ["export", str(tmp_path / "cells"), "--quantize-aware", "--data", str(tmp_path / "empty")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "is gone, and --quantize-aware trains on it: give the folder of photos with --data" in done.output
    planned = CliRunner().invoke(main, [*words, "--dry-run"])
    assert planned.exit_code == 3
    assert "it would fail" in planned.output
