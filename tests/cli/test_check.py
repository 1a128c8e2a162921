"""What ``edgetl check`` prints, how it exits, and which command it names next."""

import json
import os
import shutil
from pathlib import Path

import pytest
import support
from click.testing import CliRunner, Result

from edgetl.cli import main


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes in three splits, in the current folder."""
    monkeypatch.chdir(tmp_path)
    start = 0
    for split, count in (("train", 24), ("val", 6), ("test", 6)):
        for label in ("ants", "bees"):
            folder = tmp_path / "photos" / split / label
            folder.mkdir(parents=True)
            for number in range(start, start + count):
                (folder / f"{number}.jpg").write_bytes(support.encoded(support.scene(300, 260, seed=number)))
            start += count
    return Path("photos")


def run(*arguments: str | Path) -> Result:
    """The command's stdout and stderr; errors as the group leaves them."""
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def leak(photos: Path) -> None:
    shutil.copy(min((photos / "test" / "ants").iterdir()), photos / "train" / "ants" / "copy.jpg")


def test_clean_photos_pass_and_training_is_next(photos: Path) -> None:
    done = run(photos, "--no-features")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "photos   72 in 2 classes: 48 train, 12 val, 12 test"
    assert done.stdout.splitlines()[-1] == "report   runs/photos-check.html"
    assert "next: edgetl train photos" in done.stderr
    assert Path("runs/photos-check.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_an_error_exits_3_and_fixing_it_is_next(photos: Path) -> None:
    leak(photos)
    done = run(photos, "--no-features")
    assert done.exit_code == 3
    assert "error    1 photo of val and test stands in another split too" in done.stdout
    assert "next: edgetl check photos --fix" in done.stderr
    assert "error: photos has 1 error" in done.stderr


def test_fix_check_undo_from_end_to_end(photos: Path) -> None:
    leak(photos)
    fixed = run(photos, "--no-features", "--fix")
    assert fixed.exit_code == 0
    assert "fixed    1 file moved away: photos/.edgetl-quarantine/1" in fixed.stdout
    assert "next: edgetl check photos\n" in fixed.stderr
    assert not (photos / "train" / "ants" / "copy.jpg").exists()
    assert run(photos, "--no-features").exit_code == 0
    undone = run(photos, "--undo")
    assert (undone.exit_code, undone.stdout) == (0, "restored 1 file\n")
    assert run(photos, "--no-features").exit_code == 3
    nothing = run(photos, "--undo")
    assert nothing.exit_code == 2
    assert "photos has nothing in quarantine" in nothing.stderr


def test_fix_exits_3_where_errors_are_left_and_checking_again_is_next(photos: Path) -> None:
    leak(photos)
    (photos / "train" / "wasps").mkdir()
    fixed = run(photos, "--no-features", "--fix")
    assert fixed.exit_code == 3
    assert "fixed    1 file moved away" in fixed.stdout
    assert "next: edgetl check photos\n" in fixed.stderr
    assert "error: photos has 1 error that --fix does not mend, told above" in fixed.stderr


def test_the_next_command_names_the_column_too(photos: Path) -> None:
    rows = [f"{path},{path.parent.parent.name},{path.parent.name}" for path in sorted(photos.rglob("*.jpg"))]
    Path("list.csv").write_text("\n".join(["path,split,state", *rows]) + "\n")
    done = run("list.csv", "--column", "state", "--no-features")
    assert "next: edgetl train list.csv --tasks state\n" in done.stderr
    Path("list.csv").write_text("\n".join(["path,split,state", "gone.jpg,train,ants", *rows]) + "\n")
    done = run("list.csv", "--column", "state", "--no-features")
    assert "next: edgetl check list.csv --column state --fix\n" in done.stderr
    fixed = run("list.csv", "--column", "state", "--no-features", "--fix")
    assert (fixed.exit_code, "next: edgetl check list.fixed.csv --column state\n" in fixed.stderr) == (
        0,
        True,
    )


def test_a_name_that_a_terminal_would_obey_is_printed_as_text(photos: Path) -> None:
    (photos / "train" / "ants" / "evil\x1b[31m\nred.jpg").write_bytes(b"no picture")
    done = run(photos, "--no-features")
    assert r"photos/train/ants/evil\x1b[31m\nred.jpg" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_name_that_is_no_utf8_is_printed_with_escapes(photos: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (photos / "train" / "ants" / name).write_bytes(b"no picture")
    assert r"photos/train/ants/caf\udce9.jpg" in run(photos, "--no-features").stdout
    told = json.loads(run(photos, "--no-features", "--json").stdout)
    assert told["findings"][0]["photos"][0]["path"] == f"photos/train/ants/{name}"


def test_the_page_of_a_folder_has_its_whole_name(photos: Path) -> None:
    photos.rename("rest.v2")
    assert "report   runs/rest.v2-check.html" in run("rest.v2", "--no-features").stdout


def test_json_has_every_finding_with_its_files(photos: Path) -> None:
    leak(photos)
    done = run(photos, "--no-features", "--json", "--out", "page.html")
    assert done.exit_code == 3
    found = json.loads(done.stdout)
    assert (found["passed"], found["report"], found["counts"]["error"]) == (False, "page.html", 1)
    (leaks,) = [finding for finding in found["findings"] if finding["severity"] == "error"]
    assert [photo["split"] for photo in leaks["photos"]] == ["test", "train"]
    assert found["photos"] == {"train": 49, "val": 12, "test": 12}


def test_fix_and_undo_exclude_each_other(photos: Path) -> None:
    done = run(photos, "--fix", "--undo")
    assert done.exit_code == 2
    assert "choose one" in done.stderr


def test_a_page_that_cannot_be_written_is_refused_before_the_photos_are_read(photos: Path) -> None:
    done = run(photos, "--no-features", "--out", "photos")
    assert done.exit_code == 1
    assert "a folder of that name is there: choose another --out" in done.stderr
    assert "look at the photos" not in done.stderr
