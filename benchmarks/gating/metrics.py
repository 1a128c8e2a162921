"""The figures that a limit can be put on, by the names that ``edgetl bench --assert`` knows."""

from collections.abc import Callable
from dataclasses import dataclass

from edgetl.benchmarks import stats
from edgetl.benchmarks.figures import Figures
from edgetl.benchmarks.results import Result
from edgetl.manifest import Score


@dataclass(frozen=True)
class Metric:
    """A figure of a result; docs/glossary.md says what each is."""

    name: str
    unit: str
    unknown: str
    """Why it may be unknown."""
    measured: Callable[[Result], float | None] | None = None
    """How it follows from what was measured; None for one that follows from the score."""
    scored: Callable[[Score], float] | None = None
    """How it follows from the score in the bundle's manifest."""

    @property
    def is_share(self) -> bool:
        """Whether it lies between 0 and 1."""
        return self.unit == _SHARE

    def value(self, result: Result, score: Score | None) -> float | None:
        """The figure of a result in :attr:`unit`; None when it is unknown."""
        if self.measured is not None:
            return self.measured(result)
        return None if score is None or self.scored is None else self.scored(score)

    def subject(self, result: Result) -> str:
        """What it is a figure of: a score is the variant's, with any number of threads."""
        return result.variant if self.measured is None else result.name


def _time(pick: Callable[[Figures], float | None]) -> Callable[[Result], float | None]:
    def milliseconds(result: Result) -> float | None:
        seconds = None if result.figures is None else pick(result.figures)
        return None if seconds is None else 1000 * seconds

    return milliseconds


def _peak(result: Result) -> float | None:
    peak = None if result.figures is None else result.figures.peak_bytes
    return None if peak is None else peak / 1e6


_MS, _MB, _SHARE, _POINTS = "milliseconds", "megabytes", "a share between 0 and 1", "percentage points"
_UNMEASURED, _UNSCORED = "it was not measured", "the bundle has no score of this variant"
_FEW = "it needs {} runs"

METRICS = {
    metric.name: metric
    for metric in (
        Metric("median_ms", _MS, _UNMEASURED, _time(lambda figures: figures.median_s.value)),
        Metric("p95_ms", _MS, _FEW.format(stats.samples_needed(0.95)), _time(lambda figures: figures.p95_s)),
        Metric("p99_ms", _MS, _FEW.format(stats.samples_needed(0.99)), _time(lambda figures: figures.p99_s)),
        Metric("first_ms", _MS, _UNMEASURED, _time(lambda figures: figures.first_s)),
        Metric("load_ms", _MS, _UNMEASURED, _time(lambda figures: figures.load_s)),
        Metric("total_ms", _MS, "the bundle has no golden picture", _time(lambda figures: figures.total_s)),
        Metric("peak_mb", _MB, "this system does not tell", _peak),
        Metric("size_mb", _MB, _UNMEASURED, lambda result: result.size_bytes / 1e6),
        Metric("top1", _SHARE, _UNSCORED, scored=lambda score: score.accuracy.value),
        Metric("agreement", _SHARE, _UNSCORED, scored=lambda score: score.agreement),
        Metric("drop", _POINTS, _UNSCORED, scored=lambda score: score.drop.value),
    )
}
