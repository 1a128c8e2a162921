"""``edgetl export --dry-run`` says what would be done and what stands in the way, and does nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import support
from click.testing import CliRunner, Result

from edgetl import extras
from edgetl.cli.main import main
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.plan import plan
from edgetl.errors import UsageError
from edgetl.sealing import sealed
from edgetl.training.run import Run


def dry(*words: object) -> Result:
    done = CliRunner().invoke(main, ["export", *map(str, words), "--dry-run"])
    assert "Traceback" not in done.output
    return done


def told(done: Result) -> dict[str, str]:
    """The lines on stdout by their names."""
    return {line[:12].strip(): line[12:] for line in done.stdout.splitlines()}


def standing(*places: Path) -> dict[Path, tuple[int, int]]:
    """Every file and folder below, with its size and the time of its last change."""
    found = [path for place in places for path in (place, *place.rglob("*"))]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


@pytest.fixture
def run(solar_run: Run, tmp_path: Path) -> Path:
    """A copy of the run, of which nobody has exported anything."""
    return Path(
        shutil.copytree(solar_run.path, tmp_path / "cells", ignore=shutil.ignore_patterns("*.edgetl"))
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file with the name of a user's own model; a plan does not look into it."""
    file = tmp_path / "own.v2.onnx"
    file.write_bytes(b"not looked into")
    return file


