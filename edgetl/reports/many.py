"""Several pictures at a time: batches of one inference, and several workers."""

from edgetl.benchmarks.results import BenchReport
from edgetl.reports.marks import invalid, named
from edgetl.reports.markup import Column, Html, join, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.units import UNKNOWN, format_duration, format_number, format_size


def many(report: BenchReport) -> Section | None:
    """Tables of the batches and of the throughput; None when neither was measured."""
    parts = [part for part in (_batches(report), _throughput(report)) if part is not None]
    return Section("Many pictures", join(*parts)) if parts else None


def _batches(report: BenchReport) -> Html | None:
    measured = [(row, row.figures) for row in report.results if row.figures]
    asked = {(row.variant, row.threads) for row, _ in measured if row.batch > 1}
    if not asked:
        return None
    rows = [
        [
            named(row),
            text(row.threads or UNKNOWN),
            text(row.batch),
            join(text(format_duration(figures.median_s.value)), invalid(row)),
            text(format_duration(figures.median_s.value / row.batch)),
            text(format_size(figures.peak_bytes)),
        ]
        for row, figures in measured
        if (row.variant, row.threads) in asked
    ]
    headings = ("Threads", "Batch, pictures", "Median of the batch", "Of one picture", "Peak memory")
    columns = [Column("Variant", numeric=False), *(Column(heading) for heading in headings)]
    caption = f"Measured on {report.machine.label}; pixels to probabilities"
    return join(tag("h3", text("In one inference")), table(caption, columns, rows))


def _throughput(report: BenchReport) -> Html | None:
    rows = [
        [
            named(row),
            text(row.workers or UNKNOWN),
            join(tag("strong", text(f"{format_number(rate.value)} /s")), invalid(row)),
            text(f"{format_number(rate.low)} /s"),
            text(f"{format_number(rate.high)} /s"),
            text(format_size(row.figures.peak_bytes)),
        ]
        for row in report.throughput
        if row.figures
        for rate in [row.figures.pictures_per_s]
    ]
    if not rows:
        return None
    headings = ("Workers", "Pictures a second", "Slowest process", "Fastest process", "Peak memory")
    columns = [Column("Variant", numeric=False), *(Column(heading) for heading in headings)]
    caption = (
        f"Measured on {report.machine.label}; from files to labels with classify_many, one thread for each "
        "worker"
    )
    return join(tag("h3", text("With several workers")), table(caption, columns, rows))
