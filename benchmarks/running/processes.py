"""The parent's side of ``worker``: start a process for a task, and read its answer or its last words."""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from typing import Any, TypeAlias

from edgetl import debug, isolated
from edgetl.benchmarks.running import latency, throughput, timer
from edgetl.benchmarks.running.raw import ProcessRun, Stages, ThroughputRun
from edgetl.benchmarks.running.timer import Timer
from edgetl.benchmarks.running.yardstick import Yardstick
from edgetl.errors import ModelError

Request: TypeAlias = latency.Request | throughput.Request | timer.Request


def latency_of(request: latency.Request) -> ProcessRun:
    """Latency and memory of one variant, measured in a process of its own.

    Raises:
        ModelError: the process refused, crashed, or hangs; the message says which.
    """
    measured = _ask("latency", request)
    stages, yardstick = measured.pop("stages"), measured.pop("yardstick")
    return ProcessRun(
        **_with_tuples(measured),
        stages=Stages(**_with_tuples(stages)) if stages else None,
        yardstick=Yardstick(**_with_tuples(yardstick)) if yardstick else None,
    )


def throughput_of(request: throughput.Request) -> ThroughputRun:
    """Throughput of one variant, measured in a process of its own.

    Raises:
        ModelError: as for :func:`latency_of`.
    """
    return ThroughputRun(**_with_tuples(_ask("throughput", request)))


def timer_overhead(cores: tuple[int, ...] | None) -> Timer:
    """What measuring costs, measured in a process of its own.

    Raises:
        ModelError: as for :func:`latency_of`.
    """
    return Timer(**_ask("timer", timer.Request(cores)))


def _ask(task: str, request: Request) -> dict[str, Any]:
    question = json.dumps({"task": task, "request": asdict(request)}).encode()
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "edgetl.benchmarks.running.worker"]
        errors = None if debug.is_on() else log
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process:
            try:
                answer, _ = process.communicate(question, timeout=request.limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise ModelError(f"{request.what} hangs: no answer for {request.limit_s:.0f} s") from None
            except BaseException:  # Ctrl-C among them: no process outlives the benchmark
                process.kill()
                raise
        try:
            reply: dict[str, Any] = json.loads(answer)
        except ValueError:
            log.seek(0)
            fate = isolated.last_words(process.returncode, log.read())
            raise ModelError(f"{request.what} failed: {fate}") from None
    if "error" in reply:
        raise ModelError(reply["error"])
    measured: dict[str, Any] = reply["measured"]
    return measured


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
