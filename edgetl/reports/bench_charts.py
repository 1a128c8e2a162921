"""The two pictures of a benchmark: how the times are distributed, and where they go."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgetl.benchmarks.results import BenchReport, Figures, Result
from edgetl.reports.markup import Html, figure, join, tag, text
from edgetl.reports.scale import Scale, ticks
from edgetl.reports.units import format_duration, format_number

Measured: TypeAlias = Sequence[tuple[Result, Figures]]
"""Results that have figures, with them."""

_BINS = 150
_STRIP = 34  # pixels, height of one distribution
_SHOWN_SHARE = 0.99  # the axis ends where this share of every row's times does

_STAGES = (
    ("decode", "decode_s", "--stage-1"),
    ("resize", "resize_s", "--stage-2"),
    ("model", "infer_s", "--stage-3"),
    ("label", "post_s", "--stage-4"),
)


def strips(report: BenchReport, measured: Measured) -> Html:
    """A histogram for each result on one axis, with its median and p95."""
    times = [
        np.array([seconds for process in result.processes for seconds in process.inference_s]) * 1000
        for result, _ in measured
    ]
    end = 1.05 * max(float(np.quantile(values, _SHOWN_SHARE)) for values in times)
    x = Scale(0, end, 0, 100)
    marks = ticks(0, end)
    lanes = []
    for (result, figures), values in zip(measured, times, strict=True):
        beyond = int((values > end).sum())
        slower = f"{beyond} slower, to {format_duration(values.max() / 1000)}" if beyond else ""
        value = join(
            text(format_duration(figures.median_s.value)),
            tag("small", text(f"p95 {format_duration(figures.p95_s)}")),
            tag("small", text(slower)) if slower else Html(""),
        )
        lanes += _lane(result, value, _strip(result, values, figures, x, marks))
    lanes.append(tag("div", _axis(x, marks), class_="plot"))
    caption = (
        f"How the times of single inferences are distributed on {report.machine.label}. The higher the blue, "
        "the more runs took that long. Solid line: median; dashed: p95. Runs beyond the axis are counted on "
        "the right."
    )
    return figure(tag("div", *lanes, class_="lanes"), text(caption))


def stages(report: BenchReport, measured: Measured) -> Html:
    """A bar for each result from file to label, cut into its stages; all have the times of the stages."""
    spent = [[(getattr(figures, field) or 0.0) for _, field, _ in _STAGES] for _, figures in measured]
    longest = max(map(sum, spent))
    legend = [
        tag("li", tag("i", style=f"background:var({colour})"), text(stage)) for stage, _, colour in _STAGES
    ]
    lanes = []
    for (result, figures), seconds in zip(measured, spent, strict=True):
        bar = [
            tag("i", style=f"width:{100 * part / longest:.2f}%;background:var({colour})")
            for part, (_, _, colour) in zip(seconds, _STAGES, strict=True)
        ]
        named = zip((stage for stage, _, _ in _STAGES), seconds, strict=True)
        said = " · ".join(f"{stage} {format_number(part * 1000)}" for stage, part in named)
        drawn = join(tag("div", *bar, class_="bar"), tag("small", text(said)))
        lanes += _lane(result, text(format_duration(figures.total_s)), drawn)
    caption = (
        f"From the file {report.picture} to its label on {report.machine.label}: the median of each stage in "
        "milliseconds, and on the right the median of the whole."
    )
    return figure(
        join(tag("ul", *legend, class_="legend"), tag("div", *lanes, class_="lanes")), text(caption)
    )


def threads(result: Result) -> str:
    """``4 threads``."""
    return f"{result.threads} thread{'' if result.threads == 1 else 's'}"


def _lane(result: Result, value: Html, plot: Html) -> list[Html]:
    """The three cells of a row: its name, its figure and its picture."""
    name = join(text(result.variant), tag("small", text(threads(result))))
    return [
        tag("div", name, class_="label"),
        tag("div", value, class_="value"),
        tag("div", plot, class_="plot"),
    ]


def _strip(
    result: Result, values: NDArray[np.float64], figures: Figures, x: Scale, marks: Sequence[float]
) -> Html:
    counts, edges = np.histogram(values, bins=_BINS, range=(x.low, x.high))
    parts = [tag("title", text(f"Distribution of the times of {result.name}"))]
    parts += [_upright("grid", x(mark)) for mark in marks]
    for count, edge in zip(counts, edges[:-1], strict=True):
        if count:
            # At least two pixels: a single slow run is what one looks for.
            height = max(2.0, (_STRIP - 2) * count / counts.max())
            place, width = f"{x(edge):.2f}%", f"{100 / _BINS:.2f}%"
            parts.append(tag("rect", x=place, y=_STRIP - height, width=width, height=height, class_="count"))
    parts.append(_upright("median", x(figures.median_s.value * 1000)))
    if figures.p95_s is not None:
        parts.append(_upright("p95", x(figures.p95_s * 1000)))
    parts.append(tag("line", x1=0, x2="100%", y1=_STRIP, y2=_STRIP, class_="grid"))
    return tag("svg", *parts, width="100%", height=_STRIP, role="img")


def _upright(kind: str, place: float) -> Html:
    at = f"{place:.2f}%"
    return tag("line", x1=at, x2=at, y1=0, y2=_STRIP, class_=kind)


def _axis(x: Scale, marks: Sequence[float]) -> Html:
    labels = []
    for mark in marks:
        place = x(mark)
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        label = text(f"{mark:g} ms" if mark else "0")
        labels.append(tag("text", label, x=f"{place:.2f}%", y=14, text_anchor=anchor, class_="quiet"))
    return tag("svg", *labels, width="100%", height=18, aria_hidden="true")
