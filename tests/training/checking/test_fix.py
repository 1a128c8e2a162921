"""--fix moves and never deletes, at whatever moment it dies; --undo brings everything back."""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import support

import edgetl
from edgetl import files
from edgetl.errors import DatasetError, UsageError, WriteError
from edgetl.training import dataset
from edgetl.training.checking import quarantine
from edgetl.training.checking.report import CheckReport


def light(data: Path, **options: object) -> CheckReport:
    return edgetl.check(data, look=False, **options)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, str]:
    """Every file with its content."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """Two classes with a broken file, two leaks, and a copy that another class has."""
    folder = tmp_path / "photos"
    for split, count, start in (("train", 8, 0), ("val", 4, 100), ("test", 4, 200)):
        for label, more in (("ants", 0), ("bees", 20)):
            (folder / split / label).mkdir(parents=True)
            for number in range(start + more, start + more + count):
                data = support.encoded(support.scene(64, 48, seed=number))
                (folder / split / label / f"{number}.jpg").write_bytes(data)
    shutil.copy(folder / "test" / "ants" / "200.jpg", folder / "train" / "ants" / "leak.jpg")
    shutil.copy(folder / "test" / "ants" / "200.jpg", folder / "val" / "ants" / "leak.jpg")
    shutil.copy(folder / "val" / "bees" / "120.jpg", folder / "train" / "bees" / "leak.jpg")
    shutil.copy(folder / "val" / "bees" / "121.jpg", folder / "train" / "ants" / "other.jpg")
    (folder / "train" / "bees" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    return folder


GONE = {"train/ants/leak.jpg", "val/ants/leak.jpg", "train/bees/leak.jpg", "train/bees/broken.jpg"}


def test_broken_files_and_leaking_copies_move_and_the_scored_photos_stay(spoilt: Path) -> None:
    before = tree(spoilt)
    report = light(spoilt, fix=True)
    assert {path.relative_to(spoilt).as_posix() for path in report.moved} == GONE
    shown = {name: digest for name, digest in tree(spoilt).items() if not name.startswith(".")}
    assert shown == {name: digest for name, digest in before.items() if name not in GONE}
    assert report.fixed == spoilt / ".edgetl-quarantine" / "1"
    assert {name: before[name] for name in GONE} == tree(report.fixed)


def test_after_it_training_takes_the_data_and_finds_no_leak_but_the_contradiction(spoilt: Path) -> None:
    light(spoilt, fix=True)
    assert [photo.path.name for photo in dataset.read(spoilt).leaks()] == ["121.jpg"]
    again = light(spoilt)
    assert {finding.kind for finding in again.of("error")} == {
        "leaks between splits",
        "one picture, two labels",
    }
    assert again.fixable == 0


def test_undo_brings_everything_back(spoilt: Path) -> None:
    before = tree(spoilt)
    light(spoilt, fix=True)
    done = quarantine.undo(spoilt)
    assert {path.relative_to(spoilt).as_posix() for path in done.restored} == GONE
    assert tree(spoilt) == before
    assert not (spoilt / ".edgetl-quarantine").exists()


def test_two_fixes_are_undone_together(spoilt: Path) -> None:
    before = tree(spoilt)
    light(spoilt, fix=True)
    (spoilt / "train" / "bees" / "broken.jpg").write_bytes(b"broken again")
    light(spoilt, fix=True)
    (spoilt / "train" / "bees" / "broken.jpg").touch()
    done = quarantine.undo(spoilt)
    # Both broken ones stay where they are, since something stands in their place.
    assert sorted(path.parts[-4] for path in done.kept) == ["1", "2"]
    (spoilt / "train" / "bees" / "broken.jpg").unlink()
    quarantine.undo(spoilt)
    assert tree(spoilt).keys() - {".edgetl-quarantine/undo.json"} >= before.keys()


class Killed(BaseException):
    """The end of the process, as far as the code under test can tell."""


@pytest.mark.parametrize("after", range(9))
@pytest.mark.parametrize("undoing", [False, True])
def test_killed_at_any_moment_nothing_is_lost(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch, after: int, undoing: bool
) -> None:
    before = tree(spoilt)
    if undoing:
        light(spoilt, fix=True)
    steps = 0
    move = files.move

    def dying(source: Path, target: Path) -> None:
        nonlocal steps
        for step in (lambda: None, lambda: move(source, target)):
            if steps == after:
                raise Killed
            steps += 1
            step()

    monkeypatch.setattr(files, "move", dying)
    died = False
    try:
        quarantine.undo(spoilt) if undoing else light(spoilt, fix=True)
    except Killed:
        died = True
    assert died == (after < 2 * len(GONE))
    monkeypatch.setattr(files, "move", move)
    assert sorted(d for n, d in tree(spoilt).items() if not n.endswith("undo.json")) == sorted(
        before.values()
    )
    if (spoilt / ".edgetl-quarantine").exists():
        quarantine.undo(spoilt)
    assert tree(spoilt) == before


def test_no_class_is_moved_away_whole(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for label, start in (("ants", 0), ("bees", 10)):
            (tmp_path / split / label).mkdir(parents=True)
            for number in range(start, start + 4):
                data = support.encoded(support.scene(64, 48, seed=number))
                (tmp_path / split / label / f"{number}.jpg").write_bytes(data)
    report = light(tmp_path, fix=True)
    assert report.moved == ()
    assert not report.passed


def test_of_a_csv_file_another_is_written_and_no_file_moves(spoilt: Path, tmp_path: Path) -> None:
    rows = [
        f"{path.relative_to(tmp_path)},{path.parent.name},{path.parent.parent.name},by hand"
        for path in sorted(spoilt.rglob("*.jpg"))
    ]
    file = tmp_path / "photos.csv"
    file.write_text("\n".join(["Path,Label,Split,source", "gone.jpg,ants,train,x", "", *rows]) + "\n")
    before, text = tree(spoilt), file.read_text()
    report = light(file, fix=True)
    assert report.fixed == tmp_path / "photos.fixed.csv"
    assert tree(spoilt) == before
    assert file.read_text() == text
    kept = [row for row in rows if not any(name in row for name in GONE)]
    assert report.fixed.read_text().splitlines() == ["Path,Label,Split,source", *kept]
    with pytest.raises(UsageError, match=r"photos\.fixed\.csv exists already"):
        light(file, fix=True)
    with pytest.raises(UsageError, match="is a CSV file, which --fix never changes"):
        quarantine.undo(file)


def listing_of(folder: Path, place: Path, *more: str) -> Path:
    """A CSV file of the photos of a folder, in its own splits, and further lines."""
    rows = [
        f"{path.relative_to(place.parent)},{path.parent.name},{path.parent.parent.name}"
        for path in sorted(folder.rglob("*.jpg"))
    ]
    place.write_text("\n".join(["path,label,split", *rows, *more]) + "\n")
    return place


def test_a_photo_that_a_csv_file_lists_in_two_splits_keeps_the_scored_line(
    spoilt: Path, tmp_path: Path
) -> None:
    twice = "photos/test/bees/220.jpg,bees,train"
    file = listing_of(spoilt, tmp_path / "photos.csv", twice)
    report = light(file, fix=True)
    assert report.fixed is not None
    kept = report.fixed.read_text().splitlines()
    assert "photos/test/bees/220.jpg,bees,test" in kept
    assert twice not in kept
    assert report.fixable == len(GONE) + 1


def test_lines_of_which_a_column_says_nothing_stay(spoilt: Path, tmp_path: Path) -> None:
    rows = listing_of(spoilt, tmp_path / "photos.csv").read_text().splitlines()
    file = tmp_path / "columns.csv"
    # Every third photo has no state.
    states = [f"{row},{'' if number % 3 == 0 else row.split(',')[1]}" for number, row in enumerate(rows[1:])]
    bad = ["gone.jpg,ants,train,ants"]
    file.write_text("\n".join([f"{rows[0]},state", *states, *bad]) + "\n")
    report = light(file, fix=True, column="state")
    assert report.fixed is not None
    left = set(report.fixed.read_text().splitlines())
    assert {state for state in states if state.endswith(",")} <= left
    assert len(left) == 1 + len(states) - (report.fixable - len(bad))
    assert not left & set(bad)


def test_a_split_that_is_a_link_to_another_loses_nothing(spoilt: Path) -> None:
    shutil.rmtree(spoilt / "val")
    (spoilt / "val").symlink_to("test")
    before = tree(spoilt / "test")
    report = light(spoilt, fix=True)
    assert tree(spoilt / "test") == before
    assert "val/ants/200.jpg" not in {path.relative_to(spoilt).as_posix() for path in report.moved}
    assert "leaks between splits" in {finding.kind for finding in report.left}


def test_a_train_photo_that_a_scored_one_is_a_link_to_stays(spoilt: Path) -> None:
    link = spoilt / "test" / "ants" / "link.jpg"
    link.symlink_to("../../train/ants/0.jpg")
    report = light(spoilt, fix=True)
    assert link.exists()
    assert spoilt / "train" / "ants" / "0.jpg" not in report.moved


def test_a_train_photo_that_is_a_link_to_a_scored_one_moves_and_comes_back(spoilt: Path) -> None:
    link = spoilt / "train" / "ants" / "link.jpg"
    link.symlink_to("../../test/ants/201.jpg")
    report = light(spoilt, fix=True)
    assert link in report.moved
    assert not link.is_symlink()
    assert (spoilt / "test" / "ants" / "201.jpg").is_file()
    quarantine.undo(spoilt)
    assert link.is_file()


def test_no_class_that_edgetl_splits_is_left_with_too_few_to_be_split(tmp_path: Path) -> None:
    for label, start, count in (("ants", 0, 8), ("bees", 10, 4)):
        (tmp_path / label).mkdir()
        for number in range(start, start + count):
            data = support.encoded(support.scene(64, 48, seed=number))
            (tmp_path / label / f"{number}.jpg").write_bytes(data)
        (tmp_path / label / "broken.jpg").write_bytes(b"\xff\xd8\xff broken " + label.encode())
    report = light(tmp_path, fix=True)
    assert report.moved == (tmp_path / "ants" / "broken.jpg",)
    assert {finding.kind for finding in report.left} == {"unreadable files"}
    assert dataset.read(tmp_path).labels == ("ants", "bees")


def test_a_name_that_is_no_utf8_is_moved_and_comes_back(spoilt: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    place = spoilt / "train" / "bees" / name
    (spoilt / "train" / "bees" / "broken.jpg").rename(place)
    page = tmp_path / "page.html"
    assert place in light(spoilt, fix=True, out=page).moved
    assert r"caf\udce9.jpg" in page.read_text("utf-8")
    assert place in quarantine.undo(spoilt).restored


def test_a_name_that_is_no_utf8_is_listed_by_the_new_csv_file(spoilt: Path, tmp_path: Path) -> None:
    (spoilt / "train" / "bees" / "20.jpg").rename(spoilt / "train" / "bees" / os.fsdecode(b"caf\xe9.jpg"))
    file = tmp_path / "photos.csv"
    files.write_text(file, "path,label,split\n")
    rows = [
        f"{path.relative_to(tmp_path)},{path.parent.name},{path.parent.parent.name}"
        for path in sorted(spoilt.rglob("*.jpg"))
    ]
    files.write_text(file, "\n".join(["path,label,split", *rows]) + "\n")
    fixed = light(file, fix=True).fixed
    assert fixed is not None
    assert b"photos/train/bees/caf\xe9.jpg,bees,train\n" in fixed.read_bytes()
    assert light(fixed).photos["train"] == 8 + 8 + 1


def test_data_that_cannot_be_written_are_refused_before_they_are_read(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "immutable")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(WriteError, match=rf"undo\.json: make {spoilt} writable, or copy the data and fix"):
        light(spoilt, fix=True)


def test_errors_that_moving_files_does_not_mend_are_told_as_left(spoilt: Path) -> None:
    (spoilt / "train" / "wasps").mkdir()
    report = light(spoilt, fix=True)
    assert {finding.kind for finding in report.left} == {
        "empty class",
        "leaks between splits",
        "one picture, two labels",
    }
    assert "unreadable files" in {finding.kind for finding in report.findings}


def test_undo_refuses_where_nothing_was_moved_away(spoilt: Path) -> None:
    with pytest.raises(UsageError, match="has nothing in quarantine"):
        quarantine.undo(spoilt)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"schema": 1}',
        '{"schema": 2, "moves": []}',
        json.dumps({"schema": 1, "moves": [{"from": "../x", "to": "1/x", "why": ""}]}),
        json.dumps({"schema": 1, "moves": [{"from": "/etc/x", "to": "1/x", "why": ""}]}),
        json.dumps({"schema": 1, "moves": [{"from": "x", "to": "../../x", "why": ""}]}),
    ],
)
def test_a_list_that_edgetl_did_not_write_moves_nothing(spoilt: Path, text: str) -> None:
    (spoilt / ".edgetl-quarantine").mkdir()
    (spoilt / ".edgetl-quarantine" / "undo.json").write_text(text)
    before = tree(spoilt)
    with pytest.raises(DatasetError, match="move what lies beside it back by hand"):
        quarantine.undo(spoilt)
    with pytest.raises(DatasetError, match="move what lies beside it back by hand"):
        light(spoilt, fix=True)
    assert tree(spoilt) == before


def test_photos_with_swapped_labels_are_suspects_and_move_only_when_asked(
    hymenoptera: Path, tmp_path: Path
) -> None:
    swapped = set()
    for label, other in (("ants", "bees"), ("bees", "ants")):
        for number, path in enumerate(sorted((hymenoptera / "train" / label).glob("*.jpg"))[:50]):
            place = tmp_path / "photos" / (other if number < 4 else label) / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
            if number < 4:
                swapped.add(path.name)
    listed = edgetl.check(tmp_path / "photos", fix=True)
    (finding,) = (each for each in listed.findings if each.kind == "suspect labels")
    assert len(swapped & {note.path.name for note in finding.photos}) >= 7
    assert not set(listed.moved) & {note.path for note in finding.photos}
    moved = edgetl.check(tmp_path / "photos", fix_suspects=True).moved
    assert {path.name for path in moved} == {note.path.name for note in finding.photos}
