"""What ``edgetl train`` calls the run that it writes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgetl.cli import main
from edgetl.errors import UsageError


def place_of_run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Path:
    """Where a run would be written, without training."""
    places: list[Path] = []

    def train(_: object, *, out: Path, **__: object) -> None:
        places.append(out)
        raise UsageError("that is all we wanted to know")

    monkeypatch.setattr("edgetl.training.train.train", train)
    CliRunner().invoke(main, ["train", *arguments])
    (place,) = places
    return place


def test_the_run_has_the_whole_name_of_a_folder_and_that_of_a_file_less_its_suffix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rest.v2").mkdir()
    (tmp_path / "cells.csv").touch()
    assert place_of_run(monkeypatch, str(tmp_path / "rest.v2")) == Path("runs/rest.v2")
    assert place_of_run(monkeypatch, str(tmp_path / "cells.csv")) == Path("runs/cells")


def test_a_run_by_a_configuration_is_called_after_its_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "run.toml"
    config.write_text(f'data = "{tmp_path / "flowers"}"\n')
    assert place_of_run(monkeypatch, "--config", str(config)) == Path("runs/flowers")


def test_a_configuration_without_photos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("seed = 1\n")
    done = CliRunner().invoke(main, ["train", "--config", str(tmp_path / "run.toml")])
    assert done.exit_code == 2
    assert "no photos are named" in done.stderr
