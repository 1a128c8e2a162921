"""What several tasks, or several labels, do not go with, and what looks as if they were meant otherwise."""

from collections.abc import Iterator
from pathlib import Path

from edgetl.errors import UsageError
from edgetl.training.choosing import wishes
from edgetl.training.columns import with_separators
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset
from edgetl.training.scoring.unseen import FEWEST_CLASSES


def check(wanted: TrainConfig, photos: Dataset) -> None:
    """Refuse what several tasks, or several labels, do not go with.

    Raises:
        UsageError: one of the options does not; the message says which and the way out.
    """
    precision = wanted.min_precision
    if precision is not None and not any(task.several for task in photos.tasks):
        raise UsageError(
            "--min-precision chooses thresholds of several labels: add --multi-label, or leave it"
        )
    if precision is not None and not 0 < precision <= 1:
        raise UsageError(f"a precision of {precision:g} is not offered: choose one above 0, up to 1, as 90%")
    if not photos.tasks:
        return
    singles = [task.name for task in photos.tasks if not task.several]
    small = [task.name for task in photos.tasks if not task.several and len(task.labels) < FEWEST_CLASSES]
    if wanted.false_accept is not None and wanted.unknown is None and small:
        raise UsageError(
            f"a false-accept rate needs pictures to measure it on, and of the two classes of {small[0]!r} "
            "none can be spared: add --unknown FOLDER, with pictures of none of the classes"
        )
    refused = {
        "--fine-tune": wanted.fine_tune != "off",
        "--hidden": bool(wanted.hidden),
        "--backbone auto": wanted.backbone == wishes.AUTO,
        "--keep-head": bool(wanted.keep_head),
        "--teacher": wanted.teacher is not None,
        "--unlabelled": wanted.unlabelled is not None,
        "--suspects downweight": wanted.suspects != "keep" and not singles,
        "--folds": wanted.folds not in ("auto", "none") and not singles,
        "--unknown": wanted.unknown is not None and not singles,
        "--false-accept": wanted.false_accept is not None and not singles,
    }
    if names := [name for name, asked in refused.items() if asked]:
        what = "several tasks" if len(photos.tasks) > 1 else "several labels a photo"
        raise UsageError(f"{', '.join(names)} does not go with {what}: leave it out, or train on one column")


def advice(photos: Dataset, wanted: TrainConfig) -> Iterator[str]:
    """What looks as if the labels were meant otherwise."""
    if not photos.tasks:
        marked = with_separators(Path(wanted.data), photos.labels)
        if marked:
            yield (
                f"labels such as {marked[0]!r} look like several in one cell, and are taken for one: if a "
                "photo may have several, add --multi-label"
            )
    for number, task in enumerate(photos.tasks):
        found = [kind[number] for kind in photos.kinds]
        if task.several and all(labels is None or len(labels) == 1 for labels in found):
            yield (
                f"every photo has exactly one label of {task.name!r}: without --multi-label or :many the "
                "model knows that, and answers better"
            )
