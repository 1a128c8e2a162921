import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgetl.cli.doctor import command
from edgetl.runtime import engines, probe_models
from edgetl.runtime.doctor import DoctorReport, check, doctor
from edgetl.runtime.known_bad import TABLE, Facts

PI4 = frozenset({"fp", "asimd", "evtstrm", "crc32", "cpuid"})
PI5 = PI4 | {"asimddp", "atomics"}


def facts(**changes: object) -> Facts:
    """A Pi 4 with Python 3.11, NumPy 2 and no engine, but for the changes."""
    pi4 = {
        "engines": {},
        "numpy": "2.4.6",
        "python": (3, 11),
        "architecture": "aarch64",
        "bits": 64,
        "cpu_features": PI4,
    }
    return Facts(**{**pi4, **changes})  # type: ignore[arg-type]


def known(given: Facts) -> list[str | None]:
    return [row.engine for row in TABLE if row.applies(given)]


# --- the table of known-bad combinations ---------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (facts(), []),
        (facts(engines={"onnxruntime": "1.21.0"}), ["onnxruntime"]),
        (facts(engines={"onnxruntime": "1.22.0"}), []),
        (facts(engines={"onnxruntime": "1.21.0"}, cpu_features=PI5), []),
        (facts(engines={"onnxruntime": "1.21.0"}, architecture="x86_64", cpu_features=frozenset()), []),
        (facts(engines={"tflite-runtime": "2.14.0"}), ["tflite-runtime"]),
        (facts(engines={"tflite-runtime": "2.14.0"}, numpy="1.26.4"), []),
        (facts(engines={"openvino": "2026.4.1"}), ["openvino"]),
        (facts(engines={"openvino": "2026.4.1"}, cpu_features=PI5), []),
        (facts(architecture="armv7l", bits=32), [None]),
        (facts(architecture="aarch64", bits=32), [None]),
        (facts(architecture="armv7l", bits=32, python=(3, 13)), [None]),
    ],
)
def test_known_bad_combinations_are_known(given: Facts, expected: list[str | None]) -> None:
    assert known(given) == expected


def test_every_line_of_the_table_says_what_how_and_whence() -> None:
    for row in TABLE:
        assert row.engine is None or row.engine in engines.ENGINES
        assert row.problem
        assert row.fix
        assert row.source


# --- the trial -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["litert", "tflite-runtime", "onnxruntime", "openvino"])
def test_every_engine_answers_the_probe(name: str) -> None:
    row = engines.get(name)
    found = check(row)
    assert found.works is (True if row.installed else None), found.reason
    assert found.version == row.version


def test_the_probe_s_answer_is_that_of_its_layer() -> None:
    from tiny_models import reference

    assert np.abs(reference(probe_models.PICTURE, 3) - probe_models.ANSWER).max() < 1e-6
    assert {row.formats[0] for row in engines.ENGINES.values() if row.package} == {
        "tflite",
        "onnx",
        "openvino",
    }


BROKEN = {
    "import os, signal; os.kill(os.getpid(), signal.SIGILL)": "dies with an illegal instruction (SIGILL)",
    "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)": "dies with SIGSEGV",
    "import os; os._exit(7)": "its process ended with code 7",
    "raise ImportError('libgomp.so.1: cannot open shared object file')": "libgomp.so.1: cannot open",
    "raise SystemExit('no license')": "no license",
    "import not_there_at_all": "No module named 'not_there_at_all'",
    "x = 1": "has no attribute 'SessionOptions'",
    "import time; time.sleep(60)": "gave no answer within 2 s",
}
_WRONG = """
import numpy as np
class SessionOptions: pass
class InferenceSession:
    def __init__(self, *_, **__): pass
    def get_inputs(self):
        return [type("Input", (), {"name": "pixels", "type": "tensor(uint8)", "shape": [1, 8, 8, 3]})]
    def run(self, *_):
        print("chatter on stdout")
        return [np.float32([[ANSWER]])]
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> engines.EngineRow:
    """Put an onnxruntime of our own in the way of the real one."""
    (folder / "onnxruntime.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    return engines.get("onnxruntime")


@pytest.mark.parametrize("code", BROKEN)
def test_an_engine_that_is_broken_is_told_with_its_reason(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = check(install(tmp_path, monkeypatch, code), timeout_s=2 if "sleep" in code else 60)
    assert found.works is False
    assert found.reason is not None
    assert BROKEN[code] in found.reason
    assert "\n" not in found.reason


@pytest.mark.parametrize("answer", ["0.9, 0.1, 0", "float('nan'), 0.5, 0.5"])
def test_an_engine_that_answers_wrongly_is_broken(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = check(install(tmp_path, monkeypatch, _WRONG.replace("ANSWER", answer)))
    assert found.works is False
    assert "answers wrongly: a probability is off by" in str(found.reason)


def test_an_engine_that_answers_rightly_works_whatever_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ", ".join(map(str, probe_models.ANSWER[0]))
    assert check(install(tmp_path, monkeypatch, _WRONG.replace("ANSWER", right))).works


# --- the report ----------------------------------------------------------------------------------


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Leave only these engines in the table, so that the others need not be tried."""
    rows = {name: row for name, row in engines.ENGINES.items() if name in names}
    monkeypatch.setattr("edgetl.runtime.engines.ENGINES", rows)


