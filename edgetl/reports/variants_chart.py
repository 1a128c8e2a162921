"""The variants of a bundle as a picture: size against accuracy, and latency where it can be drawn."""

from collections.abc import Mapping, Sequence

from edgetl.manifest import Variant
from edgetl.reports.markup import Html, figure, tag, text
from edgetl.reports.scale import Scale, ticks
from edgetl.reports.units import format_duration, format_share, format_size

_HEIGHT = 340
_TOP, _BOTTOM = 40, 296  # pixels; between them lie the accuracies
_LEFT, _RIGHT = 11.0, 88.0  # per cent of the width; between them lie the sizes
_PHONE, _CROWDED = 340, 640  # pixels; the narrowest a chart of few and of many variants is drawn
_FEW = 8
_BADGE = 11  # pixels, radius
_ROOM = 2 * _BADGE + 3  # pixels, between the middles of two markers
_BUBBLE = 30  # pixels, radius of the slowest variant's


def chart(
    scored: Sequence[tuple[int, Variant]], pick: str, latencies: Mapping[str, float], machine: str
) -> Html:
    """The picture with what it shows written below.

    Args:
        scored: variants with a score, each with its number in the table.
        pick: name of the recommended one.
        latencies: seconds for one image by variant name, of those that were measured.
        machine: where that was.
    """
    known = latencies if _bubbles_show(latencies) else {}
    drawn = _drawing(scored, pick, known)
    crowded = len(scored) > _FEW
    moves = " On a narrow screen it moves sideways." if crowded else ""
    return figure(drawn, text(_caption(scored, known, machine) + moves), scrolls=crowded)


def _bubbles_show(latencies: Mapping[str, float]) -> bool:
    """Whether discs can tell these latencies: not when the fastest one's would hide behind its marker."""
    seconds = latencies.values()
    return bool(seconds) and max(seconds) < min(seconds) * (_BUBBLE / _BADGE) ** 2


def _caption(scored: Sequence[tuple[int, Variant]], known: Mapping[str, float], machine: str) -> str:
    score = scored[0][1].score
    assert score is not None
    said = (
        f"Accuracy on {score.images} pictures of the {score.split} split, with 95 % intervals, against the "
        "size of the model files. Numbers are the rows of the table; the filled one is the pick. Variants of "
        "nearly the same size stand side by side. Dashed: the trained model before conversion."
    )
    said += " Square: failed the gate." if any(variant.refused for _, variant in scored) else ""
    return f"{said} The area of a disc is the median latency on {machine}." if known else said


def _drawing(scored: Sequence[tuple[int, Variant]], pick: str, known: Mapping[str, float]) -> Html:
    scores = [variant.score for _, variant in scored if variant.score]
    trained = scores[0].accuracy.value + scores[0].drop.value / 100
    low = min(trained, *(score.accuracy.low for score in scores)) - 0.004
    high = max(trained, *(score.accuracy.high for score in scores)) + 0.004
    y = Scale(100 * low, 100 * high, _BOTTOM, _TOP)
    largest = max(variant.size_bytes for _, variant in scored) / 1e6
    x = Scale(0, largest, _LEFT, _RIGHT)
    parts = [
        tag("title", text("Size, accuracy and latency of the variants")),
        tag("desc", text("The table below has the same figures.")),
        tag("text", text("accuracy"), x=0, y=14, class_="quiet"),
        tag("text", text("size"), x="100%", y=_HEIGHT - 4, text_anchor="end", class_="quiet"),
    ]
    parts.append(_line("axis", y(100 * trained), dashed=True))
    for tick in ticks(100 * low, 100 * high, at_most=7):
        parts.append(_line("grid", y(tick)))
        parts.append(tag("text", text(f"{tick:g} %"), x=0, y=y(tick) - 5, class_="quiet halo"))
    for tick in ticks(0, largest, at_most=5):
        label = text(f"{tick:g} MB" if tick else "0")
        across = f"{x(tick):.2f}%"
        parts.append(tag("line", x1=across, x2=across, y1=_BOTTOM + 12, y2=_BOTTOM + 18, class_="axis"))
        parts.append(tag("text", label, x=across, y=_HEIGHT - 10, text_anchor="middle", class_="quiet"))
    slowest = max(known.values(), default=1.0)
    narrowest = _PHONE if len(scored) <= _FEW else _CROWDED
    sorted_by_size = sorted(scored, key=lambda row: (row[1].size_bytes, row[0]))
    places = [x(variant.size_bytes / 1e6) for _, variant in sorted_by_size]
    for place, beside, (number, variant) in zip(
        places, _side_by_side(places, narrowest), sorted_by_size, strict=True
    ):
        parts.append(_marker((place, beside), y, variant, number, pick, known, slowest))
    wide = f"min-width: {_CROWDED}px" if narrowest == _CROWDED else None
    return tag("svg", *parts, width="100%", height=_HEIGHT, role="img", style=wide)


