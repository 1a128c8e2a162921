"""Where the time from a file to its label goes."""

import statistics
from collections.abc import Sequence

from edgetl.benchmarks.results import BenchReport
from edgetl.reports.marks import invalid, threads
from edgetl.reports.markup import Html, figure, join, tag, text, unbroken
from edgetl.reports.page import Section
from edgetl.reports.units import format_duration, format_number

_STAGES = (
    ("decode", "decode_s", "--stage-1"),
    ("resize", "resize_s", "--stage-2"),
    ("model", "infer_s", "--stage-3"),
    ("label", "post_s", "--stage-4"),
)

_FAR = 5.0
"""Times the median of all bars; longer ones are cut, since they would make dots of the rest."""

_GAPS = 1.015
"""Room for the gaps between the stages."""


def stages(report: BenchReport) -> Section | None:
    """A bar for each result, cut into its stages; None when none was measured from file to label."""
    rows = [
        (row, row.figures) for row in report.results if row.figures and row.figures.total_s and row.batch == 1
    ]
    if not rows:
        return None
    spent = [[(getattr(figures, field) or 0.0) for _, field, _ in _STAGES] for _, figures in rows]
    longest = _longest([sum(seconds) for seconds in spent])
    legend = [
        tag("li", tag("i", style=f"background:var({colour})"), text(stage)) for stage, _, colour in _STAGES
    ]
    lanes: list[Html] = []
    for (row, figures), seconds in zip(rows, spent, strict=True):
        bar = [
            tag("i", style=f"width:{min(100.0, 100 * part / longest):.2f}%;background:var({colour})")
            for part, (_, _, colour) in zip(seconds, _STAGES, strict=True)
        ]
        stage_names = (stage for stage, _, _ in _STAGES)
        parts = zip(stage_names, seconds, strict=True)
        said = " · ".join(unbroken(f"{stage} {format_number(part * 1000)}") for stage, part in parts)
        name = join(text(row.variant), tag("small", text(threads(row))))
        kind = "bar cut" if sum(seconds) > longest else "bar"
        drawn = join(tag("div", *bar, class_=kind), tag("small", text(f"{said}\u00a0ms")))
        lanes += [
            tag("div", name, class_="label"),
            tag("div", text(format_duration(figures.total_s)), invalid(row), class_="value"),
            tag("div", drawn, class_="plot"),
        ]
    caption = (
        f"From file to label, {len(report.pictures)} golden pictures in turn, measured on "
        f"{report.machine.label}: the median of each stage in milliseconds, and on the right the median of "
        "the whole."
    )
    caption += " A bar that fades is longer than there is room for." * any(sum(s) > longest for s in spent)
    drawn = join(tag("ul", *legend, class_="legend"), tag("div", *lanes, class_="lanes"))
    return Section("From file to label", figure(drawn, text(caption)))


def _longest(totals: Sequence[float]) -> float:
    """Seconds of a bar of the full width."""
    middle = statistics.median(totals)
    return _GAPS * max(total for total in totals if total <= _FAR * middle)
