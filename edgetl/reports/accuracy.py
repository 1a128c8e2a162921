"""How often the model is right, over all and in each class."""

from collections.abc import Sequence

from edgetl.intervals import f1_score, wilson
from edgetl.manifest import Interval
from edgetl.reports.markup import Column, Html, join, table, tag, text, tiles, unbroken
from edgetl.reports.page import Section
from edgetl.reports.units import UNKNOWN, format_share, format_share_interval

MOST_CLASSES = 60
"""With more classes the table lists the weakest of them."""


def accuracy(labels: Sequence[str], matrix: Sequence[Sequence[int]], *, split: str) -> Section:
    """Accuracy with its interval, and precision and recall of every class.

    Args:
        labels: class names.
        matrix: counts, a row for each true class and a column for each answer.
        split: the pictures it was counted on: ``test`` or ``val``.
    """
    support = [sum(row) for row in matrix]
    right = [matrix[number][number] for number in range(len(labels))]
    answers = [sum(row[number] for row in matrix) for number in range(len(labels))]
    images = sum(support)
    share = wilson(sum(right), images)
    # The weakest are those whose recall is lowest; a class without pictures has none.
    order = sorted((n for n in range(len(labels)) if support[n]), key=lambda n: right[n] / support[n])
    weakest = order[0]
    interval = unbroken(format_share_interval(share))
    head = tiles(
        [
            ("Accuracy", format_share(share.value), f"95 % interval {interval}"),
            ("Pictures", str(images), f"{split} split, {len(labels)} classes"),
            (
                "Weakest class",
                format_share(right[weakest] / support[weakest]),
                f"{labels[weakest]}: {right[weakest]} of {support[weakest]} found",
            ),
        ]
    )
    shown = list(range(len(labels))) if len(labels) <= MOST_CLASSES else order[:MOST_CLASSES]
    weaker = f"The {len(shown)} weakest of {len(labels)} classes"
    what = "Every class" if len(labels) <= MOST_CLASSES else weaker
    columns = [
        Column("Class", numeric=False, breaks=True),
        Column("Pictures"),
        Column("Recall"),
        Column("Precision"),
        Column("F1"),
    ]
    rows = [
        [
            text(labels[n]),
            text(support[n]),
            _interval(wilson(right[n], support[n]) if support[n] else None),
            _interval(wilson(right[n], answers[n]) if answers[n] else None),
            _interval(_f1(right[n], support[n], answers[n])),
        ]
        for n in shown
    ]
    note = (
        "Recall: of the pictures of the class, the share that was found. Precision: of the answers naming "
        "the class, the share that was right. F1: their harmonic mean. Small: 95 % intervals (Wilson)."
    )
    body = table(f"{what}, {split} split", columns, rows)
    return Section("Accuracy", join(head, body, tag("p", text(note), class_="quiet")))


def _f1(right: int, support: int, answered: int) -> Interval | None:
    wrong = support + answered - 2 * right
    return f1_score(right, wrong) if right + wrong else None


def _interval(share: Interval | None) -> Html:
    if share is None:
        return text(UNKNOWN)
    return join(text(format_share(share.value)), tag("small", text(format_share_interval(share))))
