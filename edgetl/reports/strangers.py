"""The threshold for unknown pictures: why it is where it is, and what it does to known ones and others."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgetl.manifest import Interval
from edgetl.reports.axes import Axis, bars, labels_below, upright
from edgetl.reports.markup import Html, figure, join, tag, text, tiles
from edgetl.reports.page import Section
from edgetl.reports.trust import share_axis
from edgetl.reports.units import UNKNOWN, format_share, format_share_interval

_HEIGHT = 64  # pixels of one histogram


def strangers(metrics: Mapping[str, Any]) -> Section:
    """What the threshold was chosen for, what it does, and the scores on either side of it.

    Args:
        metrics: ``metrics.json``, with ``rejection`` and ``curves``.
    """
    found, curves, split = metrics["rejection"], metrics["curves"], metrics["split"]
    strange, known = found["false_accepts"], found["known_accepted"]
    if found["rule"] == "false-accept rate":
        chosen = f"chosen for a false-accept rate of {100 * found['wanted']:g} %"
    else:
        chosen = f"keeps {100 * found['wanted']:g} % of the right answers on held-out photos"
    head = tiles(
        [
            ("Unknown below", format_share(found["threshold"]), chosen),
            (
                "Known photos accepted",
                format_share(known["value"]),
                f"{_interval(known)} of the {split} split",
            ),
            (
                "Unknown pictures accepted",
                UNKNOWN if strange is None else format_share(strange["value"]),
                "none were given to try"
                if strange is None
                else f"{_interval(strange)} of {found['measured_on']}",
            ),
        ]
    )
    x = share_axis(0.0)
    kinds = [("Right answers", curves["right"]), ("Wrong answers", curves["wrong"])]
    kinds += [("Unknown pictures", curves["unknown"])] if curves["unknown"] else []
    drawn = [_histogram(name, counts, x, found["threshold"]) for name, counts in kinds]
    accepted = [
        f"{format_share(part['value'])} of the {name} answers"
        for name, part in (("right", found["right_accepted"]), ("wrong", found["wrong_accepted"]))
        if part is not None
    ]
    words = [
        f"Scores, from 0 to 100 %; the dashed line is the threshold. It accepts {' and '.join(accepted)}."
    ]
    if found["separation"] is not None:
        words.append(
            f"A known photo scores higher than an unknown picture in {format_share(found['separation'])} of "
            "all pairs (the area under the ROC curve; 50 % is chance)."
        )
    if found["rule"] == "false-accept rate" and strange is not None:
        words.append("The share of unknown pictures accepted was counted on pictures that did not choose.")
    body = figure(join(*drawn, labels_below(x)), text(" ".join(words)))
    return Section("Unknown pictures", join(head, body))


def _histogram(name: str, counts: Sequence[int], x: Axis, threshold: float) -> Html:
    most = max(1, *counts)
    # At least two pixels: a single sure mistake is what one looks for.
    tops = [_HEIGHT - (max(2.0, (_HEIGHT - 2) * count / most) if count else 0.0) for count in counts]
    drawn = [
        tag("title", text(f"Scores: {name.lower()}")),
        *(upright("grid", x.place(mark), _HEIGHT) for mark in x.marks),
        bars("count", tops, _HEIGHT),
        tag("line", x1=0, x2="100%", y1=_HEIGHT, y2=_HEIGHT, class_="axis"),
        upright("p95", x.place(threshold), _HEIGHT),
    ]
    head = tag("h4", text(f"{name}: {sum(counts)}"))
    return join(head, tag("svg", *drawn, width="100%", height=_HEIGHT, role="img"))


def _interval(value: Mapping[str, float]) -> str:
    return format_share_interval(Interval(**value))
