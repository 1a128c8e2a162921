"""Three layouts become one dataset, and what cannot be trained on is refused in a sentence."""

import random
import shutil
from pathlib import Path

import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from edgetl.errors import DatasetError
from edgetl.training import dataset as datasets


def fill(folder: Path, count: int, *, start: int = 0, suffix: str = ".jpg") -> None:
    """Different pictures, so that each has a hash of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        (folder / f"{number:03}{suffix}").write_bytes(support.encoded(support.scene(32, 32, seed=number)))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    fill(tmp_path / "photos" / "rose", 20)
    fill(tmp_path / "photos" / "tulip", 10, start=100)
    return tmp_path / "photos"


def test_reads_a_folder_per_class_and_splits_it_by_content(photos: Path) -> None:
    found = datasets.read(photos)
    assert found.labels == ("rose", "tulip")
    counts = {split: len(found.split(split)) for split in datasets.SPLITS}
    assert counts == {"train": 20, "val": 5, "test": 5}
    assert found.scored_split == "test"
    for split in datasets.SPLITS:
        assert {photo.label for photo in found.split(split)} == {0, 1}


def test_the_split_depends_on_the_content_alone(photos: Path, tmp_path: Path) -> None:
    before = {photo.sha256: photo.split for photo in datasets.read(photos).photos}
    moved = tmp_path / "elsewhere"
    shutil.copytree(photos, moved)
    names = sorted((moved / "rose").iterdir())
    for number, path in enumerate(random.Random(1).sample(names, len(names))):
        path.rename(path.with_name(f"renamed-{number}.JPG"))
    found = datasets.read(moved)
    assert {photo.sha256: photo.split for photo in found.photos} == before
    assert found.fingerprint == datasets.read(photos).fingerprint


def test_copies_of_a_photo_share_a_split(photos: Path) -> None:
    for path in sorted((photos / "rose").iterdir()):
        shutil.copy(path, path.with_name(f"copy-{path.name}"))
    found = datasets.read(photos)
    assert found.leaks() == ()


@pytest.mark.parametrize(
    "names", [("train", "validation", "test"), ("Training", "dev", "Testing"), ("training", "eval", "test")]
)
def test_takes_the_splits_that_are_given(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for split, start in zip(names, (0, 50, 90), strict=True):
        fill(tmp_path / split / "ants", 4, start=start)
        fill(tmp_path / split / "bees", 4, start=start + 20)
    found = datasets.read(tmp_path)
    assert [len(found.split(split)) for split in datasets.SPLITS] == [8, 8, 8]


def test_scores_on_val_where_there_is_no_test(hymenoptera: Path) -> None:
    found = datasets.read(hymenoptera)
    assert found.scored_split == "val"
    assert (len(found.split("train")), len(found.split("val"))) == (245, 153)


def test_counts_photos_that_stand_in_train_and_val(tmp_path: Path) -> None:
    for label, start in (("ants", 0), ("bees", 20)):
        fill(tmp_path / "train" / label, 5, start=start)
        fill(tmp_path / "val" / label, 3, start=start + 3)
    assert len(datasets.read(tmp_path).leaks()) == 4


def test_reads_a_csv_with_and_without_splits(photos: Path, tmp_path: Path) -> None:
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in sorted(photos.rglob("*.jpg"))]
    file = tmp_path / "photos.csv"
    file.write_text("path,label\n" + "\n".join(rows) + "\n")
    assert datasets.read(file).fingerprint == datasets.read(photos).fingerprint
    splits = ["train", "val"] * (len(rows) // 2)
    lines = [f"{row},{split}" for row, split in zip(rows, splits, strict=True)]
    file.write_text("path,label,split\n" + "\n".join(lines) + "\n")
    assert len(datasets.read(file).split("val")) == 15


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".BMP", ".webp", ".gif", ".tif", ".TIFF"])
def test_takes_every_suffix_in_upper_and_lower_case(tmp_path: Path, suffix: str) -> None:
    fill(tmp_path / "a", 5, suffix=suffix)
    fill(tmp_path / "b", 5, start=10, suffix=suffix)
    assert len(datasets.read(tmp_path).photos) == 10


def test_passes_over_hidden_files_and_files_that_are_no_pictures(photos: Path) -> None:
    (photos / "rose" / ".hidden.jpg").write_bytes(b"x")
    (photos / "rose" / "notes.txt").write_text("x")
    (photos / ".thumbnails").mkdir()
    assert len(datasets.read(photos).photos) == 30


def refusal(data: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        datasets.read(data)
    return str(caught.value)


def test_refuses_what_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing") == (
        f"{tmp_path / 'nothing'} does not exist: give a folder of photos or a CSV file"
    )


def test_refuses_an_empty_folder(tmp_path: Path) -> None:
    assert "needs one folder of photos per class, and it has none" in refusal(tmp_path)


def test_refuses_photos_without_class_folders(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    assert "its 3 pictures lie beside each other" in refusal(tmp_path)


def test_refuses_a_class_without_pictures_by_name(photos: Path) -> None:
    (photos / "violet").mkdir()
    assert f"{photos / 'violet'} has no pictures" in refusal(photos)


def test_refuses_one_class_only(tmp_path: Path) -> None:
    fill(tmp_path / "rose", 9)
    assert "has only one class, 'rose'" in refusal(tmp_path)


def test_refuses_too_few_photos_to_split_by_name(photos: Path) -> None:
    fill(photos / "violet", 4, start=300)
    assert "a class needs 5 different photos" in refusal(photos)
    assert refusal(photos).endswith("too few of: violet")


def test_refuses_a_label_that_train_does_not_have(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "ants", 4)
    fill(tmp_path / "train" / "bees", 4, start=10)
    fill(tmp_path / "val" / "wasps", 2, start=20)
    assert "the label 'wasps', which train does not have: it has ants, bees" in refusal(tmp_path)


def test_refuses_a_label_of_a_csv_that_train_does_not_have(photos: Path, tmp_path: Path) -> None:
    rows = [f"{path},{path.parent.name},train" for path in sorted(photos.rglob("*.jpg"))]
    odd = min((photos / "rose").iterdir())
    file = tmp_path / "photos.csv"
    file.write_text("\n".join(["path,label,split", *rows, f"{odd},wasps,val"]))
    assert refusal(file) == (
        f"{odd} is a val photo with the label 'wasps', which train does not have: it has rose, tulip"
    )


@pytest.mark.parametrize("other", ["Rose", "rose ", "ｒｏｓｅ", "ro\u017fe"])
def test_refuses_labels_that_only_look_different(photos: Path, other: str) -> None:
    fill(photos / other, 9, start=400)
    names = " and ".join(map(repr, sorted(["rose", other])))
    assert refusal(photos) == (
        f"{photos} has the labels {names}, which differ only in case, spaces or Unicode form: give them "
        "one name, or two that differ"
    )


def test_takes_single_letters_in_upper_and_lower_case(tmp_path: Path) -> None:
    for number, letter in enumerate("aAbB"):
        fill(tmp_path / letter, 5, start=10 * number)
    assert datasets.read(tmp_path).labels == ("A", "B", "a", "b")


def test_refuses_a_label_that_is_no_text_on_one_line(photos: Path) -> None:
    fill(photos / "ro\nse", 9, start=400)
    assert r"has the label 'ro\nse': a label is text on one line; rename it" in refusal(photos)


def test_refuses_splits_that_lie_beside_something_else(tmp_path: Path) -> None:
    for split, start in (("train", 0), ("val", 50), ("annotations", 90)):
        fill(tmp_path / split / "ants", 4, start=start)
        fill(tmp_path / split / "bees", 4, start=start + 20)
    assert refusal(tmp_path) == (
        f"{tmp_path} has annotations beside train, val: photos belong into the splits, and "
        "anything else elsewhere"
    )


@pytest.mark.parametrize("name", ["train", "training", "dev"])
def test_a_class_may_be_called_as_a_split_is(tmp_path: Path, name: str) -> None:
    fill(tmp_path / name, 9)
    fill(tmp_path / "bus", 9, start=20)
    assert datasets.read(tmp_path).labels == tuple(sorted(("bus", name)))


def test_refuses_labels_before_it_reads_any_file(tmp_path: Path) -> None:
    for label in ("cat", "Cat"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.jpg").symlink_to("/proc/self/mem")  # nobody can read this
    assert "'Cat' and 'cat'" in refusal(tmp_path)


def test_refuses_a_csv_line_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / "photos.csv"
    file.write_text("path,label,split\nmissing.jpg,rose,train\n")
    assert f"{file}, line 2 names {tmp_path / 'missing.jpg'}, which is not there" == refusal(file)
    (tmp_path / "a.jpg").write_bytes(b"x")
    file.write_text("path,label,split\na.jpg,rose,holdout\n")
    assert "has the split 'holdout': choose train, val or test" in refusal(file)
    file.write_text("file,class\n")
    assert "needs a first line with the columns path,label" in refusal(file)


@pytest.mark.parametrize("line", ["a.jpg,fl\xfcgge", "fl\xfcgge.jpg,bee"])
def test_refuses_a_csv_that_is_not_in_utf8_by_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    file = tmp_path / "photos.csv"
    file.write_text(f"path,label\na.jpg,rose\n{line}\n", "latin-1")
    assert f"{file}, line 3 is no text in UTF-8: save the file as CSV in UTF-8" == refusal(file)
    file.write_text("path,label\na.jpg,rose\n", "utf-16")
    assert f"{file}, line 1 is no text in UTF-8: save the file as CSV in UTF-8" == refusal(file)


@given(st.binary(max_size=200))
def test_any_bytes_as_a_csv_are_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.mktemp("csv") / "photos.csv"
    file.write_bytes(data)
    assert "\n" not in refusal(file).replace(repr(data), "")
