"""Who may teach: refused or warned of before the slow work."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import edgetl
from edgetl.errors import RunError, UsageError
from edgetl.training import dataset, prepare
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset
from edgetl.training.distilling import teachers
from edgetl.training.run import Run


@pytest.fixture(scope="module")
def photos(solar_photos: Path) -> Dataset:
    return dataset.read(solar_photos)


def edited(run: Run, place: Path, **changes: Any) -> Path:
    """A copy of a run whose description says something else."""
    folder = Path(shutil.copytree(run.path, place))
    told = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(told | changes))
    return folder


def resolve(teacher: str, photos: Dataset, **options: Any) -> teachers.Teacher:
    return teachers.resolve(TrainConfig(data="", teacher=teacher, **options), photos)


def test_auto_is_the_largest_backbone_at_hand(photos: Dataset) -> None:
    assert resolve("auto", photos).name == "efficientnet_lite2, 260 px"


def test_a_backbone_may_have_another_size_and_looks_where_the_student_looks(photos: Dataset) -> None:
    teacher = resolve("efficientnet_lite1@320", photos, crop=0.9)
    assert teacher.name == "efficientnet_lite1, 320 px"
    assert teacher.choice.contract.crop_fraction == 0.9


def test_heads_of_a_run_that_saw_these_photos_are_solved_anew(solar_run: Run, photos: Dataset) -> None:
    teacher = resolve(str(solar_run.path), photos)
    assert teacher.head is None
    assert teacher.learned == frozenset()
    assert teacher.name == "run cells (efficientnet_lite0, 224 px)"


def test_a_run_of_other_photos_answers_with_its_own_head(
    solar_run: Run, photos: Dataset, tmp_path: Path
) -> None:
    folder = edited(solar_run, tmp_path / "other")
    first, *lines = (folder / "splits.csv").read_text().splitlines()
    digests = [line.rsplit(",", 1) for line in lines]
    turned = [f"{start},{digest[::-1]}" for start, digest in digests]
    (folder / "splits.csv").write_text("\n".join([first, *turned]))
    teacher = resolve(str(folder), photos)
    assert teacher.head is not None
    features = {"last": 1280, "blocks": 1664}[teacher.layers]
    assert teacher.head.kernel.shape == (features, 2)


@pytest.mark.parametrize(
    ("teacher", "kind", "message"),
    [
        ("efficientnet_lite9", UsageError, "is neither the folder of a run nor a backbone: .* did you mean"),
        ("efficientnet_lite2@large", UsageError, "has no size that is one: write efficientnet_lite2@320"),
        ("efficientnet_lite2@9999", UsageError, "size 9999 is not offered"),
        ("runs/nowhere", RunError, "runs/nowhere does not exist"),
    ],
)
def test_refuses_a_teacher_that_is_none(
    photos: Dataset, teacher: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        resolve(teacher, photos)


def test_refuses_a_run_of_other_labels(solar_run: Run, photos: Dataset, tmp_path: Path) -> None:
    other = Dataset(photos.root, ("cracked", "functional"), photos.photos)
    with pytest.raises(UsageError, match="cannot teach cracked: it knows defective, functional"):
        resolve(str(solar_run.path), other)


def test_refuses_a_fine_tuned_run_that_knows_the_photos_by_heart(
    solar_run: Run, photos: Dataset, tmp_path: Path
) -> None:
    folder = str(edited(solar_run, tmp_path / "tuned", fine_tuning={"adopted": True}))
    with pytest.raises(UsageError, match="its answers to them are their labels once more: add --unlabelled"):
        resolve(folder, photos)
    with pytest.raises(UsageError, match="there are none beside the scored ones to tell by"):
        resolve(folder, photos, unlabelled="somewhere")


def test_refuses_a_fine_tuned_run_that_has_learned_scored_photos(
    solar_run: Run, photos: Dataset, tmp_path: Path
) -> None:
    folder = edited(solar_run, tmp_path / "tuned", fine_tuning={"adopted": True})
    swapped = (folder / "splits.csv").read_text().replace(",test,", ",train,")
    (folder / "splits.csv").write_text(swapped)
    with pytest.raises(UsageError, match="has learned 60 of the val and test photos"):
        resolve(str(folder), photos)


def test_a_teacher_that_is_no_larger_is_advised_against(photos: Dataset) -> None:
    student = prepare.choose("efficientnet_lite2", size=None, width=1.0, weights_file=None)
    advice = teachers.advice(resolve("efficientnet_lite0", photos), student)
    assert advice is not None
    assert "one that is no larger seldom has anything to teach" in advice
    assert teachers.advice(resolve("efficientnet_lite2@320", photos), student) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"teacher": "auto", "hidden": 32}, "choose --hidden or --teacher, not both"),
        ({"teacher": "auto", "suspects": "downweight"}, "neither knows of the other"),
        ({"teacher": "efficientnet_lite9"}, "neither the folder of a run nor a backbone"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    solar_photos: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        edgetl.train(solar_photos, out=tmp_path / "run", **options)
