"""A benchmark as text for the terminal."""

from collections.abc import Callable, Sequence

from edgetl.benchmarks.results import BenchReport, Figures, Result, Throughput
from edgetl.manifest import Interval
from edgetl.reports.units import UNKNOWN, format_duration, format_duration_interval, format_number

_TEXT_COLUMNS = 2


def text(report: BenchReport) -> str:
    """A line that names the machine, the tables, what could not be measured, the timer, and the fastest."""
    parts = [
        f"{report.bundle} on {report.machine.label}; times in ms, peak memory in MB",
        _aligned([columns(report), *rows(report)]),
    ]
    if loads := throughput_rows(report):
        parts.append(_aligned([THROUGHPUT_COLUMNS, *loads]))
    if found := problems(report):
        parts.append("\n".join(found))
    said = timer(report)
    parts.append(f"{said}\n{headline(report)}" if said else headline(report))
    return "\n\n".join(parts)


def columns(report: BenchReport) -> tuple[str, ...]:
    """The headings: times in milliseconds, memory (the peak) in MB.

    ``to label`` is the whole way from the file. ``batch`` and ``p99`` are there when they were asked for.
    """
    return tuple(name for name, _ in _cells(report))


def rows(report: BenchReport) -> list[tuple[str, ...]]:
    """The cells under :func:`columns`: a row for each result that has figures, in the report's order."""
    cells = [cell for _, cell in _cells(report)]
    return [tuple(cell(row, row.figures) for cell in cells) for row in report.results if row.figures]


THROUGHPUT_COLUMNS = ("variant", "engine", "workers", "pictures/s", "slowest", "fastest", "memory")
"""Files classified in a second: the median of the processes, and the extremes; memory (the peak) in MB."""


def throughput_rows(report: BenchReport) -> list[tuple[str, ...]]:
    """The cells under :data:`THROUGHPUT_COLUMNS`: a row for each throughput that has figures."""
    return [
        (
            row.variant,
            row.engine or UNKNOWN,
            str(row.workers or UNKNOWN),
            format_number(row.figures.pictures_per_s.value),
            format_number(row.figures.pictures_per_s.low),
            format_number(row.figures.pictures_per_s.high),
            _mb(row.figures.peak_bytes),
        )
        for row in report.throughput
        if row.figures
    ]


def problems(report: BenchReport) -> list[str]:
    """A sentence for each measurement that failed, was skipped or is invalid."""
    every: tuple[Result | Throughput, ...] = (*report.results, *report.throughput)
    return [
        *(f"{row.name}: {row.status}: {row.reason}" for row in every if row.reason),
        *(f"{row.name}: INVALID: {row.invalid}" for row in every if row.invalid),
    ]


def timer(report: BenchReport) -> str | None:
    """What measuring itself costs, in one sentence; None where that is unknown."""
    cost = report.platform.timer
    if cost is None:
        return None
    share = ""
    for fastest in report.measured[:1]:
        if fastest.figures:
            part = 100 * cost.empty_s / fastest.figures.median_s.value
            share = f", {format_number(part)} % of the fastest median"
    return (
        f"timer: {1e6 * cost.empty_s:.2g} µs of each time are the measuring's own{share}; "
        f"the clock resolves {1e9 * cost.resolution_s:.0f} ns"
    )


def headline(report: BenchReport) -> str:
    """The fastest variant in one sentence."""
    for result in report.measured[:1]:
        if result.figures:
            median = result.figures.median_s
            return (
                f"fastest: {result.name}: {format_duration(median.value)} an image{_doubt(result)} "
                f"(95 % interval {format_duration_interval(median)}), measured on {report.machine.label}"
            )
    return f"nothing could be measured on {report.machine.label}"


def _doubt(result: Result) -> str:
    return "" if result.invalid is None else ", INVALID"


def _cells(report: BenchReport) -> list[tuple[str, Callable[[Result, Figures], str]]]:
    asked = report.parameters
    return [
        ("variant", lambda row, _: row.variant),
        ("engine", lambda row, _: row.engine or UNKNOWN),
        ("threads", lambda row, _: str(row.threads or UNKNOWN)),
        *([("batch", _batch)] if asked.batches != (1,) else []),
        ("load", lambda _, figures: _ms(figures.load_s)),
        ("first", lambda _, figures: _ms(figures.first_s)),
        ("median", lambda row, figures: f"{'! ' if row.invalid else ''}{_with_error(figures.median_s)}"),
        ("p95", lambda _, figures: _ms(figures.p95_s)),
        *([("p99", _p99)] if asked.percentile == 99 else []),
        ("to label", lambda _, figures: _ms(figures.total_s)),
        ("memory", lambda _, figures: _mb(figures.peak_bytes)),
    ]


def _batch(row: Result, _: Figures) -> str:
    return str(row.batch)


def _p99(_: Result, figures: Figures) -> str:
    return _ms(figures.p99_s)


def _aligned(table: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = (
            cell.ljust(width) if number < _TEXT_COLUMNS else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _ms(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else format_number(seconds * 1000)


def _mb(size_bytes: int | None) -> str:
    return UNKNOWN if size_bytes is None else f"{size_bytes / 1e6:.0f}"


def _with_error(median: Interval) -> str:
    """``3.12 ± 0.04``: the farther end of the interval, in as many decimals as the median."""
    value = _ms(median.value)
    decimals = len(value.partition(".")[2])
    error = max(median.high - median.value, median.value - median.low) * 1000
    return f"{value} ± {error:.{decimals}f}"
