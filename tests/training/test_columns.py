"""What the columns of a CSV file say of a photo: several tasks, or any number of labels."""

import os
from pathlib import Path

import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from edgetl import files
from edgetl.errors import DatasetError, UsageError
from edgetl.training import columns, dataset, listing, run
from edgetl.training.columns import Column

STATE, MARKS = Column("state", False), Column("marks", True)
LABEL = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=";|"), min_size=1).map(
    str.strip
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(12):
        support.scene(24, 24, seed=number).save(folder / f"{number}.png")
    return folder


def written(photos: Path, *lines: str) -> Path:
    place = photos / "cells.csv"
    place.write_text("\n".join(lines) + "\n")
    return place


SAID = (
    "path,state,marks,split",
    "0.png,whole,dust,train",
    "1.png,whole,dust;scratch,train",
    "2.png,broken,,train",
    "3.png,broken,scratch | dust,train",
    "4.png,,scratch,train",
    "5.png,whole,?,train",
    "6.png,,?,train",
    "7.png,broken,,test",
    "8.png,whole,scratch,test",
)


def test_each_column_says_what_its_cell_says(photos: Path) -> None:
    found = dataset.read(written(photos, *SAID), (STATE, MARKS))
    assert found.labels == ("state=broken", "state=whole", "marks=dust", "marks=scratch")
    assert [found.name_of(photo) for photo in found.photos] == [
        "state=whole, marks=dust",
        "state=whole, marks=dust;scratch",
        "state=broken, marks=",
        "state=broken, marks=dust;scratch",
        "state=?, marks=scratch",
        "state=whole, marks=?",
        "state=broken, marks=",
        "state=whole, marks=scratch",
    ]
    truth = found.truth(found.split("train"))
    assert truth.known.tolist() == [[True, True]] * 4 + [[False, True], [True, False]]
    assert truth.of(found.tasks, 0).tolist() == [1, 1, 0, 0, 1]
    yes = truth.of(found.tasks, 1).tolist()
    assert yes == [[1, 0], [1, 1], [0, 0], [1, 1], [0, 1]]


def test_one_column_of_single_labels_is_like_label(photos: Path) -> None:
    found = dataset.read(written(photos, *SAID), (STATE,))
    assert (found.labels, found.tasks) == (("broken", "whole"), ())
    assert len(found.photos) == 7


def test_splits_csv_keeps_all_that_is_said(photos: Path, tmp_path: Path) -> None:
    found = dataset.read(written(photos, *SAID), (STATE, MARKS))
    (tmp_path / "splits.csv").write_text(run.splits_csv(found))
    again = run.read_splits(tmp_path / "splits.csv", found.root, found.labels, found.tasks)
    assert [again.name_of(photo) for photo in again.photos] == [
        found.name_of(photo) for photo in found.photos
    ]
    assert again.fingerprint == found.fingerprint


def test_splits_csv_keeps_names_that_are_no_utf8(photos: Path, tmp_path: Path) -> None:
    place = photos / os.fsdecode(b"caf\xe9.png")
    labels = ("ants", "bees")
    found = dataset.Dataset(photos, labels, (dataset.Photo(place, 1, "train", "0" * 64),))
    files.write_text(tmp_path / "splits.csv", run.splits_csv(found))
    assert run.read_splits(tmp_path / "splits.csv", photos, labels) == found


def test_every_part_of_a_split_has_the_rare_label(photos: Path) -> None:
    said = [["rare"] * (n < 5) + ["even"] * (n % 2 == 0) + ["common"] * (n > 4) for n in range(12)]
    lines = [f"{n}.png,{';'.join(labels)}" for n, labels in enumerate(said)]
    found = dataset.read(written(photos, "path,label", *lines, "0.png,?"), (Column("label", True),))
    rare = found.labels.index("rare")
    for split in dataset.SPLITS:
        assert found.truth(found.split(split)).holds[:, rare].any()


@pytest.mark.parametrize(
    ("lines", "asked", "sentence"),
    [
        (SAID, (STATE, Column("shape", False)), "has no column shape: choose --tasks from state, marks"),
        (("label,state", "a,b"), (STATE,), "needs a first line with the columns path"),
        (
            ("path,state,marks", *(f"{n}.png,whole,dust;scratch" for n in range(6))),
            (STATE, MARKS),
            "the column 'state' of .* has only one class, 'whole'",
        ),
        (
            ("path,state,marks", *(f"{n}.png,,dust" for n in range(6))),
            (STATE, MARKS),
            "the column 'state' of .* labels no picture",
        ),
        (
            (*SAID, "9.png,whole,stain,test"),
            (STATE, MARKS),
            "9.png is a test photo with the label 'stain' in the column 'marks' of .*, which train does not",
        ),
        ((*SAID, "9.png,Whole,,train"), (STATE, MARKS), "the column 'state' of .*'Whole' and 'whole', which"),
        (
            (*SAID, "9.png,whole,Scratch;dust ,train"),
            (STATE, MARKS),
            "the column 'marks' of .*'Scratch' and 'scratch', which differ only in case",
        ),
        ((*SAID[:-2], "7.png,broken,?,test"), (STATE, MARKS), "no readable test photo says .* 'marks'"),
        (
            ("path,label,split", *(f"{n}.png,a;b,train" for n in range(4)), "5.png,b,train", "7.png,a,test"),
            (Column("label", True),),
            "a label of several needs 2 readable train photos without it; take out: a, b",
        ),
        (
            ("path,state,marks", *(f"0.png,s{n},m{n % 9}" for n in range(1200))),
            (STATE, MARKS),
            "has 1,209 labels, and a model may have 1,000: is one of the columns state, marks free text",
        ),
        (
            ("path,label", "0.png,?"),
            (Column("label", True),),
            "no pictures of which its columns say anything",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(
    photos: Path, lines: tuple[str, ...], asked: tuple[Column, ...], sentence: str
) -> None:
    with pytest.raises(DatasetError, match=sentence):
        dataset.read(written(photos, *lines), asked)


def test_a_folder_has_no_columns(photos: Path) -> None:
    with pytest.raises(DatasetError, match="is a folder, which gives each photo one label"):
        listing.read(photos, (STATE, MARKS))


@pytest.mark.parametrize(
    ("tasks", "several", "expected"),
    [
        (None, False, ()),
        (None, True, (Column("label", True),)),
        ("state, Crystal", False, (STATE, Column("crystal", False))),
        ("state,marks:many", False, (STATE, MARKS)),
        ("marks", True, (MARKS,)),
    ],
)
def test_options_name_columns(tasks: str | None, several: bool, expected: tuple[Column, ...]) -> None:
    assert columns.columns_of(tasks, multi_label=several) == expected


@pytest.mark.parametrize(
    ("tasks", "sentence"),
    [
        ("state,", "names no column in ''"),
        ("state:two", "names no column in 'state:two'"),
        ("state,State", "names a column twice"),
        ("path", "cannot name the column 'path'"),
        ("a=b", "cannot name the column 'a=b'"),
    ],
)
def test_options_that_name_none_are_refused(tasks: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        columns.columns_of(tasks, multi_label=False)


@given(st.none() | st.lists(LABEL.filter(lambda text: text not in ("", "?")), unique=True))
def test_a_cell_survives_being_written(labels: list[str] | None) -> None:
    said = None if labels is None else tuple(sorted(labels))
    assert columns.labels_of(MARKS, columns.text_of(["marks"], [said])) == said


def test_labels_that_look_like_several_are_told_of_files_alone(photos: Path) -> None:
    assert columns.with_separators(written(photos, *SAID), ("cat;dog", "a|b", "cat")) == ("cat;dog", "a|b")
    assert columns.with_separators(photos, ("cat;dog",)) == ()