def _line(kind: str, y: float, *, dashed: bool = False) -> Html:
    return tag("line", x1=0, x2="100%", y1=y, y2=y, class_=kind, stroke_dasharray="5 4" if dashed else None)


def _side_by_side(places: Sequence[float], narrowest: float) -> list[float]:
    """How many pixels each marker stands beside its place, so that none hides another.

    The least squares of displacements with :data:`_ROOM` between neighbours at the narrowest width, and so
    at every wider one: isotonic regression by pooling adjacent violators.

    Args:
        places: per cent of the width, ascending.
        narrowest: width of the chart, pixels.
    """
    blocks: list[tuple[float, int]] = []  # mean and number of markers that touch
    for index, place in enumerate(places):
        mean, count = place / 100 * narrowest - index * _ROOM, 1
        while blocks and blocks[-1][0] >= mean:
            before, others = blocks.pop()
            mean, count = (mean * count + before * others) / (count + others), count + others
        blocks.append((mean, count))
    first, last = _LEFT / 100 * narrowest, narrowest - _BADGE - (len(places) - 1) * _ROOM
    kept = [min(max(mean, first), last) for mean, count in blocks for _ in range(count)]
    return [
        mean + index * _ROOM - place / 100 * narrowest
        for index, (mean, place) in enumerate(zip(kept, places, strict=True))
    ]


def _marker(
    spot: tuple[float, float],
    y: Scale,
    variant: Variant,
    number: int,
    pick: str,
    known: Mapping[str, float],
    slowest: float,
) -> Html:
    assert variant.score is not None
    accuracy = variant.score.accuracy
    latency = known.get(variant.name)
    middle, top, bottom = (y(100 * share) for share in (accuracy.value, accuracy.high, accuracy.low))
    kind = "point pick" if variant.name == pick else "point"
    place, beside = spot
    said = [variant.name, format_size(variant.size_bytes), format_share(accuracy.value)]
    said += [] if latency is None else [format_duration(latency)]
    said += ["failed the gate"] if variant.refused else []
    drawn = [tag("title", text(", ".join(said)))]
    if latency is not None:
        radius = _BUBBLE * (latency / slowest) ** 0.5
        drawn.append(tag("circle", cx=beside, cy=middle, r=radius, class_="bubble"))
    drawn.append(tag("line", x1=beside, x2=beside, y1=top, y2=bottom, class_="interval"))
    drawn += [
        tag("line", x1=beside - 4, x2=beside + 4, y1=end, y2=end, class_="interval") for end in (top, bottom)
    ]
    if variant.refused:
        side = 2 * _BADGE
        corner = {"x": beside - _BADGE, "y": middle - _BADGE}
        drawn.append(tag("rect", **corner, width=side, height=side, class_="disc"))
    else:
        drawn.append(tag("circle", cx=beside, cy=middle, r=_BADGE, class_="disc"))
    drawn.append(tag("text", text(number), x=beside, y=middle + 4.5, text_anchor="middle", class_="digit"))
    # The inner svg carries the percentage, so that the rest can be pixels and nothing is stretched.
    return tag("svg", tag("g", *drawn, class_=kind), x=f"{place:.2f}%", y=0, overflow="visible")
