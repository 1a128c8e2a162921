"""Latency and memory of one variant, in a process of its own (see ``worker``)."""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgetl.benchmarks.running import batch, memory
from edgetl.benchmarks.running.raw import ProcessRun, Stages
from edgetl.benchmarks.running.request import ProcessRequest
from edgetl.benchmarks.running.timing import repeat, timed, warm_up
from edgetl.benchmarks.running.yardstick import beside
from edgetl.bundle import Bundle
from edgetl.manifest import Variant
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine, Images, Outputs
from edgetl.runtime.classifier import Classifier
from edgetl.runtime.loaded import Loaded
from edgetl.runtime.result import Timings

_ROUNDS_TO_WARM_UP = 2
_PICTURES_AT_LEAST = 10
_PICTURES_S = 0.5
_PICTURES_AT_MOST_S = 5.0

Scalar = TypeVar("Scalar", bound=np.generic)

# What an engine imports where that is more than its package's own __init__.
_LIBRARIES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
}


@dataclass(frozen=True, kw_only=True)
class Request(ProcessRequest):
    """Inferences of one variant."""

    threads: int
    batch: int = 1
    """Pictures of one inference."""


def measure(request: Request) -> ProcessRun:
    """Measure in this process, which should be a fresh one.

    Raises:
        EdgetlError: the bundle is damaged, or the engine cannot load or run the model.
    """
    bundle = Bundle.open(request.bundle)
    variant = bundle.variant(request.variant)
    row = engines.get(request.engine)
    expected = bundle.expected()
    pixels = _repeated(np.asarray(expected["pixels"], np.uint8), request.batch)
    golden = expected[variant.name][: len(expected["pixels"])]  # behind them stand those of the probes
    answers = _repeated(np.asarray(golden, np.float32), request.batch)
    del expected
    memory.reset_peak()
    rss_before = memory.resident_bytes("VmRSS")
    _, imported = timed(lambda: import_library(row))
    model, loaded = _load(bundle, variant, row, request)
    rss_after, load_peak = memory.resident_bytes("VmRSS"), memory.resident_bytes("VmHWM")
    run = model.run if isinstance(model, AbstractEngine) else model

    def infer() -> float:
        return timed(lambda: run(pixels))[1]

    warmup, steady = warm_up(infer)
    infer_and_look, yardstick = beside(infer)
    times = repeat(infer_and_look, request.runs, request.seconds, request.at_most_s)
    rss_steady, peak = memory.resident_bytes("VmRSS"), memory.resident_bytes("VmHWM")
    if request.batch > 1:
        batch.check(run(pixels), answers, variant.tolerance)
    return ProcessRun(
        import_s=imported,
        load_s=loaded,
        warmup_s=tuple(warmup),
        steady=steady,
        inference_s=tuple(times),
        rss_before_bytes=rss_before,
        rss_after_bytes=rss_after,
        rss_steady_bytes=rss_steady,
        peak_bytes=peak,
        load_peak_bytes=load_peak,
        yardstick=yardstick(),
        stages=_stages(bundle, variant, model, request.seconds)
        if isinstance(model, AbstractEngine)
        else None,
    )


def import_library(row: engines.EngineRow) -> None:
    """Import what the engine will; nothing where it needs no package."""
    if row.package is not None:
        importlib.import_module(_LIBRARIES.get(row.package, row.package))


def _load(
    bundle: Bundle, variant: Variant, row: engines.EngineRow, request: Request
) -> tuple[AbstractEngine | Callable[[Images], Outputs], float]:
    """The model and the seconds from its bytes to there. The bytes are let go, as ``edgetl.load`` does."""
    files = bundle.model_files(variant)
    if request.batch == 1:
        return timed(lambda: engines.start(row, files, num_threads=request.threads))
    return timed(lambda: batch.start(row, files, count=request.batch, num_threads=request.threads))


def _repeated(rows: NDArray[Scalar], count: int) -> NDArray[Scalar]:
    """The first ``count`` rows, beginning anew where there are too few; a copy."""
    return np.resize(rows, (count, *rows.shape[1:]))


def _stages(bundle: Bundle, variant: Variant, engine: AbstractEngine, seconds: float) -> Stages | None:
    pictures = bundle.manifest.golden.pictures
    if not pictures:
        return None
    for picture in pictures:
        bundle.read(picture)  # refuses a damaged one with a clear sentence
    places = [bundle.path / picture.path for picture in pictures]
    classifier = Classifier(Loaded(bundle, variant, engine))
    for _ in range(_ROUNDS_TO_WARM_UP):
        for place in places:
            classifier.classify(place)
    timings: list[tuple[int, Timings]] = []

    def classify_each() -> float:
        begun = len(timings)
        timings.extend((number, classifier.classify(place).timings) for number, place in enumerate(places))
        return sum(timing.total_s for _, timing in timings[begun:])

    # Whole turns, so that a large picture counts as often as a small one.
    turns = math.ceil(_PICTURES_AT_LEAST / len(places))
    repeat(classify_each, turns, min(seconds / 4, _PICTURES_S), _PICTURES_AT_MOST_S)
    return Stages(
        decode_s=tuple(round(timing.decode_s, 9) for _, timing in timings),
        resize_s=tuple(round(timing.resize_s, 9) for _, timing in timings),
        infer_s=tuple(round(timing.infer_s, 9) for _, timing in timings),
        post_s=tuple(round(timing.post_s, 9) for _, timing in timings),
        picture=tuple(number for number, _ in timings),
    )
