"""Pictures without labels: those that would betray a score stay out."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import support

from edgetl.errors import DatasetError
from edgetl.progress import Progress
from edgetl.training import dataset, unlabelled
from edgetl.training.dataset import Dataset, Photo


class Listener(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)

    note = warn


@pytest.fixture
def photos(tmp_path: Path) -> Dataset:
    """Six pictures each of two classes, in train and val."""
    for number in range(12):
        place = tmp_path / "photos" / ("train" if number < 8 else "val") / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        picture = support.encoded(support.scene(20, 20, seed=number), "PNG")
        (place / f"{number}.png").write_bytes(picture)
    return dataset.read(tmp_path / "photos")


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """Three pictures more, one of them twice."""
    folder = tmp_path / "others" / "camera 2"
    folder.mkdir(parents=True)
    for number in (0, 1, 2, 2):
        picture = support.encoded(support.scene(20, 20, seed=100 + number), "PNG")
        (folder / f"{len(list(folder.iterdir()))}.png").write_bytes(picture)
    return folder.parent


def find(
    folder: Path, photos: Dataset, strangers: Sequence[Photo] = ()
) -> tuple[tuple[Photo, ...], list[str]]:
    listener = Listener()
    return unlabelled.some(unlabelled.find(folder, photos, strangers, listener), listener), listener.said


def test_each_picture_counts_once_and_has_no_label(photos: Dataset, others: Path) -> None:
    found, said = find(others, photos)
    assert [photo.label for photo in found] == [-1, -1, -1]
    assert not said


def test_scored_and_labelled_photos_stay_out_and_that_is_said(photos: Dataset, others: Path) -> None:
    for split in ("train", "val"):
        shutil.copy(photos.split(split)[0].path, others / f"{split}.png")
    found, said = find(others, photos)
    assert len(found) == 3
    assert said[0].startswith(f"left out 1 picture of {others}, byte for byte in val or test")
    assert said[1] == f"left out 1 picture of {others}, byte for byte in train with a label"


def test_pictures_that_measure_what_is_unknown_teach_nothing(photos: Dataset, others: Path) -> None:
    strangers = dataset.unlabelled(others)[:1]
    found, said = find(others, photos, strangers)
    assert len(found) == 2
    assert said == [f"left out 1 picture of {others}, among the unknown ones too"]


def test_of_very_many_a_part_is_used(photos: Dataset, others: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabelled, "MOST", 2)
    found, said = find(others, photos)
    assert len(found) == 2
    assert said == ["of 3 unlabelled pictures 2 are used, more add nothing"]


def test_refuses_a_folder_with_nothing_new(photos: Dataset, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="has no pictures"):
        find(tmp_path / "empty", photos)
    with pytest.raises(DatasetError, match="is no folder: give one of unlabelled pictures"):
        find(tmp_path / "nowhere", photos)
    with pytest.raises(
        DatasetError, match=r"no pictures but those of the dataset and the unknown ones \(12 pictures\)"
    ):
        find(tmp_path / "photos", photos)


def test_a_copy_in_the_folder_of_a_class_is_the_one_that_counts(photos: Dataset, others: Path) -> None:
    (others / "a").mkdir()
    shutil.copy(others / "camera 2" / "0.png", others / "a" / "z.png")
    found, _ = find(others, photos)
    labels = [unlabelled.label_of(photo, others, photos) for photo in found]
    assert sorted(labels, key=str) == [0, None, None]
