"""A benchmark as ``bench.csv`` for spreadsheets and as ``bench.md`` for a README."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import TypeAlias

from edgetl.benchmarks import summary
from edgetl.benchmarks.results import BenchReport, Figures, Result
from edgetl.manifest import Interval
from edgetl.reports.units import UNKNOWN, format_number, format_size

Cell: TypeAlias = str | float | None

_RESULT: dict[str, Callable[[Result], Cell]] = {
    "variant": lambda row: row.variant,
    "engine": lambda row: row.engine,
    "threads": lambda row: row.threads,
    "batch": lambda row: row.batch,
    "status": lambda row: row.status,
    "reason": lambda row: row.reason,
    "invalid": lambda row: row.invalid,
    "size_bytes": lambda row: row.size_bytes,
}

_FIGURES: dict[str, Callable[[Figures], Cell]] = {
    "samples": lambda figures: figures.samples,
    "median_ms": lambda figures: _ms(figures.median_s.value),
    "median_low_ms": lambda figures: _ms(figures.median_s.low),
    "median_high_ms": lambda figures: _ms(figures.median_s.high),
    "p95_ms": lambda figures: _ms(figures.p95_s),
    "p99_ms": lambda figures: _ms(figures.p99_s),
    "mean_ms": lambda figures: _ms(figures.mean_s),
    "spread_ms": lambda figures: _ms(figures.spread_s),
    "import_ms": lambda figures: _ms(figures.import_s),
    "load_ms": lambda figures: _ms(figures.load_s),
    "first_ms": lambda figures: _ms(figures.first_s),
    "decode_ms": lambda figures: _ms(figures.decode_s),
    "resize_ms": lambda figures: _ms(figures.resize_s),
    "infer_ms": lambda figures: _ms(figures.infer_s),
    "post_ms": lambda figures: _ms(figures.post_s),
    "file_to_label_ms": lambda figures: _ms(figures.total_s),
    "loading_bytes": lambda figures: figures.loading_bytes,
    "running_bytes": lambda figures: figures.running_bytes,
    "load_peak_bytes": lambda figures: figures.load_peak_bytes,
    "peak_bytes": lambda figures: figures.peak_bytes,
}

COLUMNS = ("bundle", "machine", "measured_at", *_RESULT, "median_ms_per_picture", *_FIGURES)
"""Of the CSV, a row for each variant, thread count and batch; docs/bench_schema.md says what they are."""


def csv_text(report: BenchReport) -> str:
    """The report's results under :data:`COLUMNS`; what is unknown is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.results:
        figures = row.figures
        each = None if figures is None else _ms(figures.median_s.value / row.batch)
        cells = [
            *(report.bundle, report.machine.label, report.created),
            *(cell(row) for cell in _RESULT.values()),
            each,
            *(None if figures is None else cell(figures) for cell in _FIGURES.values()),
        ]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()


def markdown(report: BenchReport) -> str:
    """The tables of a README, with the machine, the versions and the command that every number needs."""
    headings = ("Variant", "Engine", "Threads", *(["Batch"] if report.parameters.batches != (1,) else []))
    numbers = ("Median, ms", "p95, ms", "File to label, ms", "Peak memory", "Model file")
    parts = [_table((*headings, *numbers), _rows(report), text_columns=2)]
    if loads := summary.throughput_rows(report):
        names = ("Variant", "Engine", "Workers", "Pictures a second", "Slowest", "Fastest", "Peak memory, MB")
        parts.append(_table(names, loads, text_columns=2))
    parts.append("\n".join(f"- {_escaped(sentence)}" for sentence in summary.problems(report)))
    parts.append(_footnote(report))
    return "\n\n".join(part for part in parts if part) + "\n"


def _rows(report: BenchReport) -> list[tuple[str, ...]]:
    with_batch = report.parameters.batches != (1,)
    return [
        (
            row.variant,
            row.engine or UNKNOWN,
            str(row.threads or UNKNOWN),
            *([str(row.batch)] if with_batch else []),
            _interval(figures.median_s),
            _number(figures.p95_s),
            _number(figures.total_s),
            format_size(figures.peak_bytes),
            format_size(row.size_bytes),
        )
        for row in report.results
        if (figures := row.figures)
    ]


def _footnote(report: BenchReport) -> str:
    machine = report.machine
    engines = ", ".join(f"{name} {version}" for name, version in machine.engines.items())
    said = [
        f"Measured on {machine.label} ({machine.cores} × {machine.cpu}, {machine.os},",
        f"Python {machine.python}) at {report.created} with edgetl {machine.edgetl}",
        f"and {engines}:" if engines else ":",
        f"`{report.command}`. In brackets the 95 % interval of the median.",
    ]
    return _escaped(" ".join(said))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int) -> str:
    rule = ["---" if number < text_columns else "---:" for number in range(len(headings))]
    table = (headings, rule, *rows)
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in table) if rows else ""


def _escaped(text: str) -> str:
    """On one line, and without the sign that ends a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 6)


def _interval(median: Interval) -> str:
    return f"{_number(median.value)} ({_number(median.low)} – {_number(median.high)})"


def _number(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else format_number(seconds * 1000)
