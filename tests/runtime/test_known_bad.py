"""The table of what is known not to work, and what ``edgetl.load`` refuses for it."""

import importlib.metadata
import re
from pathlib import Path

import numpy as np
import pytest
from boards import features, write_board

from edgetl.runtime import engines, facts, known_bad
from edgetl.runtime.facts import Facts
from edgetl.runtime.known_bad import TABLE, refusal


def a_pi(kind: str = "pi4", **changes: object) -> Facts:
    """A 64-bit Pi with Python 3.11, NumPy 2 and no engine, but for the changes."""
    pi = {
        "engines": {},
        "numpy": "2.4.6",
        "pillow": "12.3.0",
        "python": (3, 11),
        "architecture": "aarch64",
        "bits": 64,
        "cpu_features": features(kind),
    }
    return Facts(**{**pi, **changes})  # type: ignore[arg-type]


def told(given: Facts) -> list[str]:
    """The problems of the lines that apply, without those of engines that cannot be installed."""
    return [row.problem for row in TABLE if row.applies(given) and not row.no_wheel]


TFLITE, OLD_NUMPY = {"tflite-runtime": "2.14.0"}, "1.26.4"
PC = {"architecture": "x86_64", "cpu_features": frozenset({"sse2", "avx2"})}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (a_pi(), []),
        (a_pi("pi5"), []),
        (a_pi(engines={"onnxruntime": "1.21.0"}), ["illegal instruction"]),
        (a_pi(engines={"onnxruntime": "1.22.0"}), []),
        (a_pi("pi5", engines={"onnxruntime": "1.21.0"}), []),
        (a_pi(engines={"onnxruntime": "1.21.0"}, **PC), []),
        (a_pi(engines=TFLITE), ["NumPy 2", "dynamic models"]),
        (a_pi(engines=TFLITE, numpy=OLD_NUMPY), ["dynamic models"]),
        (a_pi("pi5", engines=TFLITE, numpy=OLD_NUMPY), ["dynamic models", "dot-product instructions"]),
        (a_pi("pi5", engines={**TFLITE, "litert": "2.3.0"}, numpy=OLD_NUMPY), []),
        (a_pi(engines={"openvino": "2026.4.1"}), ["OpenVINO's int8 models"]),
        (a_pi("pi5", engines={"openvino": "2026.4.1"}), []),
        (a_pi(engines={"openvino": "2026.4.1"}, **PC), []),
        (a_pi(engines={"openvino": "2026.4.1"}, cpu_features=frozenset()), []),
        (a_pi("pi2", architecture="armv7l", bits=32), ["tflite-runtime has"]),
        (a_pi(architecture="aarch64", bits=32), ["tflite-runtime has"]),
        (a_pi("pi2", architecture="armv7l", bits=32, python=(3, 13)), ["no engine has wheels"]),
        (a_pi("pi2", architecture="armv6l", bits=32), ["no engine has wheels"]),
        (a_pi(pillow="13.0.0"), ["this Pillow"]),
        (a_pi(pillow="9.4.0"), ["this Pillow"]),
        (a_pi(pillow="10.3.0"), []),
        (a_pi("pi2", architecture="armv7l", bits=32, pillow="9.4.0"), ["tflite-runtime has"]),
        (a_pi(clock=("cpufreq-dt", "powersave")), ["governor is powersave"]),
        (a_pi(clock=("intel_pstate", "powersave"), **PC), []),
        (a_pi(clock=("cpufreq-dt", "ondemand")), []),
    ],
)
def test_known_bad_combinations_are_known(given: Facts, expected: list[str]) -> None:
    found = told(given)
    assert len(found) == len(expected)
    assert all(part in problem for part, problem in zip(expected, found, strict=True))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (a_pi(), []),
        (a_pi(bits=32), ["litert", "onnxruntime", "openvino"]),
        (a_pi(python=(3, 12)), ["tflite-runtime"]),
        (a_pi(bits=32, python=(3, 13)), ["litert", "onnxruntime", "openvino", "tflite-runtime"]),
    ],
)
def test_what_cannot_be_installed_is_known(given: Facts, expected: list[str]) -> None:
    assert [row.engine for row in TABLE if row.no_wheel and row.applies(given)] == expected


