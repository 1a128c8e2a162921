"""Columns of a CSV file that label photos: their names, and what a cell of one says."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetl.errors import UsageError

SEPARATORS = ";|"
"""Between the labels of a cell that may have several."""
NOTHING = "?"
"""A cell that says nothing of its photo."""
RESERVED = ("path", "split", "sha256")


@dataclass(frozen=True)
class Column:
    """A column of a CSV file that answers one question of each photo."""

    name: str
    """In lower case."""
    several: bool
    """Whether a photo may have any number of its labels."""


Labels = tuple[str, ...] | None
"""What a column says of a photo, sorted: one label, or any number; None: nothing."""


def columns_of(tasks: str | None, *, multi_label: bool) -> tuple[Column, ...]:
    """The columns that label photos; none where the usual one does, with one label each.

    Args:
        tasks: names of columns with commas, ``NAME:many`` for one of several labels; None: ``label``.
        multi_label: whether all of them may have several labels.

    Raises:
        UsageError: a name is empty, given twice, or that of another column.
    """
    if tasks is None:
        return (Column("label", True),) if multi_label else ()
    columns = []
    for text in tasks.split(","):
        name, _, kind = (part.strip().lower() for part in text.partition(":"))
        if not name or kind not in ("", "many"):
            raise UsageError(
                f"--tasks {tasks!r} names no column in {text!r}: give names with commas, as state,crystal, "
                "and NAME:many for a column whose cells may have several labels"
            )
        if name in RESERVED or "=" in name or not name.isprintable():
            raise UsageError(f"--tasks cannot name the column {name!r}: rename it in the CSV file")
        columns.append(Column(name, multi_label or kind == "many"))
    if len({column.name for column in columns}) < len(columns):
        raise UsageError(f"--tasks {tasks!r} names a column twice")
    return tuple(columns)


def with_separators(data: Path, labels: Iterable[str]) -> tuple[str, ...]:
    """Labels of a CSV file that look like several in one cell; of photos that are to have one each."""
    if not data.is_file():  # a folder has no cells
        return ()
    return tuple(label for label in labels if any(mark in label for mark in SEPARATORS))


def is_several(columns: Sequence[Column]) -> bool:
    """Whether more than one label is said of a photo; one column of single labels is like ``label``."""
    return len(columns) > 1 or any(column.several for column in columns)


def labels_of(column: Column, cell: str) -> Labels:
    """What a cell of a column says; the inverse of :func:`text_of` for one column."""
    if cell == NOTHING or not (cell or column.several):
        return None
    if not column.several:
        return (cell,)
    parts = (part.strip() for part in re.split(f"[{SEPARATORS}]", cell))
    return tuple(sorted({part for part in parts if part}))


def text_of(names: Sequence[str], answers: Sequence[Labels]) -> str:
    """All that is said of a photo: ``cat;dog``, or ``state=whole, crystal=mono`` of several columns."""
    cells = [NOTHING if answer is None else SEPARATORS[0].join(answer) for answer in answers]
    if len(names) == 1:
        return cells[0]
    return ", ".join(f"{name}={cell}" for name, cell in zip(names, cells, strict=True))
