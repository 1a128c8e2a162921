"""Which photos calibrate and which score; what is refused before a model is opened."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from edgetl import isolated
from edgetl.contract import Contract
from edgetl.converters import subject
from edgetl.converters.adoption.adopt import Adopted
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.subject import Subject
from edgetl.errors import DatasetError, RunError, UsageError
from edgetl.progress import SILENT
from edgetl.training.dataset import Photo
from edgetl.training.run import Run

CONTRACT = Contract(32, 32, labels=("ant", "bee"))
WORD = Adopted(
    model=Path("convention.keras"),
    kind="keras",
    contract=CONTRACT,
    classes=2,
    input_found="float32 (1, 32, 32, 3), NHWC",
    notes=("mind",),
    source_sha256="0" * 64,
    embedding_available=True,
)


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Adoption is tested elsewhere; here it is only asked. What it was asked for."""
    asked: list[tuple[object, ...]] = []

    def call(target: str, *arguments: object, doing: str) -> Adopted:
        asked.append(arguments)
        return WORD

    monkeypatch.setattr(isolated, "call", call)
    return asked


def write_photos(folder: Path, counts: dict[str, int], *, first: int = 0) -> None:
    """Different pictures, so many in each folder."""
    number = first
    for place, count in counts.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            picture = support.scene(16, 16, seed=number)
            (folder / place / f"{number:03}.png").write_bytes(support.encoded(picture, "PNG"))
            number += 1


def opened(model: Path, data: Path | None, options: ModelOptions | None = None) -> Subject:
    return subject.of_model(model, data, options, model.parent, SILENT)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "insects.v2.keras"
    file.touch()
    return file


def test_photos_without_splits_part_one_to_two_whatever_they_are_called(model: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"ant": 15, "bee": 15})
    first = opened(model, tmp_path / "photos")
    assert (len(first.photos), len(first.scored), first.split) == (10, 20, "test")
    for path in sorted((tmp_path / "photos").rglob("*.png")):
        path.rename(path.with_name(f"renamed{path.name[::-1][4:]}.png"))
    again = opened(model, tmp_path / "photos")
    assert [photo.sha256 for photo in again.photos] == [photo.sha256 for photo in first.photos]
    assert {p.sha256 for p in first.photos}.isdisjoint(p.sha256 for p in first.scored)


def test_photos_with_splits_calibrate_on_train_and_score_on_the_rest(model: Path, tmp_path: Path) -> None:
    folders = {"train/ant": 3, "train/bee": 4, "valid/ant": 2, "valid/bee": 1, "test/ant": 1, "test/bee": 2}
    write_photos(tmp_path / "photos", folders)
    found = opened(model, tmp_path / "photos")
    assert {photo.split for photo in found.photos} == {"train"}
    assert Counter(photo.split for photo in found.scored) == {"val": 3, "test": 3}
    assert Counter(photo.label for photo in found.photos) == {0: 3, 1: 4}


