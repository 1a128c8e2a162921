"""What unlabelled pictures of where the model will be used were good for."""

from collections.abc import Mapping
from typing import Any

from edgetl.reports.facts import facts_list
from edgetl.reports.markup import Column, Html, join, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.units import format_points, format_share


def adapted(told: Mapping[str, Any] | None) -> Section | None:
    """The section of a run that was trained with ``--unlabelled``; None of any other.

    Args:
        told: ``adaptation`` of ``run.json``.
    """
    if told is None:
        return None
    why = str(told["why"])
    area = told["told_from_train"]
    rows: list[tuple[str, object]] = [
        ("Pictures", f"{told['pictures']:,} without a label, {told['labelled']:,} with one"),
        (
            "Told from train photos",
            None if area is None else f"in {100 * area:.0f} % of pairs; 50 % is chance",
        ),
        ("Judged on", told.get("judged_on")),
    ]
    parts = [tag("p", text(f"{why[:1].upper()}{why[1:]}."))]
    if told["methods"]:
        parts.append(_methods(told))
    return Section("Adapting to unlabelled pictures", join(*parts, facts_list(rows)))


def _methods(told: Mapping[str, Any]) -> Html:
    nothing, methods = told["nothing"], told["methods"]
    columns = [
        Column("method", numeric=False),
        Column("accuracy"),
        Column("points gained"),
        Column("loss"),
        Column("p of the loss"),
        Column("adopted", numeric=False),
    ]
    first = ["doing nothing", format_share(nothing["accuracy"]), "–", f"{nothing['loss']:.3f}", "–", ""]
    rows = [[text(cell) for cell in first]]
    for method in methods:
        gain = 100 * (method["accuracy"] - nothing["accuracy"])
        taken = method["name"] == told["adopted"]
        said = "yes" if taken else "would help too" if method["adopted"] else "no"
        cells = [
            method["name"],
            format_share(method["accuracy"]),
            format_points(gain),
            f"{method['loss']:.3f}",
            f"{method['p_loss']:.2g}",
            said,
        ]
        rows.append([text(cell) for cell in cells])
    names = ["", *(method["name"] for method in methods)]
    mark = names.index(told["adopted"]) if told["adopted"] else None
    return table(
        "Each method beside doing nothing, on labelled photos of the target", columns, rows, mark=mark
    )
