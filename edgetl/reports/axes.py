"""A plot of any width: what is drawn is stretched with the page, words and lines never are.

Across, places are per cent of the width; down, pixels.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edgetl.reports.markup import Html, tag, text


@dataclass(frozen=True)
class Axis:
    """Where values lie, and which are labelled."""

    place: Callable[[float], float]
    """From a value to per cent of the width, or to pixels from the top."""
    marks: Sequence[float]
    label: Callable[[float], str]
    """A mark in words, with its unit."""


def plot(drawn: Html, x: Axis, y: Axis, *, height: float, title: str, described: str) -> Html:
    """A plot with its labels on the left; those below are :func:`labels_below`, which several can share.

    Args:
        drawn: made by :func:`line`, :func:`upright` and :func:`band`.
        x: along the width.
        y: along the height.
        height: pixels.
        title: what it is, for who cannot see it.
        described: what can be seen in it, likewise.
    """
    level = [
        tag("line", x1=0, x2="100%", y1=y.place(mark), y2=y.place(mark), class_="grid") for mark in y.marks
    ]
    lines = [upright("grid", x.place(mark), height) for mark in x.marks]
    said = (tag("title", text(title)), tag("desc", text(described)))
    words = [
        tag("text", text(y.label(mark)), x="100%", y=y.place(mark) + 4.5, text_anchor="end", class_="quiet")
        for mark in y.marks
    ]
    return tag(
        "div",
        tag("svg", *words, width="100%", height=height, aria_hidden="true"),
        tag("svg", *said, *level, *lines, drawn, width="100%", height=height, role="img"),
        class_="panel",
    )


def labels_below(x: Axis) -> Html:
    """The labels of the marks along the width, for one plot or for several above each other."""
    words = []
    for mark in x.marks:
        place = x.place(mark)
        anchor = "start" if place < 4 else "end" if place > 92 else "middle"
        words.append(
            tag("text", text(x.label(mark)), x=f"{place:.2f}%", y=14, text_anchor=anchor, class_="quiet")
        )
    return tag("svg", *words, width="100%", height=20, aria_hidden="true")


def line(kind: str, points: Iterable[tuple[float, float]], height: float) -> Html:
    """A line through points, each in per cent of the width and in pixels."""
    path = "L".join(f"{x:.2f} {y:.1f}" for x, y in points)
    return _stretched(f"M{path}", kind, height)


def bars(kind: str, tops: Sequence[float], height: float) -> Html:
    """Columns of equal width over the whole width, as one shape.

    Args:
        kind: its class.
        tops: pixels from the top at which each ends; ``height`` for none.
        height: where they stand, pixels.
    """
    wide = 100 / len(tops)
    path = "".join(
        f"M{number * wide:.2f} {height:g}V{top:.1f}h{wide:.2f}V{height:g}z"
        for number, top in enumerate(tops)
        if top < height
    )
    return _stretched(path, kind, height)


def upright(kind: str, place: float, height: float) -> Html:
    """A line from top to bottom."""
    at = f"{place:.2f}%"
    return tag("line", x1=at, x2=at, y1=0, y2=height, class_=kind)


def band(kind: str, start: float, end: float, height: float) -> Html:
    """A strip from top to bottom, at least half a per cent wide."""
    width = max(0.5, end - start)
    start = min(start, 100 - width)
    return tag("rect", x=f"{start:.2f}%", y=0, width=f"{width:.2f}%", height=height, class_=kind)


def _stretched(path: str, kind: str, height: float) -> Html:
    drawn = tag("path", d=path, class_=kind, vector_effect="non-scaling-stroke")
    return tag(
        "svg",
        drawn,
        viewBox=f"0 0 100 {height:g}",
        preserveAspectRatio="none",
        x=0,
        y=0,
        width="100%",
        height=height,
    )