def test_a_run_is_told_line_by_line_and_nothing_is_written(
    run: Path, solar_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    before = standing(run, solar_photos, empty)
    done = dry(run)
    assert done.exit_code == 0, done.output
    lines = told(done)
    assert list(lines) == ["model", "variants", "photos", "out", "at a time", "last time", "missing"]
    assert lines["model"] == str(run)
    assert lines["variants"] == (
        "tflite-float32, tflite-auto, onnx-float32, onnx-auto, openvino-float32, openvino-auto"
    )
    assert lines["photos"] == "80 calibrate int8, 60 test photos score"
    assert lines["out"] == str(run / "cells.edgetl")
    assert lines["last time"] == "no bundle there yet"
    assert lines["missing"] == "nothing"
    assert standing(run, solar_photos, empty) == before


def test_a_run_as_json_has_every_field(run: Path) -> None:
    done = dry(run, "--json", "--formats", "onnx", "--precisions", "dynamic,int8", "--calibration-images", 20)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    assert found.pop("workers") >= 1
    assert found == {
        "model": str(run),
        "variants": ["onnx-dynamic", "onnx-int8"],
        "photos": "20 calibrate int8, 60 test photos score",
        "out": str(run / "cells.edgetl"),
        "missing": [],
        "last_seconds": None,
    }


def test_without_int8_no_photos_calibrate(run: Path) -> None:
    found = plan(run, precisions="float32,float16", calibration_images=1)
    assert found.photos == "60 test photos score"
    assert found.missing == ()


def test_too_few_calibration_photos_are_missing_not_raised(run: Path) -> None:
    done = dry(run, "--calibration-images", 4)
    assert done.exit_code == 3
    assert "--calibration-images 4 is too few" in told(done)["missing"]


def test_a_run_that_is_not_there_is_told_with_exit_code_3(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    done = dry(nowhere)
    assert done.exit_code == 3
    assert told(done)["missing"] == f"{nowhere} does not exist; write one with edgetl train"
    assert told(done)["photos"] == "unknown"
    assert f"it would fail: {nowhere} does not exist" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_json_of_what_would_fail_is_whole_and_exits_3_too(tmp_path: Path) -> None:
    done = dry(tmp_path / "nowhere", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["missing"] == [
        f"{tmp_path / 'nowhere'} does not exist; write one with edgetl train"
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["--formats", "coreml"],
        ["--precisions", "int4"],
        ["--formats", "openvino", "--precisions", "int16x8"],
        ["--max-size", "4"],
        ["--size", "0"],
    ],
)
def test_what_is_not_offered_is_wrong_use(words: list[str], tmp_path: Path) -> None:
    done = dry(tmp_path, *words)
    assert done.exit_code == 2
    assert done.stdout == ""


def test_a_model_without_photos_is_told_what_to_add(model: Path) -> None:
    done = dry(model)
    assert done.exit_code == 3
    assert told(done)["missing"] == (f"{model} needs photos to calibrate and to score it: add --data PHOTOS")
    assert told(done)["out"] == str(model.with_name("own.v2.edgetl"))
    assert "tflite" not in told(done)["variants"]


def test_a_model_with_photos_lacks_nothing(model: Path, solar_photos: Path) -> None:
    done = dry(model, "--data", solar_photos)
    assert done.exit_code == 0, done.output
    assert told(done)["photos"] == "140, a part of which calibrates int8 and the rest scores"
    assert told(done)["missing"] == "nothing"


def test_a_folder_with_a_dot_in_its_name_keeps_all_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "birds.v2"
    folder.mkdir()
    (folder / "saved_model.pb").touch()
    assert plan(folder).out == str(tmp_path / "birds.v2.edgetl")


def test_photos_that_are_not_there_are_missing(model: Path, tmp_path: Path) -> None:
    found = plan(model, data=tmp_path / "photos")
    assert found.missing == (f"{tmp_path / 'photos'} does not exist: give a folder of photos or a CSV file",)


def test_photos_of_a_run_that_have_moved_are_missing(run: Path, tmp_path: Path) -> None:
    found = plan(run, data=tmp_path / "moved")
    (only,) = found.missing
    assert only.startswith(str(tmp_path / "moved"))
    assert only.endswith("a photo of this run, is gone: give the folder of photos with --data")


def test_a_file_that_is_no_model_is_told_before_its_photos(tmp_path: Path, solar_photos: Path) -> None:
    torch = tmp_path / "net.pt"
    torch.touch()
    for data in (None, solar_photos):
        (only,) = plan(torch, data=data).missing
        assert "is a PyTorch file: export it to ONNX first" in only


def test_options_of_a_users_model_do_not_go_with_a_run(run: Path) -> None:
    (only,) = plan(run, options=ModelOptions(size=(64, 64))).missing
    assert "a run knows its own size" in only
    assert dry(run, "--size", 64).exit_code == 3


def test_a_bundle_that_stands_there_is_in_the_way_and_tells_how_long_it_took(run: Path) -> None:
    bundle = support.write_fake_bundle(run / "cells.edgetl")
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["provenance"]["seconds"] = 83.4
    (bundle / "manifest.json").write_text(sealed(manifest))
    done = dry(run)
    assert done.exit_code == 3
    assert told(done)["last time"] == "83.4 s"
    assert f"{bundle} exists already: choose another --out, or add --force" in told(done)["missing"]
    forced = dry(run, "--force")
    assert forced.exit_code == 0, forced.output
    assert told(forced)["last time"] == "83.4 s"


def test_the_place_that_is_given_is_the_place(run: Path, tmp_path: Path) -> None:
    assert plan(run, out=tmp_path / "other.edgetl").out == str(tmp_path / "other.edgetl")


def test_a_package_that_is_not_installed_is_named_with_the_line_that_installs_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = extras.is_installed
    monkeypatch.setattr(extras, "is_installed", lambda name: name != "nncf" and installed(name))
    assert plan(run).missing == ("nncf is not installed: pip install 'edgetl[train]'",)


@pytest.mark.parametrize("suffix", [".onnx", ".ONNX"])
def test_tflite_of_an_onnx_file_is_wrong_use_before_anything_is_read(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"own{suffix}"
    done = dry(file, "--formats", "tflite,onnx")
    assert done.exit_code == 2
    assert "of which no TFLite file can be made: choose --formats onnx,openvino" in " ".join(
        done.stderr.split()
    )
    assert plan(file).variants[0] == "onnx-float32"


def test_only_wrong_names_are_raised(run: Path) -> None:
    with pytest.raises(UsageError, match="format 'tflitee' is not offered"):
        plan(run, formats="tflitee")
