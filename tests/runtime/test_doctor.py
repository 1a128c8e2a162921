import json
import sys
from pathlib import Path

import numpy as np
import pytest
import support
from boards import write, write_board
from click.testing import CliRunner

import edgetl
from edgetl.cli.doctor import command
from edgetl.errors import BundleError
from edgetl.runtime import engines, fixes, known_bad
from edgetl.runtime.doctor import DoctorReport, doctor

_DIES = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"


@pytest.fixture(autouse=True)
def _active(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an active environment, where a plain pip is the right one."""
    monkeypatch.setattr(fixes.shutil, "which", lambda _: str(Path(sys.executable).parent / "pip"))
    monkeypatch.setattr(sys, "prefix", "/home/pi/env")


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Leave only these engines in the table, so that the others need not be tried."""
    rows = {name: row for name, row in engines.ENGINES.items() if name in names}
    monkeypatch.setattr("edgetl.runtime.engines.ENGINES", rows)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put an onnxruntime of our own in the way of the real one."""
    (folder / "onnxruntime.py").write_text(code)
    monkeypatch.syspath_prepend(folder)


def none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgetl.extras.is_installed", lambda _: False)


def printed(*words: str) -> str:
    """What the command says on stdout; it must not raise anything but a verdict."""
    done = CliRunner().invoke(command, words, standalone_mode=False)
    assert done.exception is None or getattr(done.exception, "exit_code", None) == 3
    return done.stdout


# --- the report ----------------------------------------------------------------------------------


def test_a_machine_where_an_engine_works_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "litert", "fake")
    report = doctor()
    assert report.ok
    assert [found.name for found in report.engines] == ["litert"]
    assert report.bundle is None


def test_without_an_engine_the_line_that_installs_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none_installed(monkeypatch)
    report = doctor(root=write_board(tmp_path, "pi4"))
    assert not report.ok
    assert [problem.fix for problem in report.problems] == ["pip install 'edgetl[litert]'"]
    assert all(found.works is None for found in report.engines)
    assert report.engines[0].install == "pip install 'edgetl[litert]'"


def test_an_engine_without_a_wheel_for_this_python_is_not_recommended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none_installed(monkeypatch)
    monkeypatch.setattr("struct.calcsize", lambda _: 4)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr(sys, "version_info", (3, 11, 2, "final", 0))
    report = doctor(root=write_board(tmp_path, "pi4"))
    assert report.machine.is_narrow
    lines = {found.name: (found.install, found.reason) for found in report.engines}
    assert lines["litert"] == (None, "litert has no wheels for 32-bit systems")
    assert lines["tflite-runtime"] == ("pip install 'edgetl[tflite]'", None)
    assert [problem.fix for problem in report.problems] == ["pip install 'edgetl[lite32]'"]


def test_an_unknown_fault_gets_a_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "onnxruntime")
    install(tmp_path, monkeypatch, "raise RuntimeError('no')")
    report = doctor(root=write_board(tmp_path, "pi4"))
    assert not report.ok
    (problem,) = report.problems
    assert "onnxruntime" in problem.problem
    assert "does not work: onnxruntime cannot load model.onnx: no" in problem.problem
    assert problem.fix == "pip install --upgrade --force-reinstall onnxruntime"


def test_a_known_fault_is_told_with_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "onnxruntime", "openvino")
    install(tmp_path, monkeypatch, _DIES)
    monkeypatch.setattr("edgetl.extras.version", lambda name: {"onnxruntime": "1.21.0"}.get(name, "2026.4.1"))
    report = doctor(root=write_board(tmp_path / "pi", "pi4"))
    assert report.machine.kind == "Raspberry Pi 4 Model B Rev 1.4"
    first, second = report.problems
    assert first.fix == "pip install --upgrade 'onnxruntime>=1.22'"
    assert first.source == "https://github.com/microsoft/onnxruntime/issues/23957"
    # The probe is a float32 model, which OpenVINO runs well there: its int8 is told nevertheless.
    assert "OpenVINO's int8 models" in second.problem


def test_what_makes_the_board_slow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "litert")
    report = doctor(root=write_board(tmp_path, "pi5", throttled="50005", governor="powersave"))
    assert [problem.problem.partition(":")[0] for problem in report.problems] == [
        "the CPU's governor is powersave",
        "the board reports under-voltage now",
        "the board reports throttled now",
    ]
    assert "power supply" in report.problems[1].fix
    assert report.ok


# --- a bundle ------------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return support.write_fake_bundle(tmp_path / "b.edgetl", variants=("fake-int8", "fake-float32"))


def test_of_a_bundle_it_says_what_runs_and_what_is_taken(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "litert", "fake")
    why = "no dot products here: take another"
    monkeypatch.setattr(known_bad, "refusal", lambda _, precision: why if precision == "int8" else None)
    report = doctor(bundle)
    assert report.ok
    assert report.bundle is not None
    assert {place.name: (place.engine, place.reason) for place in report.bundle.variants} == {
        "fake-int8": (None, why),
        "fake-float32": ("fake", None),
    }
    assert report.bundle.takes is not None
    with edgetl.load(bundle) as model:
        assert (report.bundle.takes.name, report.bundle.takes.engine) == (model.variant.name, "fake")
    text = printed(str(bundle))
    assert f"fake-int8     does not run: {why}" in text
    assert "fake-float32  runs in fake  <- edgetl.load takes it" in text


def test_a_bundle_of_which_nothing_runs_is_a_no(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "litert", "fake")
    monkeypatch.setattr(known_bad, "refusal", lambda *_: "not here")
    report = doctor(bundle)
    assert not report.ok
    assert report.bundle is not None
    assert (report.bundle.takes, report.bundle.variants[0].engine) == (None, None)
    assert "not here" in str(report.bundle.reason)
    done = CliRunner().invoke(command, [str(bundle)], standalone_mode=False)
    assert "edgetl.load can take nothing" in str(done.exception)


def test_an_engine_that_fails_its_trial_runs_nothing_of_a_bundle(
    tmp_path: Path, colour_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "onnxruntime")
    install(tmp_path, monkeypatch, _DIES)
    report = doctor(colour_bundle)
    assert report.bundle is not None
    by_name = {place.name: place for place in report.bundle.variants}
    assert by_name["onnx-float32"].engine is None
    assert "onnxruntime dies with an illegal instruction" in str(by_name["onnx-float32"].reason)
    assert report.bundle.takes is None
    assert "it would take onnx-" in str(report.bundle.reason)


def test_what_is_no_bundle_is_refused_before_anything_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgetl.runtime.trial.attempt", lambda *_, **__: pytest.fail("it was tried"))
    with pytest.raises(BundleError):
        doctor(tmp_path)


# --- the command ---------------------------------------------------------------------------------

KEYS = {
    "": {
        "schema", "machine", "throttled_now", "throttled_before", "environment", "numpy", "pillow",
        "engines", "cameras", "bundle", "problems", "ok",
    },
    "machine": {
        "kind", "is_board", "soc", "cpu", "cores", "memory_bytes", "swap_bytes", "architecture", "bits",
        "os", "kernel", "python", "governor", "temperature_c", "throttled", "engines", "edgetl",
    },
    "engines": {"name", "formats", "version", "works", "reason", "install"},
    "cameras": {
        "picamera2", "picamera2_reason", "rpicam", "opencv", "devices", "apt_picamera2_hidden", "denied",
    },
    "bundle": {"path", "variants", "takes", "reason"},
    "bundle.variants": {"name", "engine", "reason"},
    "problems": {"problem", "fix", "source"},
}  # fmt: skip


def test_the_json_has_everything_under_keys_that_stay(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "litert", "fake")
    report = doctor(bundle, root=write_board(tmp_path / "pi", "pi4", throttled="1"))
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["schema"] == 1
    assert {
        "": set(found),
        "machine": set(found["machine"]),
        "engines": set(found["engines"][0]),
        "cameras": set(found["cameras"]),
        "bundle": set(found["bundle"]),
        "bundle.variants": set(found["bundle"]["variants"][0]),
        "problems": set(found["problems"][0]),
    } == KEYS
    assert found["ok"] is True
    assert found["machine"]["soc"] == "BCM2711"
    assert found["throttled_now"] == ["under-voltage"]


def test_the_command_prints_the_same_as_text_and_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "litert", "tflite-runtime")
    text = CliRunner().invoke(command, [], standalone_mode=False)
    found = json.loads(printed("--json"))
    assert found["engines"][0]["works"] is True
    assert f"litert          {found['engines'][0]['version']}  runs tflite" in text.stdout
    assert f"numpy {np.__version__}" in text.stdout
    assert "next: edgetl verify BUNDLE" in text.stderr


def test_the_text_tells_the_whole_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "litert")
    root = write_board(tmp_path, "pi4", throttled="50000")
    write(root, {"sys/devices/virtual/video4linux/video2/name": "Dummy\n", "dev/video2": ""})
    link = root / "sys/class/video4linux/video2"
    link.parent.mkdir(parents=True)
    link.symlink_to(root / "sys/devices/virtual/video4linux/video2")
    report = doctor(root=root)
    monkeypatch.setattr("edgetl.cli.doctor.doctor", lambda _: report)
    lines = {line.partition(" ")[0]: line for line in printed().splitlines()}
    assert lines["machine"].endswith(" Raspberry Pi 4 Model B Rev 1.4, BCM2711")
    assert lines["cpu"].endswith(" Cortex-A72, 4 cores")
    assert lines["memory"].endswith(" swap")
    assert "bookworm" in lines["system"]
    assert "-bit, in a virtual environment" in lines["python"]
    assert lines["governor"].endswith(" ondemand")
    assert lines["temperature"].endswith(" 48.3 °C")
    assert lines["throttled"].endswith(" now no; since the start under-voltage, throttled (0x50000)")
    assert lines["cameras"].endswith("/dev/video2 (Dummy)")
    starts = {len(line) - len(line[12:].lstrip()) for line in printed().splitlines()[:8]}
    assert starts == {12}


def test_the_command_says_no_where_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    none_installed(monkeypatch)
    done = CliRunner().invoke(command, [], standalone_mode=False)
    assert "problem: no engine is installed" in done.stdout
    assert "    fix: pip install 'edgetl[litert]'" in done.stdout
    assert getattr(done.exception, "exit_code", None) == 3


def test_doctor_is_a_function_of_edgetl() -> None:
    assert edgetl.doctor is doctor
    assert isinstance(sys.modules["edgetl.runtime.doctor"], type(sys))
    assert DoctorReport.__doc__
