"""The drawing of accuracy against latency against size, for one width."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgetl.manifest import Interval
from edgetl.reports.markup import Html, join, tag, text
from edgetl.reports.placing import LETTER, Box, gap, nearest, place
from edgetl.reports.scale import LogScale, Scale, few_ticks, log_ticks, ticks
from edgetl.reports.units import format_duration, format_share, format_share_interval, format_size

_LEFT, _RIGHT = 48, 16  # pixels beside the field
_TOP, _BELOW = 58, 46
_BUBBLE = 20.0  # pixels, radius of the largest model's
_DOT = 3.5
_AWAY = 14.0  # pixels
_WIDE_RANGE = 4.0
"""Slowest over fastest from which on equal factors are drawn equally far apart."""
_PAD = 0.004


@dataclass(frozen=True)
class Spot:
    """One model on one machine."""

    name: str
    latency_s: float
    accuracy: Interval
    """Share of right answers, 0 to 1."""
    size_bytes: int
    picked: bool
    invalid: bool
    """Whether its latency must not be used."""


def is_wide(spots: Sequence[Spot]) -> bool:
    """Whether the axis of latencies has equal factors equally far apart."""
    seconds = [spot.latency_s for spot in spots]
    return max(seconds) > _WIDE_RANGE * min(seconds)


def drawing(
    spots: Sequence[Spot],
    width: int,
    height: int,
    *,
    what: str,
    latency: str,
    dashed: float | None,
    joined: bool = False,
) -> Html:
    """The picture alone.

    Args:
        spots: one or more.
        width: pixels.
        height: pixels.
        what: they are, for its title: ``variants``.
        latency: what kind it is: ``median``.
        dashed: an accuracy to compare with, 0 to 1; None draws no line.
        joined: whether a line leads along those that no other beats in both accuracy and latency.
    """
    x, across = _latencies(spots, width)
    y, up = _accuracies(spots, height, dashed)
    largest = max(spot.size_bytes for spot in spots)
    bottom, right = height - _BELOW, width - _RIGHT
    parts = [
        tag("title", text(f"Accuracy, latency and size of the {what}")),
        tag("desc", text(told(spots))),
    ]
    for mark in up:
        parts.append(tag("line", x1=_LEFT, x2=right, y1=y(mark), y2=y(mark), class_="grid"))
        parts.append(_words(f"{mark:g} %", _LEFT - 6, y(mark) + 4.5, "end"))
    for mark in across:
        parts.append(tag("line", x1=x(mark), x2=x(mark), y1=_TOP, y2=bottom, class_="grid"))
        parts.append(_words(f"{mark:g} ms", x(mark), bottom + 17, "middle"))
    parts.append(_words("↑ accuracy", 0, 14, "start"))
    parts.append(_words(f"{latency} latency of one image →", right, height - 6, "end"))
    parts.append(_key([spot.size_bytes for spot in spots], right))
    if dashed is not None:
        level, stroke = y(100 * dashed), {"class_": "axis", "stroke_dasharray": "5 4"}
        parts.append(tag("line", x1=_LEFT, x2=right, y1=level, y2=level, **stroke))
    points = [(x(1000 * spot.latency_s), y(100 * spot.accuracy.value)) for spot in spots]
    if joined:
        path = " ".join(f"{points[number][0]:.1f},{points[number][1]:.1f}" for number in front(spots))
        parts.append(tag("polyline", points=path, class_="front"))
    names = [f"{spot.name} (invalid)" if spot.invalid else spot.name for spot in spots]
    boxes = place(names, points, _DOT + 4, Box(_LEFT, _TOP - 4, right - _LEFT, bottom - _TOP + 2))
    parts += [_disc(spot, point, largest, y) for spot, point in zip(spots, points, strict=True)]
    for spot, name, point, box in zip(spots, names, points, boxes, strict=True):
        parts.append(_name(name, point, box, "invalid" if spot.invalid else "pick" if spot.picked else None))
    return tag("svg", *parts, viewBox=f"0 0 {width} {height}", width=width, height=height, role="img")


def _latencies(spots: Sequence[Spot], width: int) -> tuple[Callable[[float], float], Sequence[float]]:
    """The axis in milliseconds, and its marks."""
    times = [1000 * spot.latency_s for spot in spots]
    start, end = _LEFT, width - _RIGHT
    room = 75 if width < 400 else 60  # pixels for a mark and its label
    if not is_wide(spots):
        high = max(times) + 0.06 * max(times)
        # Equal latencies must not look different, so the axis spans a third of the slowest at least.
        low = max(0.0, min(min(times) - 0.2 * (max(times) - min(times)), 0.7 * max(times)))
        return Scale(low, high, start, end), few_ticks(low, high, at_most=max(4, (end - start) // room))
    low, high = min(times) / 1.25, max(times) * 1.25
    x = LogScale(low, high, start, end)
    marks: list[float] = []
    for mark in log_ticks(low, high):
        if x(mark) < end - 20 and (not marks or x(mark) - x(marks[-1]) >= room * 0.75):
            marks.append(mark)
    return x, marks


def front(spots: Sequence[Spot]) -> list[int]:
    """Places of those that no other beats in both accuracy and latency, the fastest first."""
    found: list[int] = []
    for number in sorted(range(len(spots)), key=lambda n: (spots[n].latency_s, -spots[n].accuracy.value)):
        if not found or spots[number].accuracy.value > spots[found[-1]].accuracy.value:
            found.append(number)
    return found


def _accuracies(
    spots: Sequence[Spot], height: int, dashed: float | None
) -> tuple[Callable[[float], float], Sequence[float]]:
    """The axis in per cent, and its marks."""
    also = [] if dashed is None else [dashed]
    low = 100 * (min(*also, *(spot.accuracy.low for spot in spots), 1.0) - _PAD)
    high = 100 * (max(*also, *(spot.accuracy.high for spot in spots), 0.0) + _PAD)
    marks = [mark for mark in ticks(low, high, at_most=7) if mark <= 100]
    return Scale(low, high, height - _BELOW, _TOP), marks


def _disc(spot: Spot, point: tuple[float, float], largest: int, y: Callable[[float], float]) -> Html:
    x, middle = point
    accuracy = spot.accuracy
    said = f"{spot.name}: {format_duration(spot.latency_s)}, {format_share(accuracy.value)} "
    said += f"({format_share_interval(accuracy)}), {format_size(spot.size_bytes)}"
    said += ", invalid" if spot.invalid else ""
    kind = "point" + " pick" * spot.picked + " invalid" * spot.invalid
    top, bottom = y(100 * accuracy.high), y(100 * accuracy.low)
    return tag(
        "g",
        tag("title", text(said)),
        tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="interval thin"),
        tag("circle", cx=x, cy=middle, r=_radius(spot.size_bytes, largest), class_="bubble"),
        tag("circle", cx=x, cy=middle, r=_DOT, class_="dot"),
        class_=kind,
    )


def _radius(size_bytes: int, largest: int) -> float:
    return float(_BUBBLE * (size_bytes / largest) ** 0.5)


def _name(name: str, point: tuple[float, float], box: Box, kind: str | None) -> Html:
    x, y = point
    near_x, near_y = nearest(point, box)
    # Only a name that stands away needs to be led back to its point.
    away = gap(point, box) > _AWAY
    leader = tag("line", x1=x, y1=y, x2=near_x, y2=near_y, class_="leader") if away else Html("")
    # The text sits towards its point, since its true width is a little less than the box.
    left, right = near_x == box.left, near_x == box.left + box.width
    anchor, at = (
        ("start", box.left + 2) if left
        else ("end", box.left + box.width - 2) if right
        else ("middle", box.left + box.width / 2)
    )  # fmt: skip
    kinds = "halo" if kind is None else f"halo {kind}"
    return join(leader, tag("text", text(name), x=at, y=box.top + 13, text_anchor=anchor, class_=kinds))


def _key(sizes: Sequence[int], right: float) -> Html:
    """The largest disc and the smallest, with their sizes."""
    parts = []
    for size in dict.fromkeys((max(sizes), min(sizes))):
        said, radius = format_size(size), _radius(size, max(sizes))
        right -= LETTER * len(said) + 4
        parts.append(_words(said, right, 26, "start"))
        right -= radius + 5
        parts.append(tag("circle", cx=right, cy=22, r=radius, class_="bubble"))
        right -= radius + 12
    return join(*parts)


def _words(words: str, x: float, y: float, anchor: str) -> Html:
    return tag("text", text(words), x=x, y=y, text_anchor=anchor, class_="quiet halo")


def told(spots: Sequence[Spot]) -> str:
    """All figures in words, the fastest first."""
    each = (
        f"{spot.name} {format_share(spot.accuracy.value)} in {format_duration(spot.latency_s)}, "
        f"{format_size(spot.size_bytes)}"
        for spot in sorted(spots, key=lambda spot: spot.latency_s)
    )
    return f"{'; '.join(each)}."
