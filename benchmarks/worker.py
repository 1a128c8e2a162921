"""The child process of a benchmark: one variant, one engine, one thread count. JSON in, JSON out.

It is started as ``python -m edgetl.benchmarks.worker``, reads a :class:`Request` from stdin and answers with
one object on stdout: ``{"measured": ...}`` with the fields of ``results.ProcessRun``, or ``{"error": ...}``
with a sentence. Whatever libraries print goes to stderr.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edgetl.benchmarks import stats
from edgetl.benchmarks.results import ProcessRun, Stages
from edgetl.benchmarks.state import read_text
from edgetl.bundle import Bundle
from edgetl.errors import EdgetlError
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine
from edgetl.runtime.classifier import Classifier

WARMUP_AT_LEAST_S = 0.2
"""Clocks need some tens of milliseconds to rise, so ten quick runs are not enough to warm up."""
WARMUP_AT_MOST_S = 5.0
_PICTURES_TO_WARM_UP = 2
_PICTURES_AT_LEAST = 10
_PICTURES_AT_MOST_S = 5.0

T = TypeVar("T")

# What an engine imports where that is more than its package's own __init__.
_LIBRARIES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
}


@dataclass(frozen=True)
class Request:
    """What the parent asks for."""

    bundle: str
    variant: str
    engine: str
    threads: int
    runs: int
    """Inferences to measure, at least."""
    seconds: float
    """And for at least that long,"""
    at_most_s: float | None
    """but no longer than that; None for as long as it takes."""


def measure(request: Request) -> ProcessRun:
    """Measure in this process, which should be a fresh one.

    Raises:
        EdgetlError: the bundle is damaged, or the engine cannot load or run the model.
    """
    bundle = Bundle.open(request.bundle)
    variant = bundle.variant(request.variant)
    row = engines.get(request.engine)
    files = bundle.model_files(variant)
    pixels = np.asarray(bundle.expected()["pixels"][:1], np.uint8)
    rss_before = resident_bytes("VmRSS")
    _, imported = timed(lambda: _import_library(row))
    engine, loaded = timed(lambda: engines.start(row, files, num_threads=request.threads))
    rss_after = resident_bytes("VmRSS")
    with engine:

        def infer() -> float:
            return timed(lambda: engine.run(pixels))[1]

        warmup, steady = warm_up(infer)
        times = repeat(infer, request.runs, request.seconds, request.at_most_s)
        peak = resident_bytes("VmHWM")
        return ProcessRun(
            import_s=imported,
            load_s=loaded,
            warmup_s=tuple(warmup),
            steady=steady,
            inference_s=tuple(times),
            rss_before_bytes=rss_before,
            rss_after_bytes=rss_after,
            peak_bytes=peak,
            stages=_stages(bundle, request, engine),
        )


def warm_up(infer: Callable[[], float]) -> tuple[list[float], bool | None]:
    """Run until the times are steady (see ``stats.is_steady``), and at least 0.2 s and at most 5 s.

    Returns:
        The times, and whether they became steady; None when too few ran to tell.
    """
    times = []
    start = time.perf_counter()
    while True:
        times.append(infer())
        elapsed = time.perf_counter() - start
        if elapsed >= WARMUP_AT_LEAST_S and stats.is_steady(times):
            return times, True
        if elapsed >= WARMUP_AT_MOST_S:
            return times, False if len(times) >= stats.STEADY_WINDOW else None


def repeat(infer: Callable[[], float], runs: int, seconds: float, at_most_s: float | None) -> list[float]:
    """Run at least ``runs`` times and ``seconds`` long, once at least, and no longer than ``at_most_s``."""
    times = []
    start = time.perf_counter()
    while True:
        times.append(infer())
        elapsed = time.perf_counter() - start
        if (len(times) >= runs and elapsed >= seconds) or (at_most_s is not None and elapsed >= at_most_s):
            return times


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """What the function returns, and the seconds it took, to the nanosecond."""
    start = time.perf_counter()
    value = function()
    return value, round(time.perf_counter() - start, 9)


def resident_bytes(field: str) -> int | None:
    """Resident memory of this process: ``VmRSS`` now, ``VmHWM`` at its largest; None where there is no /proc.

    Not ``getrusage``: its peak is carried over from the parent through fork and exec, so a child of a
    process that once held 600 MB never reports less than that.
    """
    status = read_text(Path("/proc/self/status")) or ""
    values = (line.split() for line in status.splitlines() if line.startswith(f"{field}:"))
    return next((int(words[1]) * 1024 for words in values), None)


def _stages(bundle: Bundle, request: Request, engine: AbstractEngine) -> Stages | None:
    pictures = bundle.manifest.golden.pictures
    if not pictures:
        return None
    bundle.read(pictures[0])  # refuses a damaged one with a clear sentence
    picture = bundle.path / pictures[0].path
    classifier = Classifier(bundle, bundle.variant(request.variant), engine)
    for _ in range(_PICTURES_TO_WARM_UP):
        classifier.classify(picture)
    timings = []

    def classify() -> float:
        timings.append(classifier.classify(picture).timings)
        return timings[-1].total_s

    repeat(classify, _PICTURES_AT_LEAST, min(request.seconds / 4, 0.5), _PICTURES_AT_MOST_S)
    return Stages(
        decode_s=tuple(round(timing.decode_s, 9) for timing in timings),
        resize_s=tuple(round(timing.resize_s, 9) for timing in timings),
        infer_s=tuple(round(timing.infer_s, 9) for timing in timings),
        post_s=tuple(round(timing.post_s, 9) for timing in timings),
    )


def _import_library(row: engines.EngineRow) -> None:
    if row.package is not None:
        importlib.import_module(_LIBRARIES.get(row.package, row.package))


def main() -> None:
    """Answer one request."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not stand among the JSON
    request = Request(**json.load(sys.stdin))
    try:
        reply: dict[str, Any] = {"measured": asdict(measure(request))}
    except EdgetlError as error:
        reply = {"error": str(error)}
    with os.fdopen(answer, "w") as channel:
        json.dump(reply, channel)
    # An engine's threads can hang or crash while Python shuts down, after the answer is safe.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
