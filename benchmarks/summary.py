"""A benchmark as text for the terminal."""

from edgetl.benchmarks.results import BenchReport, Figures, Result
from edgetl.manifest import Interval
from edgetl.reports.units import UNKNOWN, format_duration, format_duration_interval, format_number

COLUMNS = ("variant", "engine", "threads", "load", "first", "median", "p95", "to label", "memory")
"""Times in milliseconds, memory (the peak) in MB. ``to label`` is the whole way from the file."""


def text(report: BenchReport) -> str:
    """The table under a line that names the machine, then what could not be measured, then the fastest."""
    table = [COLUMNS, *rows(report)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [f"{report.bundle} on {report.machine.label}; times in ms, peak memory in MB", ""]
    for row in table:
        cells = (
            cell.ljust(width) if number < 2 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    if found := problems(report):
        lines += ["", *found]
    return "\n".join([*lines, "", headline(report)])


def rows(report: BenchReport) -> list[tuple[str, ...]]:
    """The cells under :data:`COLUMNS`: a row for each result that has figures, in the report's order."""
    return [_cells(result, result.figures) for result in report.results if result.figures]


def problems(report: BenchReport) -> list[str]:
    """A sentence for each variant and thread count that failed or was skipped."""
    return [f"{result.name}: {result.status}: {result.reason}" for result in report.results if result.reason]


def headline(report: BenchReport) -> str:
    """The fastest variant in one sentence."""
    for result in report.measured[:1]:
        if result.figures:
            median = result.figures.median_s
            return (
                f"fastest: {result.name}: {format_duration(median.value)} an image "
                f"(95 % interval {format_duration_interval(median)}), measured on {report.machine.label}"
            )
    return f"nothing could be measured on {report.machine.label}"


def _cells(result: Result, figures: Figures) -> tuple[str, ...]:
    return (
        result.variant,
        result.engine or UNKNOWN,
        str(result.threads or UNKNOWN),
        _ms(figures.load_s),
        _ms(figures.first_s),
        _with_error(figures.median_s),
        _ms(figures.p95_s),
        _ms(figures.total_s),
        UNKNOWN if figures.peak_bytes is None else f"{figures.peak_bytes / 1e6:.0f}",
    )


def _ms(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else format_number(seconds * 1000)


def _with_error(median: Interval) -> str:
    """``3.12 ± 0.04``: the farther end of the interval, in as many decimals as the median."""
    value = _ms(median.value)
    decimals = len(value.partition(".")[2])
    error = max(median.high - median.value, median.value - median.low) * 1000
    return f"{value} ± {error:.{decimals}f}"
