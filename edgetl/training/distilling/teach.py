"""``--teacher``: in which order a larger network teaches the small one, and what came of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgetl.errors import UsageError
from edgetl.progress import Progress
from edgetl.training import features, prepare, unlabelled
from edgetl.training.arrays import Floats
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.distilling import teachers
from edgetl.training.distilling.school import Mask, School
from edgetl.training.distilling.student import Judged, Student
from edgetl.training.distilling.teachers import Teacher
from edgetl.training.features import FeatureTable
from edgetl.training.heads.head import Head
from edgetl.training.prepare import Prepared

_FEWEST = 4
"""Different train photos a class needs: one held out to judge, one that the teacher is asked about without
its label, and two to solve its head on."""
_FEWEST_JUDGES = 8
"""Held-out photos under which no gain could be told from noise, whatever it was."""


@dataclass(frozen=True)
class Plan:
    """What is to be done, known before the slow work."""

    teacher: Teacher
    pictures: tuple[Photo, ...]
    """Without a label."""


@dataclass(frozen=True)
class Taught:
    """What came of it."""

    description: dict[str, Any]
    """For ``run.json``."""
    head: Head
    """The student's, or the plain one where that was not adopted."""
    school: School | None
    """For fine-tuning; None where there was nothing to judge by."""
    solve: Callable[[Mask], Head] | None
    """The adopted head solved on some of the train photos; None where it was not adopted."""

    @property
    def adopted(self) -> bool:
        """Whether the head is the student's."""
        return self.solve is not None

    @property
    def summary(self) -> str:
        """What came of it, in a line."""
        told = self.description
        return f"teacher {told['teacher']} {'adopted' if self.adopted else 'not adopted'}, {told['why']}"


def plan(
    wanted: TrainConfig, photos: Dataset, strangers: tuple[Photo, ...], progress: Progress
) -> Plan | None:
    """Find teacher and pictures, and refuse what cannot be; None where no teacher is wanted.

    Args:
        wanted: the options.
        photos: the dataset.
        strangers: pictures of no class.
        progress: hears of pictures that are left out.

    Raises:
        UsageError: options that do not go together; no such teacher, or one that has other labels.
        RunError: the teacher's run is not a whole one.
        WeightsError: no weights for the teacher.
        DatasetError: the folder of unlabelled pictures has none.
    """
    if wanted.teacher is None:
        return None
    if wanted.hidden:
        raise UsageError("a teacher teaches a linear head: choose --hidden or --teacher, not both")
    if wanted.keep_head:
        raise UsageError("--keep-head keeps a head and --teacher solves one: choose one of them")
    if wanted.suspects != "keep":
        raise UsageError(
            "--suspects downweight and --teacher both mend labels, and neither knows of the other: choose one"
        )
    teacher = teachers.resolve(wanted, photos)
    pictures: tuple[Photo, ...] = ()
    if wanted.unlabelled is not None:
        found = unlabelled.find(wanted.unlabelled, photos, strangers, progress)
        pictures = unlabelled.some(found, progress)
    return Plan(teacher, pictures)


def teach(
    planned: Plan,
    photos: Dataset,
    table: FeatureTable,
    prepared: Prepared,
    head: Head,
    wanted: TrainConfig,
    progress: Progress,
) -> Taught:
    """Ask the teacher, solve the student's head, and adopt it where held-out photos gain beyond noise.

    Args:
        planned: teacher and pictures.
        photos: all readable.
        table: the student's features of them.
        prepared: the student's backbone.
        head: solved without a teacher.
        wanted: the options.
        progress: hears of each step.

    Raises:
        ConversionError: the teacher's network could not be made ready.
        WriteError: the cache has no room.
    """
    teacher = planned.teacher
    if advice := teachers.advice(teacher, prepared.choice):
        progress.warn(advice)
    described: dict[str, Any] = {"teacher": teacher.name, "adopted": False}
    if why := _obstacle(photos):
        return Taught({**described, "why": f"not tried: {why}"}, head, None, None)
    theirs = prepare.prepare(
        teacher.choice, engine=prepared.engine, classes=len(photos.labels), progress=progress
    )
    pictures = planned.pictures
    theirs = theirs.reading(teacher.layers)
    answered, failed = features.extract((*photos.photos, *pictures), theirs, progress)
    shown, unreadable = features.extract(pictures, prepared, progress)
    features.warn_unreadable({**failed, **unreadable}, progress)
    pictures = tuple(photo for photo in pictures if photo.path not in unreadable and photo.path not in failed)
    train = photos.split("train")
    hashes = [photo.sha256 for photo in train]
    school = School(
        teacher,
        np.array([photo.label for photo in train]),
        hashes,
        answered.rows(hashes),
        pictures,
        _rows(answered, pictures),
        balanced=head.class_weights == "balanced",
        smoothing=wanted.label_smoothing,
        seed=wanted.seed,
    )
    val = photos.split("val") if photos.scored_split == "test" else ()
    student = Student(
        school,
        table.rows(hashes),
        _rows(shown, pictures),
        (_rows(table, val), np.array([photo.label for photo in val])) if val else None,
        head,
    )
    with progress.step("learn from the teacher"):
        judged = student.judge()
        described |= {
            "teacher_accuracy": _accuracy(school, photos, answered),
            "unlabelled": len(pictures),
            "trust": school.trust,
            "softness": school.softness,
        }
        if judged is None or judged.decision.photos < _FEWEST_JUDGES:
            why = f"not tried: fewer than {_FEWEST_JUDGES} photos would judge it"
            return Taught({**described, "why": why}, head, None, None)
        described |= _told(judged)
        if not judged.decision.adopted:
            return Taught(described, head, school, None)
        everything = np.ones(len(hashes), np.bool_)
        return Taught(
            described, student.head(judged, everything), school, lambda known: student.head(judged, known)
        )


def _obstacle(photos: Dataset) -> str | None:
    different = Counter(
        label for label, _ in {(photo.label, photo.sha256) for photo in photos.split("train")}
    )
    rarest, least = different.most_common()[-1]
    if least >= _FEWEST:
        return None
    return f"{photos.labels[rarest]} has {least} different train photos, and {_FEWEST} are needed"


def _rows(table: FeatureTable, photos: tuple[Photo, ...]) -> Floats:
    return table.rows([photo.sha256 for photo in photos])


def _accuracy(school: School, photos: Dataset, answered: FeatureTable) -> float:
    """Share of right answers of the teacher itself on the scored split."""
    scored = photos.split(photos.scored_split)
    whole = school.head(np.ones(len(school.labels), np.bool_))
    answers = whole.probabilities(_rows(answered, scored)).argmax(axis=1)
    return float((answers == [photo.label for photo in scored]).mean())


def _told(judged: Judged) -> dict[str, Any]:
    known = asdict(judged.decision)
    return {
        "judged_on": judged.on,
        "photos": known["photos"],
        "adopted": known["adopted"],
        "why": known["why"],
        "accuracy_without": known["head_accuracy"],
        "accuracy_with": known["tuned_accuracy"],
        "loss_without": known["head_loss"],
        "loss_with": known["tuned_loss"],
        "p_accuracy": known["p_accuracy"],
        "p_loss": known["p_loss"],
    }
