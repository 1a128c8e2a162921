"""What a benchmark yields: raw times as they were measured, and what they belong to.

Seconds, bytes and degrees Celsius throughout. Unknown is None, never 0. docs/bench_schema.md describes every
field for readers of the JSON.
"""

import functools
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgetl.benchmarks.board.cooling import Cooling
from edgetl.benchmarks.board.sampling import Cost, Sample
from edgetl.benchmarks.board.soak_curve import SoakCurve
from edgetl.benchmarks.figures import Figures as Figures
from edgetl.benchmarks.figures import ThroughputFigures, of_latency, of_throughput
from edgetl.benchmarks.machine import Machine
from edgetl.benchmarks.parameters import Parameters as Parameters
from edgetl.benchmarks.profile.results import Profile
from edgetl.benchmarks.running.raw import ProcessRun as ProcessRun
from edgetl.benchmarks.running.raw import Stages as Stages
from edgetl.benchmarks.running.raw import ThroughputRun as ThroughputRun
from edgetl.benchmarks.running.timer import Timer
from edgetl.benchmarks.state import State

SCHEMA = 2
"""Version of the layout of :meth:`BenchReport.to_dict`."""

Status = Literal["measured", "failed", "skipped"]


@dataclass(frozen=True)
class Result:
    """One variant with one thread count and one size of batch."""

    variant: str
    size_bytes: int
    """Of its model files."""
    engine: str | None
    """None when no engine for it is installed."""
    threads: int | None
    """Threads of one inference; None when no engine for it is installed."""
    status: Status
    reason: str | None
    """Why it failed or was skipped, with the way out; None when it was measured."""
    processes: tuple[ProcessRun, ...] = ()
    """One a round; those before a failure are kept."""
    batch: int = 1
    """Pictures of one inference; all times are those of the whole batch."""
    arena_bytes: int | None = None
    """The engine's buffers for what flows between layers, where it tells their size."""
    arena_reason: str | None = None
    """Why that is unknown."""
    invalid: str | None = None
    """Why the figures must not be used, such as a board that was throttled; None when nothing was seen."""

    @property
    def name(self) -> str:
        """The variant, its thread count and its batch, for a heading."""
        threads = "" if self.threads is None else f", {_counted(self.threads, 'thread')}"
        batch = "" if self.batch == 1 else f", batch {self.batch}"
        return f"{self.variant}{threads}{batch}"

    @functools.cached_property
    def figures(self) -> Figures | None:
        """Made of all processes; None when nothing was measured."""
        return of_latency(self.processes) if self.processes else None


@dataclass(frozen=True)
class Throughput:
    """One variant with several workers, from files to labels."""

    variant: str
    engine: str | None
    """None when no engine for it is installed."""
    workers: int | None
    """Of ``Classifier.classify_many``, each with one thread; None when no engine for it is installed."""
    status: Status
    reason: str | None
    """Why it failed or was skipped, with the way out; None when it was measured."""
    processes: tuple[ThroughputRun, ...] = ()
    """One a round; those before a failure are kept."""
    invalid: str | None = None
    """As in :class:`Result`."""

    @property
    def name(self) -> str:
        """The variant and its workers, for a heading."""
        return self.variant if self.workers is None else f"{self.variant}, {_counted(self.workers, 'worker')}"

    @functools.cached_property
    def figures(self) -> ThroughputFigures | None:
        """Made of all processes; None when nothing was measured."""
        return of_throughput(self.processes, self.workers) if self.processes and self.workers else None


@dataclass(frozen=True)
class Platform:
    """What it was measured on."""

    machine: Machine
    """As it was before the first run."""
    states: tuple[State, ...]
    """Before the first round and after each."""
    timer: Timer | None
    """What measuring costs there; None when that could not be measured."""
    samples: tuple[Sample, ...] = ()
    """Of the machine's state while it was measured."""
    sampling: Cost | None = None
    """What taking them cost."""
    power: str | None = None
    """What told the power; None where nothing does."""
    cooling: Cooling | None = None
    """What waiting for the machine to cool came to; None where it was not asked for."""


@dataclass(frozen=True)
class BenchReport:
    """A benchmark of one bundle on one machine."""

    bundle: str
    """The bundle's name."""
    bundle_created: str
    """UTC, ISO 8601: tells two exports of one name apart."""
    created: str
    """When the benchmark began; UTC, ISO 8601."""
    command: str
    """Reproduces it."""
    pictures: tuple[str, ...]
    """The golden pictures that were classified from file to label, in the order of ``Stages.picture``."""
    parameters: Parameters
    platform: Platform
    results: tuple[Result, ...]
    throughput: tuple[Throughput, ...] = ()
    """Empty unless workers were asked for."""
    soak: SoakCurve | None = None
    """Of one variant, afterwards; None unless it was asked for."""
    profiles: tuple[Profile, ...] = ()
    """Of each variant; empty unless they were asked for."""
    advice: tuple[str, ...] = ()
    """Where the figures are weak, and what would help."""

    @property
    def machine(self) -> Machine:
        """``platform.machine``."""
        return self.platform.machine

    @property
    def states(self) -> tuple[State, ...]:
        """``platform.states``."""
        return self.platform.states

    @property
    def measured(self) -> tuple[Result, ...]:
        """The results of single pictures that have figures: the valid ones first, by their medians."""
        return tuple(sorted((r for r in self.results if r.figures and r.batch == 1), key=_rank))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as docs/bench_schema.md describes them."""
        rows = ("results", self.results), ("throughput", self.throughput)
        return {
            "schema": SCHEMA,
            **asdict(self),
            **{name: [_with_figures(row) for row in part] for name, part in rows},
        }


def _with_figures(row: Result | Throughput) -> dict[str, Any]:
    return {**asdict(row), "figures": asdict(row.figures) if row.figures else None}


def _rank(result: Result) -> tuple[bool, float]:
    return result.invalid is not None, result.figures.median_s.value if result.figures else float("inf")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
