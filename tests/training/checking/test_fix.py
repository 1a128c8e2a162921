"""--fix moves and never deletes, at whatever moment it dies; --undo brings everything back."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import support

import edgetl
from edgetl import files
from edgetl.errors import DatasetError, UsageError
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
