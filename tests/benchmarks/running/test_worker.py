"""The measuring process: it answers JSON and nothing else, on the cores it was told to stay on."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import support

from edgetl.benchmarks.running.latency import Request

NOISY = """
import os
from edgetl.benchmarks.running import worker
from edgetl.runtime.fake import FakeEngine

load = FakeEngine._load

def noisy(self, files):
    os.write(1, b"INFO: Created delegate\\n")
    print("hello on cores", *sorted(os.sched_getaffinity(0)))
    load(self, files)

FakeEngine._load = noisy
worker.main()
"""


def answer(bundle: Path, *, code: str = NOISY, **changes: Any) -> tuple[dict[str, Any], str]:
    """What the worker answers, and what stands on its stderr."""
    request = Request(
        bundle=str(bundle),
        variant="fake-float32",
        engine="fake",
        threads=1,
        runs=5,
        seconds=0.0,
        at_most_s=None,
        **changes,
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps({"task": "latency", "request": asdict(request)}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(ended.stdout), ended.stderr


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.001)


def test_answers_json_alone_whatever_the_engine_prints(bundle: Path) -> None:
    reply, noise = answer(bundle)
    assert len(reply["measured"]["inference_s"]) == 5
    assert "INFO: Created delegate" in noise


def test_pictures_from_file_to_label_take_turns(bundle: Path) -> None:
    stages = answer(bundle)[0]["measured"]["stages"]
    assert stages["picture"][:6] == [0, 1, 2, 0, 1, 2]
    assert len(stages["picture"]) == len(stages["decode_s"]) >= 10
    assert len(stages["picture"]) % 3 == 0


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system keeps no process on cores")
def test_the_engine_starts_on_the_cores_that_were_named(bundle: Path) -> None:
    core = max(os.sched_getaffinity(0))
    _, noise = answer(bundle, cores=(core,))
    assert f"hello on cores {core}\n" in noise


def test_a_refusal_is_a_sentence(bundle: Path) -> None:
    (bundle / "fake-float32" / "model.fake").write_bytes(b"{}")
    reply, _ = answer(bundle)
    assert "is not the file that was exported" in reply["error"] or "the manifest says" in reply["error"]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from Linux' /proc")
def test_what_was_held_before_the_import_is_no_part_of_the_peak(bundle: Path) -> None:
    ballast = "held = bytearray(b'x') * 300_000_000\ndel held\n"
    measured = answer(bundle, code=ballast + NOISY)[0]["measured"]
    assert measured["rss_before_bytes"] <= measured["load_peak_bytes"] <= measured["peak_bytes"] < 200_000_000


def test_loads_no_engine_and_no_training_library() -> None:
    modules = "edgetl.benchmarks.running.worker, edgetl.benchmarks.running.processes"
    code = f"import sys, {modules}; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"tensorflow", "keras", "sklearn", "scipy", "onnx", "onnxruntime", "openvino", "ai_edge_litert"}
    assert heavy.isdisjoint(ended.stdout.split())


def test_numpy_is_imported_after_the_process_is_pinned() -> None:
    code = "import sys, edgetl.benchmarks.running.worker; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "numpy" not in ended.stdout.split()