def test_a_photo_that_scores_never_calibrates_under_another_name(model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photos(photos, {"train/ant": 4, "train/bee": 4, "test/ant": 2, "test/bee": 2})
    copied = min((photos / "test" / "ant").iterdir())
    shutil.copy(copied, photos / "train" / "ant" / "copy.png")
    found = opened(model, photos)
    assert len(found.photos) == 8
    assert "copy.png" not in {photo.path.name for photo in found.photos}
    assert copied.name in {photo.path.name for photo in found.scored}


def test_copies_are_on_one_side_without_splits_too(model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photos(photos, {"ant": 1, "bee": 1})
    for source in sorted(photos.rglob("*.png")):
        for number in range(9):
            shutil.copy(source, source.with_name(f"copy{number}.png"))
    found = opened(model, photos)
    assert {p.sha256 for p in found.photos}.isdisjoint(p.sha256 for p in found.scored)
    assert len(found.scored) >= 13


def test_train_alone_leaves_nothing_to_score(model: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"train/ant": 4, "train/bee": 4})
    with pytest.raises(DatasetError, match="has no val and no test photos to score the model on"):
        opened(model, tmp_path / "photos")


def test_a_split_for_some_photos_only_is_refused(model: Path, tmp_path: Path) -> None:
    write_photos(tmp_path, {"ant": 2, "bee": 2})
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    splits = ["train", "test", "train", ""]
    rows = [f"{name},{name[:3]},{split}" for name, split in zip(names, splits, strict=True)]
    table = tmp_path / "photos.csv"
    table.write_text("\n".join(["path,label,split", *rows]))
    with pytest.raises(DatasetError, match="gives a split for some photos only"):
        opened(model, table)


def test_an_unknown_label_is_named_with_its_photo_and_the_way_out(model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photos(photos, {"ant": 1, "wasp": 1})
    with pytest.raises(DatasetError) as caught:
        opened(model, photos, ModelOptions(labels=("ant", "bee")))
    assert str(caught.value) == (
        f"{photos / 'wasp' / '001.png'} has the label 'wasp', which the model's labels do not have: rename "
        f"its folder in {photos}, or give the model's labels with --labels"
    )


def test_labels_that_are_given_number_the_photos_in_their_order(
    model: Path, tmp_path: Path, no_child: list[tuple[object, ...]]
) -> None:
    write_photos(tmp_path / "photos", {"ant": 3, "bee": 6})
    labels = ("wasp", "bee", "ant")
    found = opened(model, tmp_path / "photos", ModelOptions(labels=labels))
    everyone = [*found.photos, *found.scored]
    assert all(labels[photo.label] == photo.path.parent.name for photo in everyone)
    assert no_child[0][2] == labels


def test_without_labels_the_folders_name_the_classes(
    model: Path, tmp_path: Path, no_child: list[tuple[object, ...]]
) -> None:
    write_photos(tmp_path / "photos", {"bee": 3, "ant": 3})
    opened(model, tmp_path / "photos")
    assert no_child[0][2] == ("ant", "bee")


def test_a_model_without_photos_is_told_how_to_give_them(model: Path) -> None:
    with pytest.raises(UsageError, match="needs photos to calibrate and to score it: add --data PHOTOS"):
        opened(model, None)


def test_a_file_that_is_no_model_is_refused_before_the_photos_are_read(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").touch()
    with pytest.raises(UsageError, match="is already converted"):
        opened(tmp_path / "model.tflite", tmp_path / "no photos here")


def test_what_is_known_of_the_model_is_kept(model: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"ant": 3, "bee": 3})
    found = opened(model, tmp_path / "photos")
    assert found.name == "insects.v2"
    assert found.place == tmp_path / "insects.v2.edgetl"
    assert (found.model, found.contract, found.notes) == (WORD.model, CONTRACT, ("mind",))
    assert found.reject_threshold is None
    assert found.provenance["model"]["file"] == "insects.v2.keras"
    assert found.provenance["model"]["sha256"] == "0" * 64


def test_a_saved_model_keeps_the_whole_name_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "birds.v2"
    folder.mkdir()
    (folder / "saved_model.pb").touch()
    write_photos(tmp_path / "photos", {"ant": 3, "bee": 3})
    assert opened(folder, tmp_path / "photos").place == tmp_path / "birds.v2.edgetl"


def made(photos: list[Photo]) -> Subject:
    return Subject(
        "insects", Path("m.keras"), CONTRACT, tuple(photos), (), "test", Path("m.edgetl"), None, {}
    )


def photo(number: int, label: int) -> Photo:
    return Photo(Path(f"{number}.jpg"), label, "train", f"{number:064x}")


@given(st.integers(4, 60), st.integers(4, 60), st.integers(8, 100))
def test_calibration_photos_come_evenly_from_the_classes(ants: int, bees: int, count: int) -> None:
    photos = [photo(number, int(number >= ants)) for number in range(ants + bees)]
    chosen = made(photos).calibrating(count)
    assert len(chosen) == min(count, ants + bees) == len(set(chosen))
    taken = Counter(item.label for item in chosen)
    for label, there in ((0, ants), (1, bees)):
        assert taken[label] == there or taken[label] >= count // 2


def test_asking_for_too_few_calibration_photos_is_wrong_use() -> None:
    with pytest.raises(UsageError) as caught:
        made([photo(number, number % 2) for number in range(30)]).calibrating(7)
    assert str(caught.value) == (
        "--calibration-images 7 is too few to show the range of an activation: give 8 or more"
    )


def test_having_too_few_calibration_photos_tells_the_ways_out() -> None:
    with pytest.raises(RunError) as caught:
        made([photo(number, number % 2) for number in range(7)]).calibrating(100)
    assert str(caught.value) == (
        "only 7 photos are left to calibrate on, apart from those that score: int8 needs 8 or more; give "
        "more photos with --data, or choose --precisions float32,float16"
    )


def test_copies_of_one_photo_do_not_count_as_many() -> None:
    with pytest.raises(RunError, match="only 2 photos are left"):
        made(
            [replace(photo(number % 2, number % 2), path=Path(f"{number}")) for number in range(40)]
        ).calibrating(20)


def test_one_class_cannot_calibrate() -> None:
    with pytest.raises(RunError, match="are of the class 'bee': int8 needs photos of every class"):
        made([photo(number, 1) for number in range(30)]).calibrating(20)


def test_a_folder_is_a_run_unless_it_is_a_savedmodel_and_so_is_a_path_to_nothing(
    tmp_path: Path, model: Path
) -> None:
    assert not subject.is_run(model)
    assert subject.is_run(tmp_path)
    assert subject.is_run(tmp_path / "nothing")
    (tmp_path / "saved_model.pb").touch()
    assert not subject.is_run(tmp_path)


def test_a_run_brings_its_photos_its_place_and_its_history(solar_run: Run) -> None:
    found = subject.of_run(solar_run.path, None, ModelOptions())
    assert (len(found.photos), len(found.scored), found.split) == (80, 60, "test")
    assert found.place == solar_run.path / "cells.edgetl"
    assert found.contract.labels == ("defective", "functional")
    assert found.provenance["backbone"]["name"] == "efficientnet_lite0"
    assert found.run is not None
    assert {p.sha256 for p in found.photos}.isdisjoint(p.sha256 for p in found.scored)


@pytest.mark.parametrize("options", [ModelOptions(size=(64, 64)), ModelOptions(outputs="logits")])
def test_options_of_a_users_model_are_refused_for_a_run(tmp_path: Path, options: ModelOptions) -> None:
    with pytest.raises(UsageError) as caught:
        subject.of_run(tmp_path / "cells", None, options)
    assert str(caught.value) == (
        f"{tmp_path / 'cells'} is a run: a run knows its own size, labels and normalisation: these flags "
        "are for a model of your own"
    )
