"""Pictures a second with several workers, in a process of its own (see ``worker``).

Measured is what a user gets: ``Classifier.classify_many`` over the golden pictures, again and again, from
their files to labels. Each worker has one thread, which decodes and runs; LiteRT and OpenVINO start an engine
for each.
"""

import contextlib
import itertools
from dataclasses import dataclass

from edgetl.benchmarks.running import memory
from edgetl.benchmarks.running.latency import import_library
from edgetl.benchmarks.running.raw import ThroughputRun
from edgetl.benchmarks.running.request import ProcessRequest
from edgetl.benchmarks.running.timing import repeat, timed, warm_up
from edgetl.bundle import Bundle
from edgetl.runtime import engines
from edgetl.runtime.classifier import Classifier
from edgetl.runtime.loaded import Loaded


@dataclass(frozen=True, kw_only=True)
class Request(ProcessRequest):
    """Pictures of a bundle that has golden ones."""

    workers: int


def measure(request: Request) -> ThroughputRun:
    """Measure in this process, which should be a fresh one.

    Raises:
        EdgetlError: the bundle is damaged, or the engine cannot load or run the model.
    """
    bundle = Bundle.open(request.bundle)
    variant = bundle.variant(request.variant)
    row = engines.get(request.engine)
    pictures = bundle.manifest.golden.pictures
    for picture in pictures:
        bundle.read(picture)  # refuses a damaged one with a clear sentence
    memory.reset_peak()
    import_library(row)
    engine = engines.start(row, bundle.model_files(variant), num_threads=1)
    endless = itertools.cycle([bundle.path / picture.path for picture in pictures])
    with (
        Classifier(Loaded(bundle, variant, engine)) as classifier,
        contextlib.closing(classifier.classify_many(endless, workers=request.workers)) as answers,
    ):

        def turn() -> float:
            return timed(lambda: [next(answers) for _ in range(request.workers)])[1]

        warmup, steady = warm_up(turn)
        turns = repeat(turn, -(-request.runs // request.workers), request.seconds, request.at_most_s)
        return ThroughputRun(
            turns_s=tuple(turns),
            warmup_s=tuple(warmup),
            steady=steady,
            peak_bytes=memory.resident_bytes("VmHWM"),
        )
