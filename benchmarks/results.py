"""What a benchmark yields: raw times as they were measured, and the figures made of them.

Seconds, bytes and degrees Celsius throughout. Unknown is None, never 0.
"""

import functools
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgetl.benchmarks import stats
from edgetl.benchmarks.machine import Machine
from edgetl.benchmarks.state import State
from edgetl.manifest import Interval

SCHEMA = 1
"""Version of the layout of :meth:`BenchReport.to_dict`."""

Status = Literal["measured", "failed", "skipped"]


@dataclass(frozen=True)
class Stages:
    """Times of whole classifications of one picture, from file to label; the lists run in step."""

    decode_s: tuple[float, ...]
    """Reading the file and decoding it."""
    resize_s: tuple[float, ...]
    """Cropping, resizing and turning."""
    infer_s: tuple[float, ...]
    """The engine."""
    post_s: tuple[float, ...]
    """From probabilities to label."""

    @property
    def total_s(self) -> tuple[float, ...]:
        """From file to label."""
        columns = zip(self.decode_s, self.resize_s, self.infer_s, self.post_s, strict=True)
        return tuple(sum(column) for column in columns)


@dataclass(frozen=True)
class ProcessRun:
    """What one fresh process measured."""

    import_s: float
    """Importing the engine's library, after numpy; 0 where the engine needs none."""
    load_s: float
    """From the model's bytes in memory to an engine that is ready."""
    warmup_s: tuple[float, ...]
    """Inferences until the times were steady, the very first one first."""
    steady: bool | None
    """Whether they were before the time for it ran out; None when it ran out too soon to tell."""
    inference_s: tuple[float, ...]
    """Inferences after the warm-up: pixels to probabilities, in the order they ran."""
    rss_before_bytes: int | None
    """Resident memory with Python, numpy and the model's bytes, before the library is imported."""
    rss_after_bytes: int | None
    """Resident memory after the model is loaded."""
    peak_bytes: int | None
    """Largest resident memory up to the end of the inferences."""
    stages: Stages | None
    """None when the bundle has no golden picture."""


@dataclass(frozen=True)
class Figures:
    """What the raw times of one variant and thread count amount to."""

    samples: int
    """Inferences in all processes, warm-up left out."""
    median_s: Interval
    p95_s: float | None
    """None with fewer than 59 samples."""
    mean_s: float
    spread_s: float | None
    """1.4826 times the median absolute deviation."""
    import_s: float
    """Median of the processes; so are the next two."""
    load_s: float
    first_s: float
    """The first inference of a process."""
    peak_bytes: int | None
    """The largest of the processes."""
    loading_bytes: int | None
    """What importing the library and loading the model added to resident memory, median."""
    decode_s: float | None
    """Medians of the stages from file to label; None without a golden picture."""
    resize_s: float | None
    infer_s: float | None
    post_s: float | None
    total_s: float | None
    """Median time from file to label; not the sum of the four medians."""


@dataclass(frozen=True)
class Result:
    """One variant with one thread count."""

    variant: str
    size_bytes: int
    """Of its model files."""
    engine: str | None
    """None when no engine for it is installed."""
    threads: int | None
    """Threads of one inference; None when it was skipped."""
    status: Status
    reason: str | None
    """Why it failed or was skipped, with the way out; None when it was measured."""
    processes: tuple[ProcessRun, ...] = ()
    """One a round; those before a failure are kept."""

    @property
    def name(self) -> str:
        """The variant and its thread count, for a heading."""
        if self.threads is None:
            return self.variant
        return f"{self.variant}, {self.threads} thread{'s' if self.threads > 1 else ''}"

    @functools.cached_property
    def figures(self) -> Figures | None:
        """Made of all processes; None when nothing was measured."""
        if not self.processes:
            return None
        times = [process.inference_s for process in self.processes]
        pooled = [time for process in times for time in process]
        stages = [process.stages for process in self.processes if process.stages is not None]

        def stage(name: str) -> float | None:
            return _median([time for part in stages for time in getattr(part, name)])

        return Figures(
            samples=len(pooled),
            median_s=stats.median_interval(times),
            p95_s=stats.percentile(pooled, 0.95),
            mean_s=sum(pooled) / len(pooled),
            spread_s=stats.spread(pooled),
            import_s=stats.median([process.import_s for process in self.processes]),
            load_s=stats.median([process.load_s for process in self.processes]),
            first_s=stats.median([process.warmup_s[0] for process in self.processes]),
            peak_bytes=max((p.peak_bytes for p in self.processes if p.peak_bytes is not None), default=None),
            loading_bytes=_loading(self.processes),
            decode_s=stage("decode_s"),
            resize_s=stage("resize_s"),
            infer_s=stage("infer_s"),
            post_s=stage("post_s"),
            total_s=stage("total_s"),
        )


@dataclass(frozen=True)
class Parameters:
    """What was asked for."""

    variants: tuple[str, ...]
    threads: tuple[int, ...]
    rounds: int
    """Fresh processes for each variant and thread count."""
    runs: int | None
    """Inferences for each variant and thread count; None leaves it to the time."""
    duration_s: float | None
    """Seconds of inference for each variant and thread count; None takes the default."""

    def command(self, bundle: str) -> str:
        """The command line that asks for the same."""
        words = ["edgetl", "bench", bundle]
        words += [word for name in self.variants for word in ("--variant", name)]
        words += ["--threads", ",".join(map(str, self.threads)), "--rounds", str(self.rounds)]
        words += [] if self.runs is None else ["--runs", str(self.runs)]
        words += [] if self.duration_s is None else ["--duration", f"{self.duration_s:g}"]
        return shlex.join(words)


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
    picture: str | None
    """The golden picture that was classified from file to label."""
    parameters: Parameters
    machine: Machine
    """As it was before the first run."""
    states: tuple[State, ...]
    """Before the first round and after each."""
    results: tuple[Result, ...]
    advice: tuple[str, ...] = ()
    """Where the figures are weak, and what would help."""

    @property
    def measured(self) -> tuple[Result, ...]:
        """The results that have figures, fastest median first."""
        return tuple(sorted((r for r in self.results if r.figures), key=_median_of))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: parameters, machine and its states, and results, raw and summed up."""
        results = [
            {**asdict(result), "figures": asdict(result.figures) if result.figures else None}
            for result in self.results
        ]
        return {"schema": SCHEMA, **asdict(self), "results": results}


def _median_of(result: Result) -> float:
    return result.figures.median_s.value if result.figures else float("inf")


def _median(values: Sequence[float]) -> float | None:
    return stats.median(values) if values else None


def _loading(processes: Sequence[ProcessRun]) -> int | None:
    added = [
        process.rss_after_bytes - process.rss_before_bytes
        for process in processes
        if process.rss_after_bytes is not None and process.rss_before_bytes is not None
    ]
    return round(stats.median(added)) if added else None
