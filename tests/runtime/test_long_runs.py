"""Classifying through the public API for long: no memory, descriptor or thread is lost, no answer changes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from deep import SEED, cases

from edgetl.runtime.engines import EngineRow

COUNT = cases(20_000, 1_000_000)
MOST_GROWTH_BYTES = 2_000_000
_FORMATS = {"litert": "tflite-int8", "onnxruntime": "onnx-float32", "openvino": "openvino-float32"}

_SOAK = """
import json, os, sys, threading
import numpy as np
import edgetl
from edgetl.benchmarks.running.memory import resident_bytes
place, variant, engine, count, seed = sys.argv[1:]
count = int(count)
pictures = np.random.default_rng(int(seed)).integers(0, 256, (16, 16, 16, 3), np.uint8)
def state():
    return {
        "resident": resident_bytes("VmRSS"),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "python_threads": threading.active_count(),
    }
with edgetl.load(place, variant, engine, num_threads=1) as model:
    first = [model.classify(picture).probabilities.tobytes() for picture in pictures]
    states, wrong = [], 0
    for number in range(count):
        answer = model.classify(pictures[number % 16])
        wrong += answer.probabilities.tobytes() != first[number % 16]
        if number + 1 == 1000 or number % (count // 20) == count // 20 - 1:
            states.append(state())
print(json.dumps({"states": states, "wrong": wrong}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts what /proc tells")
@pytest.mark.parametrize("engine", list(_FORMATS))
def test_classifying_for_long_loses_nothing(
    colour_bundle: Path, engine: str, needs: Callable[[str], EngineRow]
) -> None:
    needs(engine)
    command = [
        sys.executable,
        "-c",
        _SOAK,
        str(colour_bundle),
        _FORMATS[engine],
        engine,
        str(COUNT),
        str(SEED),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3000)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    warm, *later = found["states"]
    growth = max(state["resident"] for state in later) - warm["resident"]
    print(engine, COUNT, f"{growth / 1e6:+.2f} MB", warm)  # noqa: T201 - the figures, with -s
    assert found["wrong"] == 0
    assert growth < MOST_GROWTH_BYTES
    for what in ("descriptors", "threads", "python_threads"):
        assert {state[what] for state in later} == {warm[what]}


_AGAIN = """
import json, os, sys
import numpy as np
import edgetl
from edgetl.benchmarks.running.memory import resident_bytes
place, variant, engine, count = sys.argv[1:]
picture = np.zeros((16, 16, 3), np.uint8)
states = []
for number in range(int(count)):
    with edgetl.load(place, variant, engine, num_threads=1) as model:
        model.classify(picture)
    if number % (int(count) // 5) == int(count) // 5 - 1:
        descriptors, threads = os.listdir("/proc/self/fd"), os.listdir("/proc/self/task")
        states.append((resident_bytes("VmRSS"), len(descriptors), len(threads)))
print(json.dumps(states))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts what /proc tells")
@pytest.mark.parametrize("engine", list(_FORMATS))
def test_loading_and_closing_again_and_again_loses_nothing(
    colour_bundle: Path, engine: str, needs: Callable[[str], EngineRow]
) -> None:
    needs(engine)
    count = cases(25, 1_000)
    command = [sys.executable, "-c", _AGAIN, str(colour_bundle), _FORMATS[engine], engine, str(count)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3000)
    assert ended.returncode == 0, ended.stderr
    states = json.loads(ended.stdout)
    per_load = (states[-1][0] - states[0][0]) / (0.8 * count)
    print(engine, count, f"{per_load / 1e3:+.1f} kB a load", states[-1][1:])  # noqa: T201
    assert states[-1][0] - states[0][0] < MOST_GROWTH_BYTES * cases(1, 10)
    assert {tuple(state[1:]) for state in states} == {tuple(states[0][1:])}  # descriptors, threads
