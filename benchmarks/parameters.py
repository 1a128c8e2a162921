"""What a benchmark is asked for, and what of it would measure nothing."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from edgetl.benchmarks import stats
from edgetl.benchmarks.board import cooling
from edgetl.benchmarks.running import pinning
from edgetl.errors import UsageError

ROUNDS = 4
"""Fresh processes for each measurement, unless asked otherwise; see ``order.visits`` for why four."""
DEFAULT_DURATION_S = 3.0
"""Seconds of inference for each measurement, all rounds together, when none are asked for."""
DEFAULT_AT_MOST_S = 30.0
"""A slow model stops there, although it then has too few runs for a p95."""
PERCENTILES = (95, 99)


@dataclass(frozen=True)
class Effort:
    """How long one process goes on measuring."""

    runs: int
    """Inferences, at least."""
    seconds: float
    """And for at least that long,"""
    at_most_s: float | None
    """but no longer than that; None for as long as it takes."""


@dataclass(frozen=True)
class Parameters:
    """What was asked for."""

    variants: tuple[str, ...]
    threads: tuple[int, ...]
    rounds: int
    """Fresh processes for each measurement."""
    runs: int | None
    """Inferences for each measurement; None leaves it to the time."""
    duration_s: float | None
    """Seconds of inference for each measurement; None takes the default."""
    percentile: int | None = None
    """95 or 99: measured until there are enough runs for it; None: p95, if 30 s are enough for it."""
    batches: tuple[int, ...] = (1,)
    """Pictures of one inference; one is always among them."""
    workers: tuple[int, ...] = ()
    """Workers of ``Classifier.classify_many`` to measure the throughput with; empty measures none."""
    cores: tuple[int, ...] | None = None
    """Cores every process was kept on; None left them to the system."""
    wait_cool: str | None = None
    """``steady``, or the degrees Celsius that were waited for before the first run; None did not wait."""
    soak_s: float | None = None
    """Seconds for which one variant ran without a pause afterwards; None did not."""
    profile: bool = False
    """Whether the operators of each variant were timed afterwards."""
    power_command: str | None = None
    """The user's program that tells watts; None takes what the board has."""

    @property
    def effort(self) -> Effort:
        """The share of one process."""
        by_default = self.runs is None and self.duration_s is None
        needed = stats.samples_needed((self.percentile or 95) / 100)
        runs = needed if by_default or self.percentile is not None else 1
        seconds = DEFAULT_DURATION_S if by_default else self.duration_s or 0.0
        limited = by_default and self.percentile is None
        return Effort(
            runs=math.ceil((self.runs or runs) / self.rounds),
            seconds=seconds / self.rounds,
            at_most_s=DEFAULT_AT_MOST_S / self.rounds if limited else None,
        )

    def check(self) -> None:
        """Refuse what measures nothing.

        Raises:
            UsageError: a count, time, percentile or core that cannot be measured, or too few runs.
        """
        for what in ("threads", "batches", "workers"):
            counts: tuple[int, ...] = getattr(self, what)
            if min(counts, default=0 if what == "threads" else 1) < 1:
                raise UsageError(f"{what} {_listed(counts)} cannot run anything: ask for 1 or more")
        if self.rounds < 1:
            raise UsageError(f"{self.rounds} rounds measure nothing: ask for 1 or more")
        if self.duration_s is not None and not 0 < self.duration_s < math.inf:
            raise UsageError(f"a duration of {self.duration_s:g} s measures nothing: ask for more than 0")
        if self.soak_s is not None and not 0 < self.soak_s < math.inf:
            raise UsageError(f"a soak of {self.soak_s / 60:g} minutes measures nothing: ask for more than 0")
        self._check_runs()
        cooling.limit(self.wait_cool)
        if self.cores is not None:
            pinning.check(self.cores)

    def _check_runs(self) -> None:
        if self.percentile is not None and self.percentile not in PERCENTILES:
            raise UsageError(f"percentile {self.percentile} is not offered: choose {_listed(PERCENTILES)}")
        if self.runs is None:
            return
        if self.runs < self.rounds:
            raise UsageError(
                f"{self.runs} runs are too few for {self.rounds} rounds: "
                f"ask for {self.rounds} or more, or for fewer rounds"
            )
        if self.percentile and self.runs < (needed := stats.samples_needed(self.percentile / 100)):
            raise UsageError(
                f"{self.runs} runs are too few for a p{self.percentile}: "
                f"ask for {needed} or more, or leave --runs out"
            )

    def command(self, bundle: str) -> str:
        """The command line that asks for the same."""
        words = ["edgetl", "bench", bundle]
        words += [word for name in self.variants for word in ("--variant", name)]
        words += ["--threads", _listed(self.threads), "--rounds", str(self.rounds)]
        words += [] if self.runs is None else ["--runs", str(self.runs)]
        words += [] if self.duration_s is None else ["--duration", f"{self.duration_s:g}"]
        words += [] if self.percentile is None else ["--percentile", str(self.percentile)]
        words += ["--batch", _listed(self.batches[1:])] if self.batches[1:] else []
        words += ["--workers", _listed(self.workers)] if self.workers else []
        words += [] if self.cores is None else ["--cores", _listed(self.cores)]
        words += [] if self.wait_cool is None else ["--wait-cool", self.wait_cool]
        words += [] if self.soak_s is None else ["--soak", f"{self.soak_s / 60:g}"]
        words += ["--profile"] if self.profile else []
        words += [] if self.power_command is None else ["--power-command", self.power_command]
        return shlex.join(words)


def _listed(counts: Sequence[int]) -> str:
    return ",".join(map(str, counts)) or "none"
