"""The variants of a bundle: size against accuracy against latency, as a picture and as a table."""

from collections.abc import Collection, Mapping, Sequence

from edgetl.manifest import Interval, Manifest, Variant
from edgetl.reports.markup import Column, Html, join, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.units import (
    UNKNOWN,
    format_duration,
    format_points,
    format_share,
    format_share_interval,
    format_size,
)
from edgetl.reports.variants_chart import chart


def variants(
    manifest: Manifest,
    *,
    latencies: Mapping[str, float | None] | None = None,
    machine: str | None = None,
    invalid: Collection[str] = (),
    picture: Html | None = None,
) -> Section:
    """Every variant of a bundle, with the pick and its reason.

    Args:
        manifest: of the bundle.
        latencies: seconds for one image by variant name, where they were measured; None takes those of
            the machine that exported, where the manifest has them.
        machine: where that was, as ``benchmarks.machine.Machine.label`` says it.
        invalid: names of the variants whose latency must not be used.
        picture: what stands above the table; None draws accuracy over size, of variants that were scored.
    """
    if latencies is None:
        latencies = {variant.name: variant.latency_s for variant in manifest.variants}
        machine = ", ".join(filter(None, [manifest.measured_on, "the machine that exported"]))
    known = {name: value for name, value in latencies.items() if value is not None}
    where = machine or "this machine"
    rows = list(enumerate(manifest.variants, 1))
    scored = [(number, variant) for number, variant in rows if variant.score]
    parts = [tag("p", tag("strong", text(f"Pick: {manifest.pick}")), text(_because(manifest)))]
    if picture is not None:
        parts.append(picture)
    elif scored:
        parts.append(chart(scored, manifest.pick, known, where))
    parts.append(_table(rows, manifest, known, where, invalid))
    parts.append(_refused(manifest))
    return Section("Variants", join(*parts))


def _because(manifest: Manifest) -> str:
    """The reason, to follow the pick's name, with which it often begins itself."""
    reason = manifest.pick_reason.strip().rstrip(".")
    if reason.startswith((f"{manifest.pick} ", f"{manifest.pick}:")):
        return f"{reason.removeprefix(manifest.pick)}."
    return f". {reason[:1].upper()}{reason[1:]}."


def _table(
    rows: Sequence[tuple[int, Variant]],
    manifest: Manifest,
    known: Mapping[str, float],
    where: str,
    invalid: Collection[str],
) -> Html:
    looked_into = any(variant.arithmetic for _, variant in rows)
    columns = [Column("Variant", numeric=False), Column("Size")]
    columns += [Column("Latency")] if known else []
    columns += [Column("int8")] if looked_into else []
    columns += [Column("Accuracy"), Column("Drop, points"), Column("Agreement")]
    cells = []
    for number, variant in rows:
        score, arithmetic = variant.score, variant.arithmetic
        row = [_named(number, variant, manifest.pick), text(format_size(variant.size_bytes))]
        wrong = tag("small", text("invalid"), class_="invalid") if variant.name in invalid else Html("")
        row += [join(text(format_duration(known.get(variant.name))), wrong)] if known else []
        row += [text(format_share(arithmetic.int8_macs if arithmetic else None))] if looked_into else []
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
    caption = "Drop and agreement: against the trained model, same pictures; small: 95 % intervals"
    caption += f"; latency: median on {where}" if known else ""
    caption += "; int8: share of the multiply-accumulates, read back from the file" * looked_into
    mark = [variant.name for _, variant in rows].index(manifest.pick)
    return table(caption, columns, cells, mark=mark)


def _named(number: int, variant: Variant, pick: str) -> Html:
    kind = " ".join(["badge", *["pick"] * (variant.name == pick), *["refused"] * bool(variant.refused)])
    named = [tag("span", tag("span", text(number), class_=kind), text(variant.name), class_="name")]
    named += [tag("small", tag("strong", text("failed the gate")))] if variant.refused else []
    named += [tag("small", text(variant.recipe))] if variant.recipe else []
    return tag("div", *named, class_="variant")


def _refused(manifest: Manifest) -> Html:
    """Why variants failed the gate that were kept all the same."""
    reasons = [variant.refused for variant in manifest.variants if variant.refused]
    if not reasons:
        return Html("")
    return tag(
        "div",
        tag("h3", text("Failed the gate, and kept because --keep-failing asked for it")),
        tag("ul", *(tag("li", text(reason)) for reason in reasons)),
        class_="advice",
    )


def _with_small(value: str, small: str) -> Html:
    return join(text(value), tag("small", text(small)))


def _points(interval: Interval) -> str:
    return f"{format_points(interval.low)} to {format_points(interval.high)}"
