"""The board while it was measured: temperature, clock, what others took, and power, over time."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgetl.benchmarks.board import trends
from edgetl.benchmarks.board.sampling import Sample
from edgetl.reports.axes import Axis, band, labels_below, line, plot
from edgetl.reports.markup import Html, figure, join, tag, text
from edgetl.reports.page import Section
from edgetl.reports.scale import Scale, few_ticks

HEIGHT = 96  # pixels of one plot
_MOST_POINTS = 300
_EDGE = 10  # pixels above the highest and below the lowest value


@dataclass(frozen=True)
class Series:
    """One thing that was read again and again."""

    name: str
    unit: str
    points: Sequence[tuple[float, float]]
    """Seconds since the start, and the value in its unit; at least one."""
    least: float
    """What the axis spans at least, in the unit: noise must not look like a change."""
    from_zero: bool = False
    """Whether the axis begins at 0."""
    choose: Callable[[Sequence[float]], float] = max
    """Which of several readings is drawn where there are more than 300."""


def over_time(samples: Sequence[Sample], machine: str) -> Section | None:
    """Plots of what the samples tell, above each other on one axis; None when they tell nothing.

    Args:
        samples: of the whole benchmark, in the order they were taken.
        machine: which was sampled.
    """
    series = [part for part in _series(samples) if part.points]
    if not series:
        return None
    start_s, end_s = samples[0].at_s, samples[-1].at_s
    slowed = [(sample.at_s - start_s, words) for sample, words in trends.slowdowns(samples)]
    caption = (
        f"Sampled on {machine} {len(samples)} times while it was measured. Other programs: cores that they "
        "took from the benchmark."
    )
    if any(part.name == "Clock" for part in series):
        caption += (
            " Clock: the highest of all cores; it falls between the inferences, unless the governor is "
            "performance."
        )
    if words := ", ".join(dict.fromkeys(word for _, said in slowed for word in said)):
        caption += f" Tinted: the firmware told that it slowed the board ({words})."
    drawn = plots(series, end_s - start_s, _spans([(at_s, bool(said)) for at_s, said in slowed]))
    return Section("The machine over time", figure(drawn, text(caption)))


def plots(series: Sequence[Series], seconds: float, slowed_s: Sequence[tuple[float, float]] = ()) -> Html:
    """Plots above each other.

    Args:
        series: one or more.
        seconds: length of the axis.
        slowed_s: from when to when the board was slowed.
    """
    x = time_axis(seconds)
    parts = []
    for part in series:
        points = _thinned(part.points, part.choose)
        y = value_axis([0.0] * part.from_zero + [value for _, value in points], part.least, part.unit)
        tints = [band("tint", x.place(first), x.place(last), HEIGHT) for first, last in slowed_s]
        curve = line("curve", [(x.place(at_s), y.place(value)) for at_s, value in points], HEIGHT)
        values = [value for _, value in part.points]
        said = f"From {min(values):.4g} to {max(values):.4g} {part.unit}."
        drawn = plot(join(*tints, curve), x, y, height=HEIGHT, title=f"{part.name} over time", described=said)
        parts.append(join(tag("h4", text(part.name)), drawn))
    return join(*parts, tag("div", tag("span"), labels_below(x), class_="panel"))


def time_axis(seconds: float) -> Axis:
    """From 0, in seconds, or in minutes when there are three or more."""
    scale, unit = (60.0, "min") if seconds >= 180 else (1.0, "s")
    marks = few_ticks(0, max(seconds, 1e-3) / scale, at_most=5)
    x = Scale(0, max(seconds, 1e-3), 0, 100)
    return Axis(x, [mark * scale for mark in marks], lambda mark: f"{mark / scale:g} {unit}")


def value_axis(values: Sequence[float], least: float, unit: str, height: float = HEIGHT) -> Axis:
    """Over the values, and over ``least`` of them at least; not below 0 where they are not."""
    low, high = min(values), max(values)
    more = max(0.0, least - (high - low)) / 2
    bottom = low - more if low < 0 else max(0.0, low - more)
    top = max(high + more, bottom + least)
    y = Scale(bottom, top, height - _EDGE, _EDGE)
    marks = few_ticks(bottom, top, at_most=max(4, int(height / 25)))
    return Axis(y, marks, lambda mark: f"{mark:g} {unit.removesuffix('s') if mark == 1 else unit}")


def _series(samples: Sequence[Sample]) -> list[Series]:
    start_s = samples[0].at_s if samples else 0.0

    def told(read: Callable[[Sample], float | None]) -> list[tuple[float, float]]:
        pairs = ((sample.at_s - start_s, read(sample)) for sample in samples)
        return [(at_s, value) for at_s, value in pairs if value is not None]

    others = [(last.at_s - start_s, trends.others(first, last)) for first, last in trends.spans(samples)]
    return [
        Series("Temperature", "°C", told(lambda sample: sample.temperature_c), 5.0),
        Series(
            "Clock",
            "MHz",
            told(lambda sample: max(sample.clocks_hz) / 1e6 if sample.clocks_hz else None),
            200.0,
            choose=min,
        ),
        Series(
            "Other programs",
            "cores",
            [(at_s, max(0.0, v)) for at_s, v in others if v is not None],
            0.5,
            from_zero=True,
        ),
        Series("Power", "W", told(lambda sample: sample.power_w), 1.0),
    ]


def _spans(told: Sequence[tuple[float, bool]]) -> list[tuple[float, float]]:
    """From the first to the last of neighbouring moments at which something was so."""
    groups = itertools.groupby(told, key=lambda pair: pair[1])
    so = [[at_s for at_s, _ in group] for holds, group in groups if holds]
    return [(moments[0], moments[-1]) for moments in so]


def _thinned(
    points: Sequence[tuple[float, float]], choose: Callable[[Sequence[float]], float]
) -> list[tuple[float, float]]:
    """At most 300 points: of neighbours the one that ``choose`` takes, so that no peak is lost."""
    size = -(-len(points) // _MOST_POINTS)
    groups = (points[first : first + size] for first in range(0, len(points), size))
    return [(group[0][0], choose([value for _, value in group])) for group in groups]
