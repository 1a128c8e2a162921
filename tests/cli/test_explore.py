"""What ``edgetl explore`` prints, and which command it names next."""

import json
import os
from pathlib import Path

import pytest
import support
from click.testing import CliRunner, Result

from edgetl.cli import main


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve pictures in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("seen")
    folder.mkdir()
    for seed in range(12):
        (folder / f"{seed}.jpg").write_bytes(support.encoded(support.scene(seed=seed)))
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["explore", *map(str, arguments)])


def test_page_and_labels_are_written_and_training_is_next(pictures: Path) -> None:
    done = run(pictures, "--first", "3")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("pictures 12")
    assert "report   runs/seen-explore.html" in done.stdout
    assert "labels   runs/seen-labels.csv: look through them and correct them" in done.stdout
    assert done.stderr.splitlines()[-1] == "next: edgetl train runs/seen-labels.csv"
    assert Path("runs/seen-explore.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert (
        Path("runs/seen-labels.csv").read_text("utf-8").splitlines()[1].startswith(f"{pictures.resolve()}/")
    )


def test_the_page_names_a_command_that_can_be_pasted(pictures: Path) -> None:
    assert run(pictures, "--labels", "my labels.csv").exit_code == 0
    assert "edgetl train &#x27;my labels.csv&#x27;" in Path("runs/seen-explore.html").read_text("utf-8")


def test_a_name_that_a_terminal_would_obey_is_printed_as_text(pictures: Path) -> None:
    (pictures / "0.jpg").rename(pictures / "0\x1b[31m\nred.jpg")
    (pictures / "1.jpg").rename(pictures / os.fsdecode(b"caf\xe9.jpg"))
    done = run(pictures, "--first", "5")
    assert done.exit_code == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == len(run(pictures, "--force").stdout.splitlines())


def test_labels_that_stand_there_are_kept_unless_forced(pictures: Path) -> None:
    assert run(pictures).exit_code == 0
    again = run(pictures)
    assert (again.exit_code, again.stdout) == (2, "")
    assert run(pictures, "--force").exit_code == 0


def test_json_names_groups_and_files(pictures: Path) -> None:
    done = run(pictures, "--json")
    told = json.loads(done.stdout)
    assert sum(group["pictures"] for group in told["groups"]) == told["pictures"] == 12
    assert told["labels"] == "runs/seen-labels.csv"
