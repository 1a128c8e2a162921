"""A folder of pictures is explored: groups, suggested labels, what to label first; and what is refused."""

import csv
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
import support

import edgetl
from edgetl.converters.export import Exported
from edgetl.errors import DatasetError, RunError, UsageError
from edgetl.progress import Progress
from edgetl.training import dataset, listing
from edgetl.training.exploring.found import Exploration
from edgetl.training.run import Run


class Heard(Progress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def insects(hymenoptera: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 ants and 24 bees beside each other, one of them twice, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("insects") / "pictures"
    folder.mkdir()
    for label in ("ants", "bees"):
        for place in sorted((hymenoptera / "val" / label).iterdir())[:24]:
            shutil.copy(place, folder / f"{label}-{place.name}")
    shutil.copy(min(folder.iterdir()), folder / "zz-copy.jpg")
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


@pytest.fixture(scope="module")
def explored(insects: Path) -> Exploration:
    place = insects.parent
    return edgetl.explore(insects, out=place / "page.html", labels=place / "labels.csv", first=10)


def kind(path: Path) -> str:
    return path.name.split("-")[0]


def test_ants_and_bees_are_told_apart_without_a_label(explored: Exploration) -> None:
    right = 0
    for group in explored.groups:
        names = [kind(picture.path) for picture in explored.pictures if picture.group == group.number]
        right += names.count(kind(group.typical[0]))
    assert len(explored.pictures) == 48
    assert right >= 43


def test_copies_and_damaged_files_are_told(explored: Exploration, insects: Path) -> None:
    assert list(explored.unreadable) == [insects / "damaged.jpg"]
    assert [picture.copies for picture in explored.pictures if picture.copies] == [(insects / "zz-copy.jpg",)]
    assert explored.files == 49


def test_the_csv_file_is_one_that_training_takes(explored: Exploration, insects: Path) -> None:
    place = insects.parent / "labels.csv"
    rows = list(csv.DictReader(place.read_text("utf-8").splitlines()))
    ranks = list(dict.fromkeys(row["first"] for row in rows))  # a copy has the rank of its picture
    assert ranks[:10] == [str(rank) for rank in range(1, 11)]
    assert rows[0]["path"].startswith("pictures/")
    read = dataset.read(place)
    assert Counter(read.labels[photo.label] for photo in read.photos) == Counter(row["label"] for row in rows)
    assert len(read.photos) == explored.files


def test_what_was_corrected_is_not_overwritten(explored: Exploration, insects: Path) -> None:
    place = insects.parent / "labels.csv"
    with pytest.raises(UsageError, match=r"labels\.csv exists, and may have been corrected"):
        edgetl.explore(insects, labels=place)


def test_the_same_again_is_the_same(explored: Exploration, insects: Path) -> None:
    again = edgetl.explore(insects, first=10)
    assert again.pictures == explored.pictures


def test_the_page_shows_pictures_and_loads_nothing(explored: Exploration, insects: Path) -> None:
    page = (insects.parent / "page.html").read_text("utf-8")
    assert page.count('class="tile hue-') == len(explored.pictures)
    assert page.count("data:image/jpeg") == 1
    assert "<script" not in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")


def test_a_run_names_what_it_knows_and_leaves_its_own_photos_out(
    solar_run: Run, solar_photos: Path, insects: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(insects, folder / "insects")
    shutil.copytree(solar_photos / "test", folder / "cells")
    cells = sorted((folder / "cells").rglob("*.png"))
    # Cells that the run has not seen: the same with one row of pixels less.
    for number, place in enumerate(cells):
        with support.Image.open(place) as image:
            image.crop((0, 1, *image.size)).save(folder / f"cell-{number}.png")
    heard = Heard()
    found = edgetl.explore(folder, run=solar_run.path, progress=heard)
    assert len(found.known) == len(cells)
    assert f"left out {len(cells)} pictures, in the dataset of" in heard.warnings[0]
    labels = {picture.path.name.split("-")[0]: set[str]() for picture in found.pictures}
    for picture in found.pictures:
        labels[picture.path.name.split("-")[0]].add(picture.label)
    assert labels["cell"] == {"defective", "functional"}
    assert all(label.startswith("new-") for kind in ("ants", "bees") for label in labels[kind])
    assert found.model == solar_run.name
    assert all(picture.score is not None for picture in found.pictures)


def test_a_bundle_suggests_labels_by_its_own_model(
    solar_export: Exported, solar_run: Run, solar_photos: Path
) -> None:
    found = edgetl.explore(solar_photos / "test", run=solar_export.bundle.path)
    assert found.backbone == "efficientnet_lite0, 224 pixels"
    right = [picture.label == picture.path.parent.name for picture in found.pictures]
    # At least as the run answers them, less what rounding and the groups of unknown ones change.
    assert sum(right) / len(right) > solar_run.accuracy.value - 0.1


def test_two_pictures_are_one_group(tmp_path: Path) -> None:
    for seed in range(2):
        (tmp_path / f"{seed}.jpg").write_bytes(support.encoded(support.scene(seed=seed)))
    found = edgetl.explore(tmp_path, out=tmp_path / "page.html", labels=tmp_path / "labels.csv")
    assert [group.pictures for group in found.groups] == [2]
    assert [picture.first for picture in found.pictures] == [1, 2]


def test_links_names_that_are_no_utf8_and_one_damaged_file_are_told_once(tmp_path: Path) -> None:
    name, folder = os.fsdecode(b"caf\xe9.jpg"), tmp_path / "seen"
    folder.mkdir()
    for seed, place in enumerate(("0.jpg", "1.jpg", name)):
        (folder / place).write_bytes(support.encoded(support.scene(seed=seed)))
    (folder / "link.jpg").symlink_to("0.jpg")
    (folder / "bad.jpg").write_bytes(b"no picture")
    heard, labels = Heard(), tmp_path / "labels.csv"
    edgetl.explore(folder, out=tmp_path / "page.html", labels=labels, progress=heard)
    assert heard.warnings[0].startswith(f"1 file cannot be read and is left out; {folder / 'bad.jpg'} is no ")
    lines = sorted(line.split(b",")[0] for line in labels.read_bytes().splitlines()[1:])
    assert lines == [b"seen/0.jpg", b"seen/1.jpg", b"seen/caf\xe9.jpg"]
    assert {photo.path for photo in dataset.assemble(listing.read(labels)).photos} == {
        folder / "0.jpg",
        folder / "1.jpg",
        folder / name,
    }


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (0, "has no pictures"),
        (1, "has one picture only to group: give a folder of 20 or more"),
    ],
)
def test_too_few_pictures_are_refused(pictures: int, message: str, tmp_path: Path) -> None:
    for seed in range(pictures):
        (tmp_path / f"{seed}.jpg").write_bytes(support.encoded(support.scene(seed=seed)))
    with pytest.raises(DatasetError, match=message):
        edgetl.explore(tmp_path)


def test_pictures_that_all_are_damaged_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(b"no picture %d" % number)
    with pytest.raises(DatasetError, match=r"has no pictures to group \(3 cannot be read\)"):
        edgetl.explore(tmp_path)


def test_a_folder_of_the_runs_own_photos_is_refused(solar_run: Run, solar_photos: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no pictures to group \(60 are in the run's dataset\)"):
        edgetl.explore(solar_photos / "test", run=solar_run.path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"backbone": "mobilenet_v2"},
            "answers by features of efficientnet_lite0 at 224 pixels, not of mobi",
        ),
        ({"size": 160}, "answers by features of efficientnet_lite0 at 224 pixels, not of 160"),
        ({"groups": 1}, "1 groups are not offered"),
        ({"first": 0}, "0 pictures to label first are not offered"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_the_work(
    options: dict[str, object], message: str, solar_run: Run, insects: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        edgetl.explore(insects, run=solar_run.path, **options)  # type: ignore[arg-type]


def test_what_is_no_folder_and_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere does not exist: give a folder of pictures"):
        edgetl.explore(tmp_path / "nowhere")
    with pytest.raises(RunError, match="is neither a run nor a bundle"):
        edgetl.explore(tmp_path, run=tmp_path)
