"""From the raw times of all processes to the figures of one measurement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgetl.benchmarks import stats
from edgetl.benchmarks.running.raw import ProcessRun, ThroughputRun
from edgetl.manifest import Interval


@dataclass(frozen=True)
class Figures:
    """What the raw times of one variant, thread count and batch amount to."""

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
    p99_s: float | None = None
    """None with fewer than 299 samples."""
    p95_interval_s: Interval | None = None
    """95 % interval of the p95 over whole processes."""
    outliers: int | None = None
    """Samples with a modified z-score over 3.5, which are kept; None where the deviation is 0."""
    load_peak_bytes: int | None = None
    """Largest resident memory until the model was loaded, the largest of the processes."""
    running_bytes: int | None = None
    """What the inferences added to resident memory after loading, the engine's buffers above all; median."""


@dataclass(frozen=True)
class ThroughputFigures:
    """What the raw times of one variant and number of workers amount to."""

    pictures: int
    """Answers in all processes, warm-up left out."""
    pictures_per_s: Interval
    """Median of the processes, from the slowest to the fastest of them; not a confidence interval."""
    peak_bytes: int | None
    """The largest of the processes."""


def of_latency(processes: Sequence[ProcessRun]) -> Figures:
    """The figures of one or more processes."""
    times = [process.inference_s for process in processes]
    pooled = [time for process in times for time in process]
    stages = [process.stages for process in processes if process.stages is not None]

    def stage(name: str) -> float | None:
        return _median(time for part in stages for time in getattr(part, name))

    return Figures(
        samples=len(pooled),
        median_s=stats.median_interval(times),
        p95_s=stats.percentile(pooled, 0.95),
        p99_s=stats.percentile(pooled, 0.99),
        p95_interval_s=stats.percentile_interval(times, 0.95),
        outliers=stats.outliers(pooled),
        mean_s=sum(pooled) / len(pooled),
        spread_s=stats.spread(pooled),
        import_s=stats.median([process.import_s for process in processes]),
        load_s=stats.median([process.load_s for process in processes]),
        first_s=stats.median([process.warmup_s[0] for process in processes]),
        peak_bytes=_largest(process.peak_bytes for process in processes),
        load_peak_bytes=_largest(process.load_peak_bytes for process in processes),
        loading_bytes=_added((p.rss_before_bytes, p.rss_after_bytes) for p in processes),
        running_bytes=_added((p.rss_after_bytes, p.rss_steady_bytes) for p in processes),
        decode_s=stage("decode_s"),
        resize_s=stage("resize_s"),
        infer_s=stage("infer_s"),
        post_s=stage("post_s"),
        total_s=stage("total_s"),
    )


def of_throughput(processes: Sequence[ThroughputRun], workers: int) -> ThroughputFigures:
    """The figures of one or more processes with that many workers."""
    rates = [workers * len(process.turns_s) / sum(process.turns_s) for process in processes]
    return ThroughputFigures(
        pictures=workers * sum(len(process.turns_s) for process in processes),
        pictures_per_s=Interval(stats.median(rates), min(rates), max(rates)),
        peak_bytes=_largest(process.peak_bytes for process in processes),
    )


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return stats.median(known) if known else None


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _added(pairs: Iterable[tuple[int | None, int | None]]) -> int | None:
    median = _median(after - before for before, after in pairs if before is not None and after is not None)
    return None if median is None else round(median)
