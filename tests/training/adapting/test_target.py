"""What ``--unlabelled`` names: pictures without a label, a few with one, none of the dataset's own."""

from pathlib import Path

import pytest
import support

from edgetl.errors import DatasetError
from edgetl.progress import SILENT
from edgetl.training import dataset
from edgetl.training.adapting import target
from edgetl.training.dataset import Dataset


@pytest.fixture
def photos(tmp_path: Path) -> Dataset:
    number = 0
    for split, count in (("train", 3), ("test", 2)):
        for label in ("ants", "bees"):
            for _ in range(count):
                write(tmp_path / "data" / split / label / f"{number}.jpg", number)
                number += 1
    return dataset.read(tmp_path / "data")


def write(place: Path, seed: int) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(support.encoded(support.scene(seed=seed)))


def test_subfolders_called_as_a_class_are_labelled_and_all_else_is_not(
    photos: Dataset, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    for number, name in enumerate(("a.jpg", "monday/b.jpg", "bees/c.jpg", "bees/deeper/d.jpg", "ants.jpg")):
        write(there / name, 100 + number)
    found = target.read(there, photos, (), SILENT)
    assert sorted(photo.path.name for photo in found.pictures) == ["a.jpg", "ants.jpg", "b.jpg"]
    assert sorted((photo.path.name, photo.label) for photo in found.labelled) == [("c.jpg", 1), ("d.jpg", 1)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "has no pictures"),
        (
            ("bees/a.jpg",),
            "has 1 picture in folders called as classes are and none without a label",
        ),
    ],
)
def test_a_folder_without_unlabelled_pictures_is_refused(
    names: tuple[str, ...], message: str, photos: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    for number, name in enumerate(names):
        write(tmp_path / "there" / name, 100 + number)
    with pytest.raises(DatasetError, match=message):
        target.read(tmp_path / "there", photos, (), SILENT)
