"""A forest plot: ratios with their intervals under each other, and the verdict in words."""

import math
import statistics
from collections.abc import Sequence

from edgetl.benchmarks.comparing.compare import MARGIN, Pair
from edgetl.manifest import Interval
from edgetl.reports.axes import Axis, band, labels_below, upright
from edgetl.reports.marks import setting
from edgetl.reports.markup import Html, figure, join, tag, text
from edgetl.reports.scale import Scale, ticks
from edgetl.reports.units import format_number

_HEIGHT = 30  # pixels of a row
_ROOM = 15.0  # per cent of the width, for a label
_KINDS = {"slower": "slower", "faster": "faster", "no clear difference": "unclear"}


def forest(pairs: Sequence[Pair], machine: str) -> Html:
    """A row for each pair that was tested.

    Args:
        pairs: at least one has a ratio.
        machine: that both reports measured on.
    """
    tested = [(pair, pair.ratio) for pair in pairs if pair.ratio is not None]
    x = _axis([ratio for _, ratio in tested])
    lanes: list[Html] = []
    for pair, ratio in tested:
        lanes += [
            tag("div", _named(pair), class_="label"),
            tag("div", _said(pair, ratio), class_="value"),
            tag("div", _row(pair, ratio, x), class_="plot"),
        ]
    ends = tag("span", text("← B is faster")), tag("span", text("B is slower →"))
    lanes.append(tag("div", labels_below(x), tag("div", *ends, class_="ends"), class_="plot"))
    caption = (
        "How much longer B's median is than A's at one speed of the machine, both measured on "
        f"{machine}: the point is the ratio, the line its 95 % interval. Tinted: the margin of "
        f"{100 * MARGIN:g} % that the whole interval must lie beyond before a difference is claimed. An "
        "arrow: it goes on beyond the edge."
    )
    return figure(tag("div", *lanes, class_="lanes forest"), text(caption))


def percent(ratio: float) -> str:
    """``+5.0 %`` from 1.05."""
    change = 100 * (ratio - 1)
    said = f"{change:+.1f}" if abs(change) < 99.95 else f"+{format_number(change)}"
    return f"{'0.0' if said in ('+0.0', '-0.0') else said} %".replace("-", "−")


def _axis(ratios: Sequence[Interval]) -> Axis:
    """Logarithms of the ratio: half and twice the time are equally far from the middle.

    It reaches beyond every ratio and the usual interval; one much wider is cut at the edge.
    """
    farthest = max(abs(math.log(ratio.value)) for ratio in ratios)
    usual = statistics.median(max(math.log(ratio.high), -math.log(ratio.low)) for ratio in ratios)
    reach = max(math.log(1 + 3 * MARGIN), 1.3 * farthest, 1.5 * usual)
    scale = Scale(-reach, reach, 0, 100)
    kept: list[float] = []
    for mark in ticks(100 * math.expm1(-reach), 100 * math.expm1(reach)):
        ratio = 1 + mark / 100
        if ratio > 0 and (not kept or scale(math.log(ratio)) - scale(math.log(kept[-1])) >= _ROOM):
            kept.append(ratio)
    return Axis(lambda ratio: scale(math.log(ratio)), kept, lambda ratio: _mark(100 * (ratio - 1)))


def _mark(change: float) -> str:
    return "0 %" if abs(change) < 1e-9 else f"{change:+.3g} %".replace("-", "−")


def _named(pair: Pair) -> Html:
    return join(text(pair.a.variant), tag("small", text(setting(pair.a))))


def _said(pair: Pair, ratio: Interval) -> Html:
    verdict = str(pair.verdict)
    interval = f"{percent(ratio.low)} to {percent(ratio.high)}"
    return join(
        tag("strong", text(percent(ratio.value))),
        tag("small", text(interval)),
        tag("small", text(verdict), class_=f"verdict {_KINDS[verdict]}"),
    )


def _row(pair: Pair, ratio: Interval, x: Axis) -> Html:
    middle = _HEIGHT / 2
    low, high, at = x.place(ratio.low), x.place(ratio.high), x.place(ratio.value)
    said = (
        f"{pair.name}: {percent(ratio.value)}, 95 % interval {percent(ratio.low)} to {percent(ratio.high)}: "
    )
    drawn = [
        tag("title", text(f"{said}{pair.verdict}")),
        band("margin", x.place(1 / (1 + MARGIN)), x.place(1 + MARGIN), _HEIGHT),
        *(upright("grid", x.place(mark), _HEIGHT) for mark in x.marks),
        upright("axis", x.place(1), _HEIGHT),
        tag("line", x1=_at(low), x2=_at(high), y1=middle, y2=middle, class_="whisker"),
        *(_end(place, inwards) for place, inwards in ((low, 1), (high, -1))),
        tag("circle", cx=_at(at), cy=middle, r=4, class_="estimate"),
    ]
    kind = _KINDS[str(pair.verdict)]
    return tag("svg", tag("g", *drawn, class_=kind), width="100%", height=_HEIGHT, role="img")


def _at(place: float) -> str:
    return f"{min(max(place, 0.0), 100.0):.2f}%"


def _end(place: float, inwards: int) -> Html:
    """The end of an interval, or an arrow at the edge where it goes on beyond."""
    middle = _HEIGHT / 2
    path = (
        f"M0 {middle - 5}v10"
        if 0 <= place <= 100
        else f"M{7 * inwards} {middle - 6}L0 {middle}l{7 * inwards} 6"
    )
    return tag(
        "svg", tag("path", d=path, class_="whisker", fill="none"), x=_at(place), y=0, overflow="visible"
    )
