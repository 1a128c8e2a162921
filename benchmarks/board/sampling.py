"""The state of a machine sampled while a benchmark runs, by a thread that is asleep in between."""

import math
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edgetl.benchmarks.board.load import Load
from edgetl.benchmarks.board.power import Meter
from edgetl.benchmarks.state import Sensors

INTERVAL_S = 0.5
"""Between two samples; ``docs/board_state.md`` has what they cost."""


@dataclass(frozen=True)
class Sample:
    """The state at one moment. None where the machine does not tell."""

    at_s: float
    """By ``time.monotonic()``, which all processes of a machine share."""
    cost_s: float
    """Processor time that taking this sample took, the programs that were asked left out."""
    governor: str | None
    """CPU frequency governor of the first core."""
    clocks_hz: tuple[int, ...] | None
    """Of each core."""
    temperature_c: float | None
    """Of the CPU, degrees Celsius."""
    throttled: int | None
    """Bits of ``get_throttled``, see ``state.THROTTLING``."""
    slowed_count: int | None
    """How often a PC's processor has slowed itself for its heat since it was started."""
    busy_s: float | None
    """This and the next four: added up since the machine was started, see ``load.Counters``."""
    own_s: float | None
    steal_s: float | None
    swapped_bytes: int | None
    stalled_s: float | None
    power_w: float | None
    """The newest reading since the sample before; None where there is none, or no meter."""


@dataclass(frozen=True)
class Cost:
    """What sampling itself cost."""

    samples: int
    each_s: float
    """Processor time of one sample, median."""
    cores: float
    """Share of one core that all of them took, from the first to the last; 0.01 is one percent of a core."""


class Sampler:
    """Takes a sample every half second while its ``with`` block runs.

    ``mark()`` takes one at once and returns its time: mark the start and the end of what is measured, and
    ``samples(start, end)`` covers exactly that.
    """

    def __init__(
        self,
        *,
        interval_s: float = INTERVAL_S,
        root: Path = Path("/"),
        pid: int | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Look up where the machine shows its state; sampling begins with the block.

        Args:
            interval_s: seconds between two samples.
            root: where ``/proc`` and ``/sys`` stand; tests give a board's files.
            pid: the process at the root of the benchmark's own; None takes this one.
            meter: what tells the power, if anything does.
        """
        self._interval_s = interval_s
        self._load = Load(os.getpid() if pid is None else pid, root)
        self._sensors = Sensors(root)
        self._taken: list[Sample] = []
        self._watts: float | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._sample, name="edgetl-state", daemon=True)]
        if meter is not None:  # of its own: a program that tells the power may take its time
            self._threads.append(
                threading.Thread(target=self._measure_power, args=(meter,), name="edgetl-power", daemon=True)
            )

    def __enter__(self) -> "Sampler":
        self.mark()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.mark()

    def mark(self) -> float:
        """Take a sample now, and say when that was."""
        with self._lock:
            sample = self._take()
            self._taken.append(sample)
            return sample.at_s

    def samples(self, start_s: float = -math.inf, end_s: float = math.inf) -> tuple[Sample, ...]:
        """The samples from one moment to another, both included, in the order they were taken.

        Args:
            start_s: by ``time.monotonic()``, as :meth:`mark` returns it.
            end_s: likewise.
        """
        with self._lock:
            return tuple(sample for sample in self._taken if start_s <= sample.at_s <= end_s)

    def cost(self) -> Cost:
        """What sampling has cost so far. The block has been entered."""
        taken = self.samples()
        costs = sorted(sample.cost_s for sample in taken)
        lasted = taken[-1].at_s - taken[0].at_s
        return Cost(len(taken), costs[len(costs) // 2], sum(costs) / lasted if lasted else 0.0)

    def _take(self) -> Sample:
        at_s, began = time.monotonic(), time.thread_time()
        counters = self._load.read()
        watts, self._watts = self._watts, None
        return Sample(
            at_s=at_s,
            governor=self._sensors.governor(),
            clocks_hz=self._sensors.clocks_hz(),
            temperature_c=self._sensors.temperature_c(),
            throttled=self._sensors.throttled(),
            slowed_count=self._sensors.slowed_count(),
            busy_s=counters.busy_s,
            own_s=counters.own_s,
            steal_s=counters.steal_s,
            swapped_bytes=counters.swapped_bytes,
            stalled_s=counters.stalled_s,
            power_w=watts,
            cost_s=time.thread_time() - began,  # last, since Python takes them in this order
        )

    def _sample(self) -> None:
        while not self._ended.wait(self._interval_s):
            self.mark()

    def _measure_power(self, meter: Meter) -> None:
        while not self._ended.wait(meter.interval_s):
            self._watts = meter.read()
