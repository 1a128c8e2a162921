"""Engines are tried in a process of their own, and whatever they do there is told in one line."""

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgetl import isolated
from edgetl.runtime import engines, probe_models, trial
from edgetl.runtime.trial import EngineCheck, attempt, check


@pytest.mark.parametrize("name", ["litert", "tflite-runtime", "onnxruntime", "openvino"])
def test_every_engine_answers_the_probe(name: str, needs: Callable[[str], engines.EngineRow]) -> None:
    row = needs(name)
    assert check(row) == EngineCheck(name, row.formats, row.version, True, None, check(row).install)


def test_the_probe_s_answer_is_that_of_its_layer() -> None:
    from tiny_models import reference

    assert np.abs(reference(probe_models.PICTURE, 3) - probe_models.ANSWER).max() < 1e-6
    assert {row.formats[0] for row in engines.ENGINES.values() if row.package} == {
        "tflite",
        "onnx",
        "openvino",
    }


_KILL = "import os, signal; os.kill(os.getpid(), {})"
_FORGED = '{"answered": true, "reason": null}'
BROKEN = {
    _KILL.format("signal.SIGILL"): "dies with an illegal instruction (SIGILL)",
    _KILL.format("signal.SIGSEGV"): "dies with SIGSEGV",
    _KILL.format("signal.SIGKILL"): "dies with SIGKILL",
    _KILL.format("signal.SIGRTMIN + 1"): f"dies with signal {signal.SIGRTMIN + 1}",
    "import os; os._exit(7)": "its process ended with code 7 and no answer",
    "import os; os._exit(0)": "its process ended with code 0 and no answer",
    "raise SystemExit": "its process ended with code 0 and no answer",
    "import os; os.write(1, b'null\\n[]\\n7\\n'); os._exit(0)": "7",
    f"import os; os.write(1, b'{_FORGED}'); os._exit(0)": _FORGED,
    f"import os; print({_FORGED!r}, flush=True); os._exit(3)": _FORGED,
    "import os; os.write(2, b'\\x1b[2J\\xff\\x00' + 900 * b'x'); os._exit(1)": " [2J",
    "raise ImportError('libgomp.so.1: cannot open shared object file')": "libgomp.so.1: cannot open",
    "raise SystemExit('no license')": "no license",
    "import not_there_at_all": "No module named 'not_there_at_all'",
    "x = 1": "has no attribute 'SessionOptions'",
    "import time; time.sleep(60)": "gave no answer within 2 s",
    "while True: pass": "gave no answer within 2 s",
}
_MODULE = """
import numpy as np
class SessionOptions: pass
class InferenceSession:
    def __init__(self, *_, **__): pass
    def get_inputs(self):
        return [type("Input", (), {"name": "pixels", "type": "tensor(uint8)", "shape": [1, 8, 8, 3]})]
    def run(self, *_):
        print("chatter on stdout")
        return [np.float32(ANSWER)]
"""
RIGHT = probe_models.ANSWER[0].tolist()


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> engines.EngineRow:
    """Put an onnxruntime of our own in the way of the real one."""
    (folder / "onnxruntime.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    return engines.get("onnxruntime")


@pytest.mark.parametrize("code", BROKEN)
def test_an_engine_that_is_broken_is_told_with_its_reason(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = "no answer within" in BROKEN[code]
    found = check(install(tmp_path, monkeypatch, code), timeout_s=2 if hangs else 60)
    assert found.works is False
    assert found.reason is not None
    assert BROKEN[code] in found.reason
    assert found.reason.isprintable()
    assert len(found.reason) <= 301


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([[0.9, 0.1, 0.0]], "a probability is off by"),
        ([[float("nan"), 0.5, 0.5]], "a probability is off by"),
        ([RIGHT, RIGHT], "probabilities of shape (2, 3)"),
        (RIGHT, "probabilities of shape (3,)"),
        ([], "probabilities of shape (0,)"),
    ],
)
def test_an_engine_that_answers_wrongly_is_broken(
    answer: object, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = _MODULE.replace("ANSWER", str(answer).replace("nan", "np.nan"))
    found = check(install(tmp_path, monkeypatch, code))
    assert found.works is False
    assert f"answers wrongly: {why}" in str(found.reason)


def test_an_engine_that_answers_rightly_works_whatever_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os\nos.write(1, b'banner')\n" + _MODULE.replace("ANSWER", str([RIGHT]))
    assert check(install(tmp_path, monkeypatch, code)).works


@pytest.mark.parametrize("python", ["", "/not/there/python", __file__])
def test_a_python_that_cannot_be_started_again_is_told(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "executable", lambda: python)
    reason = attempt("edgetl.runtime.trial:probe", "litert")
    assert reason is not None
    assert reason.startswith("could not be tried: ")
    assert python in reason


def test_a_library_is_tried_by_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.py").write_text("print('hello')")
    (tmp_path / "bad.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(tmp_path)
    assert attempt("edgetl.runtime.trial:probe_import", "good") is None
    assert attempt("edgetl.runtime.trial:probe_import", "bad") == "ValueError: numpy.dtype size changed"


def test_what_is_not_installed_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgetl.extras.is_installed", lambda _: False)
    monkeypatch.setattr(trial, "attempt", lambda *_, **__: pytest.fail("it was tried"))
    found = check(engines.get("openvino"))
    assert (found.works, found.version, found.reason) == (None, None, None)
    assert str(found.install).endswith("pip install 'edgetl[openvino]'")
    absent = check(engines.get("openvino"), no_wheel="there is none")
    assert (absent.works, absent.reason, absent.install) == (None, "there is none", None)
