"""``edgetl train --teacher`` on real photos, from the options to the report."""

import shutil
from pathlib import Path

import pytest
import support

import edgetl
from edgetl.progress import Progress
from edgetl.training import config
from edgetl.training.run import Run


class Listener(Progress):
    """Keeps what a training says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)

    note = warn


@pytest.fixture(scope="module")
def folders(solar_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Half of the train photos with their labels, and the other half without, among a file that is none."""
    place = tmp_path_factory.mktemp("taught")
    labelled, others = Path(shutil.copytree(solar_photos, place / "photos")), place / "others"
    others.mkdir()
    for label in (labelled / "train").iterdir():
        for path in sorted(label.iterdir())[::2]:
            path.rename(others / f"{label.name}-{path.name}")
    (others / "broken.png").write_bytes(support.encoded(support.scene(9, 9), "PNG")[:60])
    return labelled, others


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def taught(
    solar_run: Run, folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory, listener: Listener
) -> Run:
    """Its teacher is the student's own backbone, since that one is in the cache already."""
    return edgetl.train(
        folders[0],
        out=tmp_path_factory.mktemp("runs") / "cells",
        teacher="efficientnet_lite0",
        unlabelled=str(folders[1]),
        progress=listener,
    )


def test_the_run_says_who_taught_and_what_that_gained(taught: Run) -> None:
    told = taught.description["distillation"]
    assert told["teacher"] == "efficientnet_lite0, 224 px"
    assert told["unlabelled"] == 40
    assert told["photos"] == 40
    assert told["judged_on"] == "40 train photos in 5 folds"
    assert told["adopted"] == (told["p_loss"] < 0.05 and told["accuracy_with"] >= told["accuracy_without"])
    # The same backbone, solved on the same photos: the teacher is the head without a teacher.
    right = told["teacher_accuracy"] * 60
    assert right == pytest.approx(round(right))
    page = (taught.path / "report.html").read_text()
    assert "What the teacher taught" in page
    assert told["why"] in page


def test_it_says_so_too_while_it_trains(taught: Run, folders: tuple[Path, Path], listener: Listener) -> None:
    said = "\n".join(listener.said)
    assert "one that is no larger seldom has anything to teach" in said
    assert f"skipped: {folders[1] / 'broken.png'}" in said
    assert f"adopted, {taught.description['distillation']['why']}" in said


def test_run_toml_names_teacher_and_pictures(taught: Run, folders: tuple[Path, Path]) -> None:
    options = config.read_config(taught.path / "run.toml")
    assert options["teacher"] == "efficientnet_lite0"
    assert options["unlabelled"] == str(folders[1])


def test_a_class_of_few_photos_is_not_tried_and_says_why(
    solar_run: Run, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(folders[0], tmp_path / "photos"))
    for path in sorted((photos / "train" / "defective").iterdir())[3:]:
        path.unlink()
    run = edgetl.train(photos, out=tmp_path / "run", teacher="efficientnet_lite0", folds="none")
    told = run.description["distillation"]
    assert told == {
        "teacher": "efficientnet_lite0, 224 px",
        "adopted": False,
        "why": "not tried: defective has 3 different train photos, and 4 are needed",
    }
    assert "not tried: defective has 3" in (run.path / "report.html").read_text()
