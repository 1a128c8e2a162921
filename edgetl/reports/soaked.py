"""What a board sustains: latency, temperature and clock of a soak over time."""

from edgetl.benchmarks.board.soak_curve import SoakCurve
from edgetl.reports.axes import labels_below, line, plot, upright
from edgetl.reports.markup import Html, figure, join, tag, text, tiles
from edgetl.reports.over_time import Series, plots, time_axis, value_axis
from edgetl.reports.page import Section
from edgetl.reports.units import format_duration

_HEIGHT = 180  # pixels of the plot of latencies


def soaked(curve: SoakCurve, machine: str) -> Section:
    """The headline of a soak, its latencies, and what was read of the board meanwhile.

    Args:
        curve: of one variant.
        machine: that was soaked.
    """
    ended = tag("p", text(f"It ended early: {curve.ended}.")) if curve.ended else Html("")
    parts = [tiles(_tiles(curve)), ended, _outside(curve), _latencies(curve, machine)]
    lasted = curve.windows[-1].end_s
    told = [part for part in _series(curve) if part.points]
    if told:
        after_s = curve.throttled_after_s
        drawn = plots(told, lasted, [] if after_s is None else [(after_s, lasted)])
        tinted = "" if after_s is None else "; tinted: from when it throttled"
        caption = (
            f"{machine} during the soak: the last temperature and the lowest clock of each window{tinted}."
        )
        parts.append(figure(drawn, text(caption)))
    return Section("Soak", join(*parts))


def _tiles(curve: SoakCurve) -> list[tuple[str, str, str]]:
    threads = f"{curve.threads} thread{'' if curve.threads == 1 else 's'}, {curve.engine}"
    lasted = f"{curve.windows[-1].end_s / 60:.3g} of {curve.asked_s / 60:.3g} min"
    if curve.throttled_after_s is not None:
        throttled = f"{curve.throttled_after_s / 60:.2g} min", str(curve.throttled_by)
    elif curve.watched:
        throttled = "no", f"watched: {', '.join(curve.watched)}"
    else:
        throttled = "unknown", "this machine does not tell"
    return [
        ("Soaked", curve.variant, f"{threads}, {lasted}"),
        ("At first", format_duration(curve.first_s), "median of the first window"),
        ("Sustained", format_duration(curve.sustained_s), f"{curve.slowdown:.2f} times the first"),
        ("Throttled after", *throttled),
    ]


def _outside(curve: SoakCurve) -> Html:
    if not curve.contamination:
        return Html("")
    items = [tag("li", text(f"{reason[:1].upper()}{reason[1:]}.")) for reason in curve.contamination]
    title = "Invalid: this curve is not the machine's own"
    return tag("div", tag("h3", text(title)), tag("ul", *items), class_="advice stop")


def _latencies(curve: SoakCurve, machine: str) -> Html:
    lasted = curve.windows[-1].end_s
    tails = [(window.end_s, 1000 * window.p95_s) for window in curve.windows if window.p95_s is not None]
    medians = [(window.end_s, 1000 * window.median_s) for window in curve.windows]
    x = time_axis(lasted)
    y = value_axis([value for _, value in (*tails, *medians)], 0.2 * medians[0][1], "ms", _HEIGHT)
    kinds = (("p95 dotted", tails), ("curve", medians))
    drawn = [
        line(kind, [(x.place(at_s), y.place(value)) for at_s, value in points], _HEIGHT)
        for kind, points in kinds
        if points
    ]
    if curve.throttled_after_s is not None:
        drawn.append(upright("throttle", x.place(curve.throttled_after_s), _HEIGHT))
    said = f"From {format_duration(curve.first_s)} to {format_duration(curve.sustained_s)}."
    picture = plot(join(*drawn), x, y, height=_HEIGHT, title="Latency over time", described=said)
    words = [("curve", "median"), ("p95", "p95")] + [("throttle", "throttled")] * (
        curve.throttled_after_s is not None
    )
    legend = [tag("li", tag("i", class_=kind), text(word)) for kind, word in words]
    caption = f"Inferences of {curve.variant} without a pause on {machine}, in {len(curve.windows)} windows."
    below = tag("div", tag("span"), labels_below(x), class_="panel")
    return figure(join(tag("ul", *legend, class_="legend"), picture, below), text(caption))


def _series(curve: SoakCurve) -> list[Series]:
    windows = curve.windows
    return [
        Series(
            "Temperature",
            "°C",
            [(w.end_s, w.temperature_c) for w in windows if w.temperature_c is not None],
            5.0,
        ),
        Series(
            "Clock", "MHz", [(w.end_s, w.clock_hz / 1e6) for w in windows if w.clock_hz is not None], 200.0
        ),
        Series("Power", "W", [(w.end_s, w.power_w) for w in windows if w.power_w is not None], 1.0),
    ]
