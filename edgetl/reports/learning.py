"""How a fine-tuning went: its curves over the epochs, and what was decided."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgetl.reports.axes import Axis, labels_below, line, plot, upright
from edgetl.reports.facts import facts_list
from edgetl.reports.markup import Html, figure, join, tag, text
from edgetl.reports.over_time import HEIGHT, value_axis
from edgetl.reports.page import Section
from edgetl.reports.scale import Scale, few_ticks

_Points = Sequence[tuple[float, float]]


def learning(told: Mapping[str, Any] | None) -> Section | None:
    """The section of a run that was fine-tuned, whether that was adopted or not; None of any other.

    Args:
        told: ``fine_tuning`` of ``run.json``.
    """
    if told is None:
        return None
    options, epochs = told["options"], told.get("epochs", [])
    rows: list[tuple[str, object]] = [
        ("Adopted", f"{'yes' if told['adopted'] else 'no'}: {told['why']}"),
        ("Judged on", f"{told['photos']} {told['judged_on']} photos" if epochs else None),
        ("Trained", f"{told['layers']} layers, {told['parameters']:,} numbers" if epochs else None),
        ("Above", told.get("cut")),
        ("Photos varied", options["augment"]),
        ("Epochs", f"{len(epochs)}, best {told['best_epoch']}" if epochs else None),
        ("McNemar's test of right answers", f"p = {told['p_accuracy']:.2g}" if epochs else None),
        ("With the teacher", told["teacher"]["why"] if "teacher" in told else None),
        ("Computed by", told.get("backend")),
    ]
    facts = facts_list(rows)
    return Section("Fine-tuning", join(_curves(epochs, told["best_epoch"]), facts) if epochs else facts)


def _curves(epochs: Sequence[Mapping[str, Any]], best: int) -> Html:
    x = _epochs_axis(len(epochs))
    seen: list[tuple[str, str, list[tuple[str, _Points]]]] = [
        ("Loss", "", [("p95 dotted", _points(epochs, "loss")), ("curve", _points(epochs, "val_loss"))]),
        ("Accuracy on held-out photos", "%", [("curve", _points(epochs, "val_accuracy", 100.0))]),
        ("Learning rate of the head, in millionths", "", [("curve", _points(epochs, "rate", 1e6))]),
    ]
    parts = []
    for name, unit, lines in seen:
        values = [value for _, points in lines for _, value in points]
        if not values:
            continue
        y = value_axis(values, 0.02 if name == "Loss" else 2.0, unit)
        drawn = [
            line(kind, [(x.place(epoch), y.place(value)) for epoch, value in points], HEIGHT)
            for kind, points in lines
            if points
        ]
        mark = [upright("axis", x.place(best), HEIGHT)] if best else []
        said = f"From {values[0]:.4g} in the first epoch to {values[-1]:.4g} in the last."
        made = plot(join(*mark, *drawn), x, y, height=HEIGHT, title=f"{name} over epochs", described=said)
        parts.append(join(tag("h4", text(name)), made))
    below = tag("div", tag("span"), labels_below(x), class_="panel")
    caption = (
        "By epochs. Loss: of the train photos dotted, which are varied and have softened labels; "
        "of the held-out photos solid, by the averaged weights. Upright: the epoch that was kept."
    )
    return figure(join(*parts, below), text(caption))


def _points(epochs: Sequence[Mapping[str, Any]], name: str, times: float = 1.0) -> _Points:
    return [(entry["epoch"], times * entry[name]) for entry in epochs if entry[name] is not None]


def _epochs_axis(last: int) -> Axis:
    scale = Scale(1, max(2, last), 0, 100)
    marks = [mark for mark in few_ticks(1, max(2, last), at_most=6) if mark == int(mark)]
    return Axis(scale, marks, lambda mark: f"{mark:g}")
