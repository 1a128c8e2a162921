"""The variants of a bundle: size against accuracy against latency, as a picture and as a table."""

from collections.abc import Mapping, Sequence

from edgetl.manifest import Interval, Manifest, Variant
from edgetl.reports.markup import Column, Html, figure, join, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.scale import Scale, ticks
from edgetl.reports.units import (
    UNKNOWN,
    format_duration,
    format_points,
    format_share,
    format_share_interval,
    format_size,
)

_HEIGHT = 340
_TOP, _BOTTOM = 40, 296  # pixels; between them lie the accuracies
_LEFT, _RIGHT = 11.0, 88.0  # per cent of the width; between them lie the sizes
_NARROW = 340  # pixels; the narrowest the chart is drawn, on a phone
_BADGE = 11  # pixels, radius
_BUBBLE = 30  # pixels, radius of the slowest variant's


def variants(
    manifest: Manifest, *, latencies: Mapping[str, float | None] | None = None, machine: str | None = None
) -> Section:
    """Every variant of a bundle, with the pick and its reason.

    Args:
        manifest: of the bundle.
        latencies: seconds for one image by variant name, where they were measured.
        machine: where that was, as ``benchmarks.machine.Machine.label`` says it.
    """
    known = {name: value for name, value in (latencies or {}).items() if value is not None}
    rows = list(enumerate(manifest.variants, 1))
    scored = [(number, variant) for number, variant in rows if variant.score]
    parts = [tag("p", tag("strong", text(f"Pick: {manifest.pick}")), text(_because(manifest)))]
    if scored:
        parts.append(figure(_chart(scored, manifest.pick, known), text(_caption(scored, known, machine))))
    parts.append(_table(rows, manifest, known, machine))
    return Section("Variants", join(*parts))


def _because(manifest: Manifest) -> str:
    """The reason, to follow the pick's name, with which it often begins itself."""
    reason = manifest.pick_reason.strip().rstrip(".")
    if reason.startswith((f"{manifest.pick} ", f"{manifest.pick}:")):
        return f"{reason.removeprefix(manifest.pick)}."
    return f". {reason[:1].upper()}{reason[1:]}."


def _caption(scored: Sequence[tuple[int, Variant]], known: Mapping[str, float], machine: str | None) -> str:
    score = scored[0][1].score
    assert score is not None
    said = (
        f"Accuracy on {score.images} pictures of the {score.split} split, with 95 % intervals, against the "
        "size of the model files. Numbers are the rows of the table; the filled one is the pick. Variants of "
        "nearly the same size stand side by side. Dashed: the trained model before conversion."
    )
    return (
        f"{said} The area of a disc is the median latency on {machine or 'this machine'}." if known else said
    )


def _chart(scored: Sequence[tuple[int, Variant]], pick: str, known: Mapping[str, float]) -> Html:
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
        place = f"{x(tick):.2f}%"
        parts.append(tag("line", x1=place, x2=place, y1=_BOTTOM + 12, y2=_BOTTOM + 18, class_="axis"))
        parts.append(tag("text", label, x=place, y=_HEIGHT - 10, text_anchor="middle", class_="quiet"))
    slowest = max(known.values(), default=1.0)
    placed = _side_by_side([(x(variant.size_bytes / 1e6), number, variant) for number, variant in scored])
    parts += [_marker(spot, y, variant, number, pick, known, slowest) for spot, number, variant in placed]
    return tag("svg", *parts, width="100%", height=_HEIGHT, role="img")


def _line(kind: str, y: float, *, dashed: bool = False) -> Html:
    return tag("line", x1=0, x2="100%", y1=y, y2=y, class_=kind, stroke_dasharray="5 4" if dashed else None)


def _side_by_side(
    spots: Sequence[tuple[float, int, Variant]],
) -> list[tuple[tuple[float, float], int, Variant]]:
    """Where each marker goes: (per cent of the width, pixels beside it), so that none hides another."""
    groups: list[list[tuple[float, int, Variant]]] = []
    for spot in sorted(spots, key=lambda spot: spot[:2]):
        near = groups and (spot[0] - groups[-1][-1][0]) / 100 * _NARROW < 2 * _BADGE
        if near:
            groups[-1].append(spot)
        else:
            groups.append([spot])
    placed = []
    for group in groups:
        middle = sum(place for place, _, _ in group) / len(group)
        for index, (place, number, variant) in enumerate(group):
            if len(group) == 1:
                placed.append(((place, 0.0), number, variant))
            else:
                placed.append(((middle, (index - (len(group) - 1) / 2) * (2 * _BADGE + 3)), number, variant))
    return placed


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
    drawn = [tag("title", text(", ".join(said)))]
    if latency is not None:
        radius = _BUBBLE * (latency / slowest) ** 0.5
        drawn.append(tag("circle", cx=beside, cy=middle, r=radius, class_="bubble"))
    drawn.append(tag("line", x1=beside, x2=beside, y1=top, y2=bottom, class_="interval"))
    drawn += [
        tag("line", x1=beside - 4, x2=beside + 4, y1=end, y2=end, class_="interval") for end in (top, bottom)
    ]
    drawn.append(tag("circle", cx=beside, cy=middle, r=_BADGE, class_="disc"))
    drawn.append(tag("text", text(number), x=beside, y=middle + 4.5, text_anchor="middle", class_="digit"))
    # The inner svg carries the percentage, so that the rest can be pixels and nothing is stretched.
    return tag("svg", tag("g", *drawn, class_=kind), x=f"{place:.2f}%", y=0, overflow="visible")


def _table(
    rows: Sequence[tuple[int, Variant]], manifest: Manifest, known: Mapping[str, float], machine: str | None
) -> Html:
    columns = [Column("Variant", numeric=False), Column("Size")]
    columns += [Column("Latency")] if known else []
    columns += [Column("Accuracy"), Column("Drop, points"), Column("Agreement")]
    cells = []
    for number, variant in rows:
        score = variant.score
        picked = variant.name == manifest.pick
        badge = tag("span", text(number), class_="badge pick" if picked else "badge")
        row = [tag("span", badge, text(variant.name), class_="name"), text(format_size(variant.size_bytes))]
        row += [text(format_duration(known.get(variant.name)))] if known else []
        row += (
            [text(UNKNOWN)] * 3
            if score is None
            else [
                _with_small(format_share(score.accuracy.value), format_share_interval(score.accuracy)),
                _with_small(format_points(score.drop.value), _points(score.drop)),
                text(format_share(score.agreement)),
            ]
        )
        cells.append(row)
    where = f"; latency: median on {machine or 'this machine'}" if known else ""
    caption = f"Drop and agreement: against the trained model, same pictures; small: 95 % intervals{where}"
    mark = [variant.name for _, variant in rows].index(manifest.pick)
    return table(caption, columns, cells, mark=mark)


def _with_small(value: str, small: str) -> Html:
    return join(text(value), tag("small", text(small)))


def _points(interval: Interval) -> str:
    return f"{format_points(interval.low)} to {format_points(interval.high)}"
