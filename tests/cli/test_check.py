"""What ``edgetl check`` prints, how it exits, and which command it names next."""

import json
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
