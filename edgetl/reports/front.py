"""Which backbone ``--backbone auto`` picked, and what stood beside it: as a picture and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgetl.manifest import Interval
from edgetl.reports.markup import Column, Html, figure, join, table, tag, text, unbroken
from edgetl.reports.page import Section
from edgetl.reports.tradeoff import HEIGHT, WIDTHS
from edgetl.reports.tradeoff_chart import Spot, drawing, is_wide
from edgetl.reports.units import (
    UNKNOWN,
    format_duration,
    format_duration_interval,
    format_share,
    format_share_interval,
    format_size,
)


def front(choice: Mapping[str, Any]) -> Section:
    """The candidates.

    Args:
        choice: of ``run.json``.
    """
    candidates: Sequence[Mapping[str, Any]] = choice["candidates"]
    picked = next(number for number, one in enumerate(candidates) if one["picked"])
    reason = str(choice["reason"])
    parts = [
        tag(
            "p",
            tag("strong", text(f"Picked: {candidates[picked]['name']}")),
            text(f". {reason[:1].upper()}{reason[1:]}."),
        )
    ]
    drawn = [one for one in candidates if one["scores"] and one["latency"] and one["size_bytes"]]
    if drawn:
        parts.append(_picture(drawn, choice))
    parts.append(_table(candidates, choice, picked))
    return Section("Which backbone", join(*parts))


def _picture(candidates: Sequence[Mapping[str, Any]], choice: Mapping[str, Any]) -> Html:
    spots = [
        Spot(
            name=_short(one["name"]),
            latency_s=one["latency"]["seconds"],
            accuracy=Interval(**one["scores"]["accuracy"]),
            size_bytes=one["size_bytes"],
            picked=one["picked"],
            invalid=False,
        )
        for one in candidates
    ]
    latency = candidates[0]["latency"]
    kind_of = "estimated" if latency["kind"] == "estimated" else "median"
    made = [
        tag(
            "div",
            drawing(
                spots,
                width,
                HEIGHT[kind],
                what="candidates",
                latency=kind_of,
                dashed=None,
                joined=True,
            ),
            class_=f"only {kind}",
        )
        for kind, width in WIDTHS
    ]
    where = (
        f"estimated, not measured, for int8 on {latency['where']}; 80 % intervals are in the table"
        if latency["kind"] == "estimated"
        else "median of the float32 engine on this machine; exported int8 files take less"
    )
    scale = "; equal factors are equally far apart" if is_wide(spots) else ""
    return figure(
        join(*made),
        text(
            f"Accuracy: cross-validated on the same {choice['sample']} photos for each candidate, upright "
            f"lines: 95 % intervals. Latency of one picture: {where}{scale}. The area of a disc is the size "
            "of the int8 file, estimated. The line leads along candidates that no other beats in accuracy "
            "and latency together. Filled blue: the picked one."
        ),
    )


def _short(name: str) -> str:
    """``lite0 160`` of ``efficientnet_lite0, 160 px``: names must find room on a phone."""
    return name.replace("efficientnet_", "").replace(", ", " ").removesuffix(" px")


def _table(candidates: Sequence[Mapping[str, Any]], choice: Mapping[str, Any], picked: int) -> Html:
    columns = [
        Column("candidate", numeric=False),
        Column(f"on {choice['sample']} photos"),
        Column(f"on all {choice['pictures']}"),
        Column("latency"),
        Column("interval"),
        Column("int8 file"),
        Column("why", numeric=False),
    ]
    rows = []
    for one in candidates:
        name, *figures, why = cells(one)
        rows.append([text(name), *(text(unbroken(figure)) for figure in figures), text(why)])
    return table("Candidates: accuracy in cross-validation, latency and size", columns, rows, mark=picked)


def cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    """A candidate of ``run.json`` as a row: name, both accuracies, latency, interval, size, why."""
    latency, scores, trained = one["latency"], one["scores"], one["trained_accuracy"]
    cross_validated = time = interval = UNKNOWN
    if trained:
        cross_validated = f"{format_share(trained['value'])} ({format_share_interval(Interval(**trained))})"
    if latency:
        time = format_duration(latency["seconds"])
        interval = format_duration_interval(Interval(latency["seconds"], latency["low_s"], latency["high_s"]))
    return (
        str(one["name"]),
        format_share(scores["accuracy"]["value"]) if scores else UNKNOWN,
        cross_validated,
        time,
        interval,
        format_size(one["size_bytes"]),
        f"picked: {one['why']}" if one["picked"] else str(one["why"]),
    )