def board(root: Path, *, features: str, throttled: str = "0x0") -> Path:
    """The kernel's files of a Pi 4."""
    cpu = f"processor\t: 0\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
    for name, text in {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/cpuinfo": cpu,
        "proc/meminfo": "MemTotal: 3884000 kB\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": throttled,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_machine_where_an_engine_works_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "litert", "fake")
    report = doctor()
    assert report.ok
    assert [found.name for found in report.engines] == ["litert"]
    assert report.machine.bits == struct.calcsize("P") * 8
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True


def test_without_an_engine_the_line_that_installs_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgetl.extras.is_installed", lambda _: False)
    report = doctor()
    assert not report.ok
    assert [problem.fix for problem in report.problems] == ["pip install 'edgetl[litert]'"]
    assert all(found.works is None and found.install.startswith("pip install") for found in report.engines)


def test_an_unknown_fault_gets_a_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "onnxruntime")
    install(tmp_path, monkeypatch, "raise RuntimeError('no')")
    report = doctor()
    assert not report.ok
    (problem,) = report.problems
    assert "onnxruntime" in problem.problem
    assert "does not work" in problem.problem
    assert problem.fix == "pip install --upgrade --force-reinstall onnxruntime"


def test_a_known_fault_is_told_with_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "onnxruntime", "openvino")
    install(tmp_path, monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr("edgetl.extras.version", lambda name: {"onnxruntime": "1.21.0"}.get(name, "2026.4.1"))
    report = doctor(root=board(tmp_path / "pi", features="fp asimd evtstrm crc32 cpuid"))
    assert report.machine.kind == "Raspberry Pi 4 Model B Rev 1.4"
    first, second = report.problems
    assert first.fix == "pip install --upgrade 'onnxruntime>=1.22'"
    assert first.source == "https://github.com/microsoft/onnxruntime/issues/23957"
    # The probe is a float32 model, which OpenVINO runs well there: its int8 is told nevertheless.
    assert "OpenVINO's int8 models" in second.problem


def test_a_weak_power_supply_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "litert")
    report = doctor(root=board(tmp_path, features="fp asimddp", throttled="50005"))
    assert [problem.problem.partition(":")[0] for problem in report.problems] == [
        "the board reports under-voltage now",
        "the board reports throttled now",
    ]
    assert "power supply" in report.problems[0].fix
    assert report.ok


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_the_same_as_text_and_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "litert", "tflite-runtime")
    text = CliRunner().invoke(command, [], standalone_mode=False)
    assert "litert" in text.stdout
    assert "not installed: pip install 'edgetl[tflite]'" in text.stdout
    assert "next: edgetl verify BUNDLE" in text.stderr
    found = json.loads(CliRunner().invoke(command, ["--json"], standalone_mode=False).stdout)
    assert set(found) == {"machine", "numpy", "pillow", "engines", "problems", "ok"}
    assert found["engines"][0]["works"] is True


def test_the_command_says_no_where_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgetl.extras.is_installed", lambda _: False)
    done = CliRunner().invoke(command, [], standalone_mode=False)
    assert "problem: no engine is installed" in done.stdout
    assert "    fix: pip install 'edgetl[litert]'" in done.stdout
    assert getattr(done.exception, "exit_code", None) == 3


def test_doctor_is_a_function_of_edgetl() -> None:
    import edgetl

    assert edgetl.doctor is doctor
    assert isinstance(sys.modules["edgetl.runtime.doctor"], type(sys))
    assert DoctorReport.__doc__
