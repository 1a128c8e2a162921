"""Who teaches: a backbone by its name, or a finished run."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import UsageError, WeightsError
from edgetl.training import backbones, prepare, starting
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset
from edgetl.training.heads.head import Head
from edgetl.training.prepare import BackboneChoice
from edgetl.training.run import Run

AUTO = "auto"
"""What ``teacher`` says to take the largest backbone at hand."""


@dataclass(frozen=True)
class Teacher:
    """A network that is larger, as a rule, than the one it teaches."""

    name: str
    """``efficientnet_lite2, 260 px``, or ``run cells (efficientnet_lite2, 260 px)``."""
    choice: BackboneChoice
    head: Head | None = None
    """Of a finished run, whose answers are taken as they are; None: heads are solved on the train photos."""
    learned: frozenset[str] = frozenset()
    """SHA-256 of the photos whose labels its backbone has seen: it has nothing honest to say of them."""
    layers: str = "last"
    """Which of its layers its head reads."""


def resolve(wanted: TrainConfig, photos: Dataset) -> Teacher:
    """Find the teacher that the options name.

    Args:
        wanted: with ``teacher``: ``auto``, a backbone, perhaps with a size (``efficientnet_lite2@320``), or
            the folder of a run.
        photos: what is to be taught on.

    Raises:
        UsageError: there is none of that name, the run has other labels, or it has learned the labels of
            all train photos by heart and no others are to be taught on.
        RunError: the run is not a whole one.
        WeightsError: no weights for the backbone.
    """
    name = wanted.teacher or AUTO
    if name == AUTO:
        return _largest(wanted)
    backbone, _, size = name.partition("@")
    if backbone in backbones.TABLE:
        if size and not re.fullmatch(r"\d{1,4}", size):
            raise UsageError(f"teacher {name!r} has no size that is one: write {backbone}@320")
        return _of_backbone(backbone, int(size) if size else None, wanted)
    if Path(name).exists() or len(Path(name).parts) > 1:
        return _of_run(Run.open(name), wanted, photos)
    try:
        return _of_backbone(backbone, None, wanted)
    except UsageError as error:
        raise UsageError(f"teacher {name!r} is neither the folder of a run nor a backbone: {error}") from None


def advice(teacher: Teacher, student: BackboneChoice) -> str | None:
    """What to say of a teacher that is no larger than its student; None of others."""
    theirs, ours = _cost(teacher.choice), _cost(student)
    if theirs > ours:
        return None
    return (
        f"the teacher {teacher.name} computes {theirs / 1e6:,.0f} million multiply-accumulates a picture and "
        f"the student {ours / 1e6:,.0f} million: one that is no larger seldom has anything to teach"
    )


def _of_backbone(name: str, size: int | None, wanted: TrainConfig) -> Teacher:
    # It looks at the same part of the photo as the student.
    choice = prepare.choose(name, size=size, width=1.0, weights_file=None, crop=wanted.crop)
    return Teacher(f"{choice.name}, {choice.size} px", choice)


def _largest(wanted: TrainConfig) -> Teacher:
    rows = sorted(backbones.TABLE.values(), key=lambda row: row.macs, reverse=True)
    for row in rows:
        try:
            teacher = _of_backbone(row.name, None, wanted)
        except WeightsError:
            continue
        if teacher.choice.weights.path is not None:  # nothing is downloaded
            return teacher
    raise WeightsError(
        "no backbone has its weights on this machine: name a --teacher whose weights are to be had"
    )


def _of_run(run: Run, wanted: TrainConfig, photos: Dataset) -> Teacher:
    if run.tasks:
        raise UsageError(
            f"{run.path} answers several tasks and teaches none: name a run of the same labels, or a backbone"
        )
    strange = [label for label in photos.labels if label not in run.contract.labels]
    if strange:
        raise UsageError(
            f"{run.path} cannot teach {', '.join(strange)}: it knows {', '.join(run.contract.labels)}; name "
            "a run of the same labels, or a backbone"
        )
    start = starting.start_of(TrainConfig(data="", from_run=str(run.path)))
    assert start is not None  # the run was named
    choice = replace(start.choice, crop=run.contract.crop_fraction)
    told = run.description
    layers = told["head"].get("layers", "last")
    name = f"run {run.name} ({choice.name}, {choice.size} px)"
    known = frozenset(photo.sha256 for photo in run.dataset.split("train"))
    tuned = told.get("fine_tuning", {}).get("adopted") or told["weights"]["kind"] == "run"
    if not tuned and not known.isdisjoint(photo.sha256 for photo in photos.photos):
        return Teacher(
            name, choice, layers=layers
        )  # its backbone is as it was, and heads can be solved without a photo
    if told["head"].get("hidden"):
        raise UsageError(
            f"{run.path} has a head with a hidden layer, which cannot teach: name a run with a linear one, "
            "or its backbone"
        )
    _refuse_what_it_knows(name, known, wanted, photos)
    return Teacher(name, choice, start.head(photos.labels), known, layers)


def _refuse_what_it_knows(name: str, known: frozenset[str], wanted: TrainConfig, photos: Dataset) -> None:
    """A network that was trained on photos tells their labels again, and would tell those that score."""
    judges = [photo for photo in photos.photos if photo.split != "train"]
    leaked = sum(photo.sha256 in known for photo in judges)
    if leaked:
        raise UsageError(
            f"the {name} has learned {leaked} of the val and test photos, so whatever it teaches would score "
            "too well: name a run with the same splits, or a backbone"
        )
    if not known.issuperset(photo.sha256 for photo in photos.split("train")):
        return
    if wanted.unlabelled is None:
        raise UsageError(
            f"the {name} was fine-tuned on all the train photos, so its answers to them are their labels "
            "once more: add --unlabelled FOLDER, or name a backbone as the teacher"
        )
    if photos.scored_split != "test" or not photos.split("val"):
        raise UsageError(
            f"the {name} was fine-tuned on all the train photos, and there are none beside the scored ones "
            "to tell by whether it teaches anything: give train, val and test, or name a backbone as teacher"
        )


def _cost(choice: BackboneChoice) -> float:
    """Multiply-accumulates of a picture, roughly."""
    return choice.row.macs * (choice.size / choice.row.default_size) ** 2 * choice.width**2
