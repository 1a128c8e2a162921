"""Photos whose label the features contradict."""

from collections.abc import Sequence
from typing import Protocol

from edgetl.training.checking.findings import Finding
from edgetl.training.checking.subject import Subject
from edgetl.training.dataset import Photo
from edgetl.wording import counted


class Suspect(Protocol):
    """What ``suspects.find`` says of a photo whose label may be wrong."""

    @property
    def index(self) -> int:
        """Of the photo, among those that were looked at."""

    @property
    def given(self) -> int:
        """The label it has."""

    @property
    def suggested(self) -> int:
        """The label it may have in truth."""

    @property
    def score(self) -> float:
        """How sure; the surest stands first."""


def find(subject: Subject, photos: Sequence[Photo], suspects: Sequence[Suspect]) -> list[Finding]:
    """One finding of all suspects.

    Args:
        subject: the dataset.
        photos: those that were looked at.
        suspects: the surest first.
    """
    if not suspects:
        return []
    notes = tuple(
        subject.note(
            photos[suspect.index],
            f"{subject.labels[suspect.given]}, or {subject.labels[suspect.suggested]}?",
            score=round(suspect.score, 4),
        )
        for suspect in suspects
    )
    title = (
        f"{counted(len(notes), 'photo looks', 'photos look')} like another class than the label says "
        f"({100 * len(notes) / len(photos):.1f} % of all), and wrong labels cost accuracy twice, in "
        "training and in the "
        "score: go through them from the top, and correct what is wrong"
    )
    return [Finding("suspect labels", "warning", title, notes)]
