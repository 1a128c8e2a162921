"""Precision against recall, a small plot for each class."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgetl.reports.axes import line, plot
from edgetl.reports.markup import Html, figure, tag, text
from edgetl.reports.page import Section
from edgetl.reports.trust import panel, share_axis
from edgetl.reports.units import format_share

_HEIGHT = 150  # pixels of one plot


def precision_recall(metrics: Mapping[str, Any]) -> Section | None:
    """The curves of ``metrics.json``; None where it has none, with more than 10 classes."""
    found = metrics.get("curves", metrics)  # a task of several labels has no other curves
    curves: Sequence[Mapping[str, Any]] = found["precision_recall"]
    if not curves:
        return None
    lowest = min(precision for curve in curves for _, precision in curve["points"])
    low = min(0.9, 0.1 * int(10 * lowest))
    caption = (
        "Across, the share of the class that is found; up, the share that is right of what is taken for it, "
        f"as the score that is asked for falls; {metrics['split']} split. Average precision: the mean height."
    )
    cards = [_card(curve, low) for curve in curves]
    return Section("Precision and recall", figure(tag("div", *cards, class_="multiples"), text(caption)))


def _card(curve: Mapping[str, Any], low: float) -> Html:
    x, y = share_axis(0.0), share_axis(low, height=_HEIGHT)
    # From the first point on, precision is known; before it the curve is level.
    points = [(0.0, curve["points"][0][1]), *curve["points"]]
    average = format_share(curve["average_precision"])
    drawn = plot(
        line("curve", [(x.place(recall), y.place(precision)) for recall, precision in points], _HEIGHT),
        x,
        y,
        height=_HEIGHT,
        title=f"Precision against recall of {curve['label']}",
        described=f"Average precision {average}.",
    )
    return panel(curve["label"], f"average precision {average}", drawn, x)
