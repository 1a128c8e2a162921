"""What measuring itself costs: the clock, and a call of an engine that does nothing."""

import statistics
import time
from dataclasses import dataclass
from typing import final

import numpy as np

from edgetl.benchmarks.running.timing import repeat, timed
from edgetl.runtime.base import AbstractEngine, Images, Outputs

_PAIRS = 10_000
_CALLS = 1_000
_BLOCKS = 50
_EMPTY_RUNS = 5_000
_AT_MOST_S = 2.0


@dataclass(frozen=True)
class Timer:
    """The overhead of the timer on the machine that was measured; seconds."""

    resolution_s: float
    """Smallest difference that two readings of ``time.perf_counter``, one after the other, showed."""
    call_s: float
    """One reading of the clock; median of 50 blocks of 1,000. A timed section holds about one."""
    empty_s: float
    """What every time in the report holds beside the engine's own work: the median of empty inferences, of
    an engine that answers at once, measured by the same loop. It is not subtracted."""


@dataclass(frozen=True)
class Request:
    """What the parent asks for."""

    cores: tuple[int, ...] | None = None
    """Cores to run on; None leaves them to the system."""

    @property
    def what(self) -> str:
        """Who is at fault when no answer comes."""
        return "the timer's own measurement"

    @property
    def limit_s(self) -> float | None:
        """Seconds the measuring may take."""
        return _AT_MOST_S


def measure(request: Request) -> Timer:  # noqa: ARG001 - every task takes its request
    """Measure the clock and the loop, in this process."""
    return Timer(resolution_s=_resolution(), call_s=_call(), empty_s=_empty())


def _resolution() -> float:
    clock = time.perf_counter
    steps = (-clock() + clock() for _ in range(_PAIRS))
    # A clock that stands still for all pairs is coarser than any of them; then its own word is taken.
    seen = min((step for step in steps if step > 0), default=time.get_clock_info("perf_counter").resolution)
    return round(seen, 12)


def _call() -> float:
    clock = time.perf_counter
    calls = range(_CALLS)

    def block() -> float:
        start = clock()
        for _ in calls:
            clock()
        return (clock() - start) / _CALLS

    return round(statistics.median(block() for _ in range(_BLOCKS)), 12)


def _empty() -> float:
    with _Nothing({}, num_threads=1) as engine:
        pixels = np.zeros((1, *engine.input_shape), np.uint8)
        return statistics.median(
            repeat(lambda: timed(lambda: engine.run(pixels))[1], _EMPTY_RUNS, 0.0, _AT_MOST_S)
        )


@final
class _Nothing(AbstractEngine):
    """Answers at once. The fake engine does not: even ``time.sleep(0)`` takes some 60 µs on Linux."""

    name = "nothing"

    def _load(self, files: object) -> None:
        self.input_shape = (224, 224, 3)
        self._answer = (np.ones((1, 1), np.float32),)

    def _run_one(self, image: Images) -> Outputs:
        return self._answer

    def _free(self) -> None:
        """Nothing to free."""
