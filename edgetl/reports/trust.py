"""Whether the scores mean what they say: the reliability diagram, and what is won by answering less."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgetl.intervals import wilson
from edgetl.reports.axes import Axis, labels_below, line, plot, upright
from edgetl.reports.markup import Html, figure, join, tag, text, tiles
from edgetl.reports.page import Section
from edgetl.reports.scale import Scale

HEIGHT = 200  # pixels of one plot
_EDGE = 10  # pixels above the highest and below the lowest value
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_SMALLEST, _LARGEST = 3.5, 7.0  # pixels, radius of a bin with few photos and of the fullest


def trust(metrics: Mapping[str, Any]) -> Section:
    """How far score and truth lie apart, before and after the temperature.

    Args:
        metrics: ``metrics.json``, with ``calibration`` and ``curves``.
    """
    found, images, split = metrics["calibration"], metrics["images"], metrics["split"]
    before, after, floor = found["before"], found["after"], found["floor"]
    head = tiles(
        [
            (
                "Calibration error",
                _points(after["expected"]),
                f"{_points(before['expected'])} before the temperature of {found['temperature']:.2f}",
            ),
            (
                "Perfect scores would show",
                _points(floor["mean"]),
                f"on {images} photos, by chance; up to {_points(floor['high'])} in 95 of 100 sets",
            ),
            (
                "Less what chance adds",
                _points(after["debiased"]),
                f"root mean square, bins of equally many photos; plain mean {_points(after['equal_mass'])}",
            ),
        ]
    )
    low = min(0.1 * int(10 * part["score"]) for name in ("before", "after") for part in found[f"bins_{name}"])
    low = min(low, 0.9)
    cards = [
        _card(title, _reliability(found[f"bins_{name}"], low, title), low)
        for name, title in (("before", "Before the temperature"), ("after", "After"))
    ]
    cards.append(_selective(metrics["curves"]["selective"], metrics["rejection"]["known_accepted"]["value"]))
    caption = (
        f"The first two: across, the score; up, the share of right answers among the photos of the {split} "
        "split with about that score, with 95 % intervals; a larger dot has more photos. Honest scores lie "
        "on the dashed line. The last: accuracy among the surest photos, where the rest are left unanswered; "
        "the upright line is at the threshold for unknown."
    )
    return Section(
        "How sure it may be", join(head, figure(tag("div", *cards, class_="multiples"), text(caption)))
    )


def share_axis(low: float, high: float = 1.0, *, height: float | None = None) -> Axis:
    """Shares in per cent: along the width, or up a plot of some height."""
    scale = Scale(low, high, 0, 100) if height is None else Scale(low, high, height - _EDGE, _EDGE)
    room = 3 if height is None else max(4, int(height / 33))
    step = next(step for step in _STEPS if (high - low) / step <= room - 1 + 1e-9)
    count = int((high - low) / step + 1e-9)
    # Down from the top: 100 % is what one looks for.
    return Axis(
        scale, [high - number * step for number in range(count + 1)], lambda mark: f"{100 * mark:.4g} %"
    )


def panel(title: str, detail: str, drawn: Html, x: Axis) -> Html:
    """A small plot under its name, with the labels of the axis below."""
    head = join(tag("p", tag("strong", text(title))), tag("small", text(detail)))
    return tag("div", head, drawn, tag("div", tag("span"), labels_below(x), class_="panel"))


def _card(title: str, drawn: Html, low: float) -> Html:
    return panel(title, "right answers by score", drawn, share_axis(low))


def _reliability(bins: Sequence[Mapping[str, Any]], low: float, title: str) -> Html:
    x, y = share_axis(low), share_axis(0.0, height=HEIGHT)
    most = max(part["images"] for part in bins)
    drawn = [line("ideal", [(x.place(low), y.place(low)), (x.place(1.0), y.place(1.0))], HEIGHT)]
    for part in bins:
        across = f"{x.place(part['score']):.2f}%"
        sure = wilson(round(part["right"] * part["images"]), part["images"])
        drawn.append(
            tag("line", x1=across, x2=across, y1=y.place(sure.low), y2=y.place(sure.high), class_="interval")
        )
        said = (
            f"score {100 * part['score']:.1f} %, right {100 * part['right']:.1f} %, {part['images']} photos"
        )
        radius = max(_SMALLEST, _LARGEST * (part["images"] / most) ** 0.5)
        drawn.append(
            tag(
                "circle",
                tag("title", text(said)),
                cx=across,
                cy=y.place(part["right"]),
                r=radius,
                class_="spot",
            )
        )
    described = "; ".join(f"{part['score']:.2f}: {part['right']:.2f}" for part in bins)
    return plot(join(*drawn), x, y, height=HEIGHT, title=f"Reliability, {title.lower()}", described=described)


def _selective(points: Sequence[Sequence[float]], accepted: float) -> Html:
    x = share_axis(0.0)
    low = min(0.99, min(accuracy for _, accuracy in points))
    y = share_axis(0.01 * int(100 * low), height=HEIGHT)
    curve = line("curve", [(x.place(share), y.place(accuracy)) for share, accuracy in points], HEIGHT)
    drawn = plot(
        join(curve, upright("throttle", x.place(accepted), HEIGHT)),
        x,
        y,
        height=HEIGHT,
        title="Accuracy against the share of photos that are answered",
        described=f"{100 * points[-1][1]:.1f} % where all are answered.",
    )
    return panel("Answering less", "accuracy by share answered", drawn, x)


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
