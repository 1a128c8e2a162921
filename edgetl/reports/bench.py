"""A benchmark's figures on the page, and what makes them weak or invalid."""

from collections.abc import Sequence
from typing import TypeAlias

from edgetl.benchmarks.results import BenchReport, Figures, Result, Throughput
from edgetl.reports.marks import invalid, named, threads
from edgetl.reports.markup import Column, Html, join, table, tag, text, tiles, unbroken
from edgetl.reports.page import Section
from edgetl.reports.units import UNKNOWN, format_duration, format_duration_interval, format_size

Measured: TypeAlias = Sequence[tuple[Result, Figures]]
"""Results of single pictures that have figures, with them."""

_MOST_CAUSES = 6


def bench(report: BenchReport) -> Section:
    """The headline, what must not be used or read with care, and every figure in a table."""
    measured = [(row, row.figures) for row in report.results if row.figures and row.batch == 1]
    parts = [_head(report, measured), _invalid(report), _advice(report)]
    if measured:
        parts.append(_table(report, measured))
    parts.append(_problems(report))
    return Section("Speed and memory", join(*parts))


def fastest(report: BenchReport) -> tuple[Result, Figures] | None:
    """The single-picture result with the smallest median; an invalid one only where all are."""
    return next(((row, row.figures) for row in report.measured if row.figures), None)


def _head(report: BenchReport, measured: Measured) -> Html:
    best = fastest(report)
    if not measured or best is None:
        return tag("p", text(f"Nothing could be measured on {report.machine.label}."))
    row, figures = best
    interval = unbroken(format_duration_interval(figures.median_s))
    sure = "invalid: see below" if row.invalid else f"95 % interval {interval}"
    items = [
        ("Fastest", row.variant, f"{threads(row)}, {row.engine}"),
        ("One image, median", format_duration(figures.median_s.value), sure),
    ]
    if figures.total_s is not None:
        whole = format_duration(figures.total_s)
        items.append(("File to label, median", whole, "with decoding and resizing"))
    if figures.peak_bytes is not None:
        items.append(("Peak memory", format_size(figures.peak_bytes), "whole process, with Python and numpy"))
    where = tag("p", text("Measured on "), tag("strong", text(report.machine.label)), text("."))
    return join(where, tiles(items))


def _every(report: BenchReport) -> tuple[Result | Throughput, ...]:
    return (*report.results, *report.throughput)


def _invalid(report: BenchReport) -> Html:
    """What from outside reached into which measurements, a line for each cause."""
    causes: dict[str, list[str]] = {}
    for row in _every(report):
        if row.invalid is not None:
            causes.setdefault(row.invalid, []).append(row.name)
    if not causes:
        return Html("")
    items = [
        tag("li", tag("strong", text("; ".join(names))), text(f": {cause}."))
        for cause, names in list(causes.items())[:_MOST_CAUSES]
    ]
    if (more := len(causes) - _MOST_CAUSES) > 0:
        items.append(tag("li", text(f"And {more} more, each marked where its figures stand.")))
    title = "Invalid: do not use these figures"
    return tag("div", tag("h3", text(title)), tag("ul", *items), class_="advice stop")


def _advice(report: BenchReport) -> Html:
    if not report.advice:
        return Html("")
    items = [tag("li", text(f"{sentence[:1].upper()}{sentence[1:]}.")) for sentence in report.advice]
    return tag("div", tag("h3", text("Read these numbers with care")), tag("ul", *items), class_="advice")


def _problems(report: BenchReport) -> Html:
    rows = [[text(row.name), text(row.status), text(row.reason)] for row in _every(report) if row.reason]
    if not rows:
        return Html("")
    columns = [Column(heading, numeric=False, breaks=True) for heading in ("Variant", "Outcome", "Reason")]
    return table("Not measured", columns, rows)


def _table(report: BenchReport, measured: Measured) -> Html:
    with_p99 = report.parameters.percentile == 99
    headings = ["Threads", "Median", "p95", *(["p99"] if with_p99 else []), "File to label"]
    headings += ["First", "Load", "Import", "Peak memory", "File size"]
    columns = [Column("Variant", numeric=False), *(Column(heading) for heading in headings)]
    rows = []
    for row, figures in measured:
        median = join(
            tag("strong", text(format_duration(figures.median_s.value))),
            tag("small", text(format_duration_interval(figures.median_s))),
            invalid(row),
        )
        tail = (figures.p95_s, *([figures.p99_s] if with_p99 else []), figures.total_s)
        times = (*tail, figures.first_s, figures.load_s, figures.import_s)
        cells = [named(row), text(row.threads or UNKNOWN), median]
        cells += [text(format_duration(time)) for time in times]
        cells += [text(format_size(figures.peak_bytes)), text(format_size(row.size_bytes))]
        rows.append(cells)
    best = fastest(report)
    mark = next((number for number, (row, _) in enumerate(measured) if best and row is best[0]), None)
    processes = report.parameters.rounds
    caption = (
        f"Measured on {report.machine.label}; fresh processes a row: {processes}; small: 95 % interval of "
        "the median; tinted: the fastest"
    )
    return table(caption, columns, rows, mark=mark)