def test_every_line_of_the_table_says_what_how_and_whence() -> None:
    for row in TABLE:
        assert row.engine is None or row.engine in engines.ENGINES
        assert row.problem
        assert row.fix
        assert row.source
        assert row.engine is not None or not row.precisions


# --- what edgetl.load asks ------------------------------------------------------------------------


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The engines that are said to be installed, by their package on the index."""
    given = {"onnxruntime": "1.31.1", "openvino": "2026.4.1", "tflite-runtime": "2.14.0"}
    monkeypatch.setattr("edgetl.extras.version", given.get)
    monkeypatch.setattr(np, "__version__", OLD_NUMPY)
    monkeypatch.setattr("struct.calcsize", lambda _: 8)
    return given


@pytest.mark.parametrize(
    ("board", "engine", "precision", "part"),
    [
        ("pi4", "openvino", "int8", "asimddp"),
        ("pi4", "openvino", "float32", None),
        ("pi4", "openvino", "float16", None),
        ("pi5", "openvino", "int8", None),
        ("pi4", "tflite-runtime", "dynamic", "FULLY_CONNECTED version 12"),
        ("pi5", "tflite-runtime", "dynamic", "FULLY_CONNECTED version 12"),
        ("pi5", "tflite-runtime", "int8", None),
        ("pi4", "litert", "dynamic", None),
        ("pi4", "onnxruntime", "int8", None),
        ("pi4", "fake", "int8", None),
    ],
)
def test_what_this_board_cannot_run_is_refused_with_the_way_out(
    tmp_path: Path, versions: dict[str, str], board: str, engine: str, precision: str, part: str | None
) -> None:
    found = refusal(engine, precision, root=write_board(tmp_path, board))
    assert (found is None) == (part is None)
    if part is not None and found is not None:
        assert part in found
        assert found.endswith(": edgetl export RUN --formats tflite --precisions float32,int8")


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_an_engine_that_dies_of_every_model_is_refused_for_all(
    tmp_path: Path, versions: dict[str, str], monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    pi4 = write_board(tmp_path, "pi4")
    versions["onnxruntime"] = "1.21.0"
    assert "illegal instruction" in str(refusal("onnxruntime", precision, root=pi4))
    monkeypatch.setattr(np, "__version__", "2.4.6")
    assert str(refusal("tflite-runtime", precision, root=pi4)).endswith(": pip install 'numpy<2'")


def test_the_cpu_is_read_once_and_only_where_a_line_could_apply(
    tmp_path: Path, versions: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_board(tmp_path, "pi4")
    read: list[str] = []
    read_text = facts.read_text
    monkeypatch.setattr(facts, "read_text", lambda path: (read.append(path.name), read_text(path))[1])
    for engine, precision in [("litert", "int8"), ("fake", "int8"), ("openvino", "float32")]:
        assert refusal(engine, precision, root=root) is None
    assert read == []
    for _ in range(3):
        assert refusal("openvino", "int8", root=root) is not None
    assert read.count("cpuinfo") == 1


def test_a_machine_that_hides_its_cpu_is_refused_nothing(tmp_path: Path, versions: dict[str, str]) -> None:
    assert refusal("openvino", "int8", root=tmp_path) is None


def test_cores_that_differ_count_as_the_weakest(tmp_path: Path, versions: dict[str, str]) -> None:
    root = write_board(tmp_path, "pi5")
    strong = (root / "proc/cpuinfo").read_text()
    (root / "proc/cpuinfo").write_text(strong + "processor\t: 4\nFeatures\t: fp asimd crc32\n\n")
    assert refusal("openvino", "int8", root=root) is not None


def test_the_table_is_the_only_place_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_bad, "TABLE", ())
    assert refusal("tflite-runtime", "dynamic") is None


def test_every_line_that_installs_an_extra_names_one_there_is() -> None:
    there_are = set(importlib.metadata.metadata("edgetl").get_all("Provides-Extra") or ())
    named = {extra for row in TABLE for extra in re.findall(r"edgetl\[(\w+)\]", row.fix)}
    assert named
    assert named <= there_are
