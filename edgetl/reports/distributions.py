"""How the times of single inferences are distributed: a histogram for each measurement."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgetl.benchmarks.results import BenchReport, Figures, Result
from edgetl.reports.axes import Axis, bars, labels_below, upright
from edgetl.reports.marks import invalid, threads
from edgetl.reports.markup import Html, figure, join, tag, text
from edgetl.reports.page import Section
from edgetl.reports.scale import Scale, few_ticks
from edgetl.reports.units import format_duration

_BINS = 120
_HEIGHT = 56  # pixels of one histogram
_SHOWN = 0.99
"""The axis ends where this share of every measurement's times does."""
_NARROWEST, _WIDEST = 0.02, 1.0
"""What the axis reaches beyond the median, as shares of it: timers and eyes see no less, and one measurement
of wild times must not make lines of all others."""


def distributions(report: BenchReport) -> Section:
    """A histogram of the raw times of each single-picture result that has figures, with median and p95.

    All axes reach equally far beyond their medians, as a share of them: a spread of 5 % is equally wide
    everywhere, however fast the variant is.

    Args:
        report: with at least one such result.
    """
    rows = [(row, row.figures) for row in report.results if row.figures and row.batch == 1]
    times = [np.array([time for run in row.processes for time in run.inference_s]) for row, _ in rows]
    before, beyond = _reach(times, [figures.median_s.value for _, figures in rows])
    cards = [
        _card(row, figures, values, before, beyond)
        for (row, figures), values in zip(rows, times, strict=True)
    ]
    legend = [
        tag("li", tag("i", class_=kind), text(words))
        for kind, words in (("count", "runs"), ("median", "median"), ("p95", "p95"))
    ]
    caption = (
        f"Times of single inferences measured on {report.machine.label}; the higher, the more runs took "
        f"that long, and a single run is still seen. Every axis reaches from {_percent(-before)} to "
        f"{_percent(beyond)} of its own median, so that widths compare. A measurement without a p95 has "
        "fewer than 59 runs."
    )
    drawn = join(tag("ul", *legend, class_="legend"), tag("div", *cards, class_="multiples"))
    return Section("Every inference", figure(drawn, text(caption)))


def _reach(times: Sequence[NDArray[np.float64]], medians: Sequence[float]) -> tuple[float, float]:
    """How far the axes reach below and above the median, as shares of it."""
    low = max(1 - float(np.quantile(t, 1 - _SHOWN)) / m for t, m in zip(times, medians, strict=True))
    high = max(float(np.quantile(t, _SHOWN)) / m - 1 for t, m in zip(times, medians, strict=True))
    before = min(max(1.2 * low, _NARROWEST), 0.95)
    return before, min(max(1.2 * high, _NARROWEST), _WIDEST)


def _card(row: Result, figures: Figures, values: NDArray[np.float64], before: float, beyond: float) -> Html:
    median = figures.median_s.value
    low, high = 1000 * median * (1 - before), 1000 * median * (1 + beyond)
    x = Axis(Scale(low, high, 0, 100), few_ticks(low, high), lambda mark: f"{mark:.4g} ms")
    shown = 1000 * values
    counts, _ = np.histogram(shown, bins=_BINS, range=(low, high))
    # At least two pixels: a single slow run is what one looks for.
    tall = np.where(counts > 0, np.maximum(2.0, (_HEIGHT - 2) * counts / max(1, counts.max())), 0.0)
    drawn = [
        tag("title", text(f"Distribution of the times of {row.name}")),
        *(upright("grid", x.place(mark), _HEIGHT) for mark in x.marks),
        bars("count", [float(top) for top in _HEIGHT - tall], _HEIGHT),
        tag("line", x1=0, x2="100%", y1=_HEIGHT, y2=_HEIGHT, class_="axis"),
        upright("median", x.place(1000 * median), _HEIGHT),
    ]
    said = f"median {format_duration(median)}, {figures.samples} runs"
    if figures.p95_s is not None:
        said += f", p95 {format_duration(figures.p95_s)}"
        if 1000 * figures.p95_s <= high:
            drawn.append(upright("p95", x.place(1000 * figures.p95_s), _HEIGHT))
    outside = _outside(shown, low, high)
    head = tag("p", tag("strong", text(row.variant)), text(f" {threads(row)}"), invalid(row))
    picture = tag("svg", *drawn, width="100%", height=_HEIGHT, role="img")
    words = tag("small", text(f"{said}{outside}"))
    return tag("div", head, picture, labels_below(x), words)


def _outside(shown: NDArray[np.float64], low: float, high: float) -> str:
    slower, faster = int((shown > high).sum()), int((shown < low).sum())
    parts = [f"{slower} slower, to {format_duration(shown.max() / 1000)}"] if slower else []
    parts += [f"{faster} faster, from {format_duration(shown.min() / 1000)}"] if faster else []
    return f"; not drawn: {'; '.join(parts)}" if parts else ""


def _percent(share: float) -> str:
    return f"{100 * share:+.0f} %".replace("-", "−")
