"""What becomes of processes that crash, hang or are stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import support

from edgetl.benchmarks.running import processes, throughput
from edgetl.benchmarks.running.latency import Request
from edgetl.errors import ModelError

REQUEST = Request(
    bundle="nowhere", variant="fake-float32", engine="fake", threads=1, runs=1, seconds=0.0, at_most_s=1.0
)


def program(folder: Path, script: str) -> str:
    """An executable to stand in for Python."""
    place = folder / "python"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return str(place)


def test_a_crash_is_named_by_its_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", program(tmp_path, "kill -SEGV $$"))
    with pytest.raises(ModelError, match="fake failed: its process was ended by SIGSEGV"):
        processes.latency_of(REQUEST)


def test_an_unforeseen_error_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", program(tmp_path, "echo 'MemoryError: 4 GB' >&2; exit 1"))
    with pytest.raises(ModelError, match="failed: MemoryError: 4 GB"):
        processes.latency_of(REQUEST)


def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgetl.benchmarks.running.request._SILENCE_S", 0.2)
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exec sleep 100"))
    with pytest.raises(ModelError, match="fake hangs"):
        processes.latency_of(REQUEST)


def test_the_timer_has_a_name_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exit 3"))
    with pytest.raises(ModelError, match=r"the timer's own measurement failed: .* code 3"):
        processes.timer_overhead(None)


def two_workers(bundle: Path) -> throughput.Request:
    return throughput.Request(
        bundle=str(bundle),
        variant="fake-float32",
        engine="fake",
        workers=2,
        runs=9,
        seconds=0.0,
        at_most_s=None,
    )


def test_throughput_is_counted_in_turns_of_one_picture_for_each_worker(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "b.edgetl", delay_s=0.02)
    run = processes.throughput_of(two_workers(bundle))
    assert len(run.turns_s) == 5  # nine pictures, rounded up to whole turns of two
    # Two workers that sleep at the same time: a turn takes one delay, not two.
    assert sum(run.turns_s) >= 4 * 0.02
    assert run.warmup_s


def test_the_error_of_a_throughput_is_the_workers_sentence(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "b.edgetl")
    (bundle / "golden" / "1.jpg").write_bytes(b"?")
    with pytest.raises(ModelError, match=r"golden/1\.jpg has 1 bytes and the manifest says"):
        processes.throughput_of(two_workers(bundle))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in Linux' /proc")
def test_stopping_the_benchmark_stops_the_process_that_measures(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "b.edgetl", delay_s=0.002)
    code = f"import edgetl; edgetl.bench({str(bundle)!r}, threads=[1], duration_s=100.0)"
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, start_new_session=True)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 30
    while not (found := children.read_text().split()) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGINT)
    parent.wait(timeout=30)
    assert found
    # One that was only just started is not killed: it ends when it finds its pipe closed.
    while any(Path(f"/proc/{child}").exists() for child in found) and time.monotonic() < deadline + 30:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in found)
