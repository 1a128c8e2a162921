"""The sections of a run of several tasks, or of several labels a photo."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgetl.manifest import Interval, Manifest
from edgetl.reports import sections
from edgetl.reports.markup import Column, Html, join, table, tag, text, tiles, unbroken
from edgetl.reports.page import Section
from edgetl.reports.units import (
    UNKNOWN,
    format_number,
    format_points,
    format_share,
    format_share_interval,
)

_MOST_LABELS = 60
"""With more labels the table lists the weakest of them."""


def of_variants(manifest: Manifest) -> Section | None:
    """How each variant does at each task; None where there is but one."""
    scored = [(variant.name, variant.score) for variant in manifest.variants if variant.score is not None]
    if not any(score.tasks for _, score in scored):
        return None
    columns = [Column(name, numeric=False) for name in ("Variant", "Task")]
    columns += map(Column, ("Pictures", "Accuracy", "Drop, points", "Agreement"))
    rows = [
        [
            text(name),
            text(task.name),
            text(task.images),
            _interval(vars(task.accuracy)),
            join(
                text(format_points(task.drop.value)),
                tag("small", text(f"{format_points(task.drop.low)} to {format_points(task.drop.high)}")),
            ),
            text(format_share(task.agreement)),
        ]
        for name, score in scored
        for task in score.tasks
    ]
    caption = (
        "Against the trained model, same pictures; F1 of tasks with several labels; small: 95 % intervals"
    )
    return Section("Each task", table(caption, columns, rows))


def of_run(
    metrics: Mapping[str, Any],
    description: Mapping[str, Any],
    rows: Sequence[tuple[str, object]],
    hardest: Mapping[str, Section],
) -> list[Section]:
    """Each task in turn, and how they were trained.

    Args:
        metrics: ``metrics.json``, with ``tasks``.
        description: ``run.json``, likewise.
        rows: what is said of any training.
        hardest: the pictures each task is surely wrong about.
    """
    found = []
    for task in description["tasks"]:
        name = task["name"]
        scores, labels = metrics["tasks"][name], task["labels"]
        if task["activation"] == "sigmoid":
            parts = [several(scores), sections.precision_recall(scores)]
        else:
            split, matrix = scores["split"], scores["confusion"]
            parts = [
                sections.accuracy(labels, matrix, split=split),
                sections.figures(scores),
                sections.confusion(labels, matrix, split=split),
                sections.trust(scores),
                sections.strangers(scores),
                sections.precision_recall(scores),
            ]
        parts.append(hardest.get(name))
        alone = len(description["tasks"]) == 1
        found += [
            part if alone else Section(f"{name}: {part.title}", part.html)
            for part in parts
            if part is not None
        ]
    return [*found, sections.facts("How it was trained", [*rows, *_of_heads(description)])]


def several(scores: Mapping[str, Any]) -> Section:
    """How right the labels are: over all, and of each.

    Args:
        scores: of one task, as ``scoring.several.SeveralMetrics`` has them.
    """
    micro, macro, mean, exact = (
        Interval(**scores[name]) for name in ("micro_f1", "macro_f1", "mean_average_precision", "exact")
    )
    head = tiles(
        [
            ("F1, all labels together", format_share(micro.value), _range(micro)),
            ("F1, mean of the labels", format_share(macro.value), _range(macro)),
            ("Average precision, mean", format_share(mean.value), _range(mean)),
            ("All labels right", format_share(exact.value), f"of {scores['images']} photos; {_range(exact)}"),
        ]
    )
    order = sorted(scores["labels"], key=lambda row: row["f1"]["value"] if row["f1"] else 2.0)
    shown = scores["labels"] if len(order) <= _MOST_LABELS else order[:_MOST_LABELS]
    fewer = f"The {len(shown)} weakest of {len(order)} labels"
    what = "Every label" if len(shown) == len(order) else fewer
    columns = [
        Column("Label", numeric=False, breaks=True),
        *map(Column, ("Pictures", "From", "Recall", "Precision", "F1", "Average precision")),
    ]
    rows = [
        [
            text(row["label"]),
            text(row["support"]),
            text(format_share(row["threshold"])),
            *(_interval(row[name]) for name in ("recall", "precision", "f1", "average_precision")),
        ]
        for row in shown
    ]
    held, said = (format_number(scores[name]) for name in ("labels_per_photo", "labels_said"))
    after, before = (100 * scores[name] for name in ("expected_calibration_error", "uncalibrated_error"))
    note = (
        "A label holds from its threshold on (From), which was chosen on photos that were held out. Recall: "
        "of the pictures with the label, the share that was found. Precision: of the pictures that are said "
        "to have it, the share that has. F1: their harmonic mean. Average precision: mean precision over all "
        f"thresholds. Small: 95 % intervals. A picture has {held} labels in the mean, and is said to have "
        f"{said}. Calibration error {after:.1f} points, {before:.1f} before the temperature of "
        f"{scores['temperature']:.2f}."
    )
    body = table(f"{what}, {scores['split']} split", columns, rows)
    return Section("Labels", join(head, body, tag("p", text(note), class_="quiet")))


def _of_heads(description: Mapping[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, head in description["heads"].items():
        each = " for each label" if "thresholds" in head else ""
        words = f"logistic regression{each}, C = {head['strength']:g}, chosen on {head['chosen_on']}"
        words += f"; class weights {head['class_weights']}, temperature {head['temperature']:.2f}"
        rows.append((f"Head of {name}" if len(description["heads"]) > 1 else "Head", words))
    return rows


def _range(interval: Interval) -> str:
    return f"95 % interval {unbroken(format_share_interval(interval))}"


def _interval(value: Mapping[str, float] | None) -> Html:
    if value is None:
        return text(UNKNOWN)
    interval = Interval(**value)
    return join(text(format_share(interval.value)), tag("small", text(format_share_interval(interval))))
