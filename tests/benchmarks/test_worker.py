"""The measuring process: when it stops warming up, when it has measured enough, and what it answers."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import TypeAlias

import pytest
import support

from edgetl.benchmarks import worker
from edgetl.benchmarks.worker import Request

Taking: TypeAlias = Callable[[Callable[[int], float]], Callable[[], float]]


@pytest.fixture
def run_taking(monkeypatch: pytest.MonkeyPatch) -> Taking:
    """Make a run that takes as long as the given function of its number says, by a clock of its own."""
    clock = SimpleNamespace(now=0.0, runs=0)
    monkeypatch.setattr(worker, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def taking(seconds: Callable[[int], float]) -> Callable[[], float]:
        def run() -> float:
            took = seconds(clock.runs)
            clock.runs += 1
            clock.now += took
            return took

        return run

    return taking


def test_quick_runs_warm_up_for_a_fifth_of_a_second(run_taking: Taking) -> None:
    times, steady = worker.warm_up(run_taking(lambda number: 0.001))
    assert (len(times), steady) == (pytest.approx(200, abs=1), True)


def test_warm_up_goes_on_while_times_fall(run_taking: Taking) -> None:
    times, steady = worker.warm_up(run_taking(lambda number: max(0.05, 0.2 * 0.9**number)))
    assert steady
    assert times[-5:] == [0.05] * 5


def test_warm_up_of_times_that_never_settle_ends_after_five_seconds(run_taking: Taking) -> None:
    times, steady = worker.warm_up(run_taking(lambda number: 0.01 * 1.05 ** (number % 100)))
    assert not steady
    assert 5 <= sum(times) < 7


def test_a_model_too_slow_to_tell_is_neither_steady_nor_unsteady(run_taking: Taking) -> None:
    times, steady = worker.warm_up(run_taking(lambda number: 2.0))
    assert (len(times), steady) == (3, None)


def test_runs_and_seconds_are_both_kept(run_taking: Taking) -> None:
    run = run_taking(lambda number: 0.01)
    assert len(worker.repeat(run, 50, 0.1, None)) == 50
    assert len(worker.repeat(run, 1, 0.995, None)) == 100


def test_a_limit_ends_runs_that_are_too_slow(run_taking: Taking) -> None:
    assert len(worker.repeat(run_taking(lambda number: 1.0), 50, 3.0, 4.0)) == 4


def test_one_run_is_measured_at_least(run_taking: Taking) -> None:
    assert len(worker.repeat(run_taking(lambda number: 1.0), 1, 0.0, 0.0)) == 1


def test_answers_json_alone_whatever_the_engine_prints(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.001)
    request = Request(str(bundle), "fake-float32", "fake", 1, 5, 0.0, None)
    noisy = """
import os
from edgetl.benchmarks import worker
from edgetl.runtime.fake import FakeEngine

load = FakeEngine._load

def noisy(self, files):
    os.write(1, b"INFO: Created delegate\\n")
    print("hello")
    load(self, files)

FakeEngine._load = noisy
worker.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", noisy],
        input=json.dumps(asdict(request)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    measured = json.loads(ended.stdout)["measured"]
    assert len(measured["inference_s"]) == 5
    assert "INFO: Created delegate" in ended.stderr


def test_loads_no_training_library(tmp_path: Path) -> None:
    code = "import sys, edgetl.benchmarks.worker; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"tensorflow", "keras", "sklearn", "scipy", "onnx", "onnxruntime"}.isdisjoint(ended.stdout.split())
