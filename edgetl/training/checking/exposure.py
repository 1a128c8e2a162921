"""Photos that show nothing: blank, dark, or without one edge."""

import numpy as np

from edgetl.training.checking import robust
from edgetl.training.checking.findings import Finding, PhotoNote
from edgetl.training.checking.subject import Subject
from edgetl.training.dataset import Photo
from edgetl.wording import counted

_BLANK = 2.0
"""Standard deviation of the luma, of 255, under which there is nothing to see; dead solar cells have 2.2."""
_DARK = 24.0
"""Mean luma, of 255."""
_LEAST_LIGHT = np.log(2.5) / robust.OUTLYING
_LEAST_SHARPNESS = np.log(20) / robust.OUTLYING
"""A photo of more than a twentieth of the usual variance of the Laplacian is no outlier."""


def find(subject: Subject) -> list[Finding]:
    """Blank photos; photos much darker, or much less sharp, than the others."""
    blank = [photo for photo in subject.photos if subject.of(photo).contrast < _BLANK]
    seen = [photo for photo in subject.photos if subject.of(photo).contrast >= _BLANK]
    found = []
    if blank:
        notes = tuple(
            subject.note(photo, f"contrast {subject.of(photo).contrast:.1f} of 255") for photo in blank
        )
        title = (
            f"{counted(len(blank), 'photo is', 'photos are')} blank, all of one brightness: the model would "
            "learn "
            "the label of nothing; take them out"
        )
        found.append(Finding("blank photos", "warning", title, notes))
    if not seen:
        return found
    light = np.log([max(subject.of(photo).brightness, 1.0) for photo in seen])
    far = robust.deviations(light, _LEAST_LIGHT)
    dark = [
        place for place in np.argsort(far) if far[place] < -robust.OUTLYING and np.exp(light[place]) < _DARK
    ]
    if dark:
        notes = _notes(subject, seen, dark, np.exp(light), "brightness {:.0f} of 255")
        title = (
            f"{counted(len(dark), 'photo is', 'photos are')} much darker than the others: see whether "
            "anything can "
            "be told in them, and take out what shows nothing"
        )
        found.append(Finding("dark photos", "note", title, notes))
    sharpness = np.log([max(subject.of(photo).sharpness, 0.01) for photo in seen])
    far = robust.deviations(sharpness, _LEAST_SHARPNESS)
    blurred = [place for place in np.argsort(far) if far[place] < -robust.OUTLYING and place not in set(dark)]
    if blurred:
        notes = _notes(subject, seen, blurred, np.exp(sharpness), "sharpness {:.0f}")
        title = (
            f"{counted(len(blurred), 'photo has', 'photos have')} hardly an edge, even at the size that the "
            "model "
            "sees: blurred, or enlarged from very few pixels; keep them only if the board will see such"
        )
        found.append(Finding("blurred photos", "note", title, notes))
    return found


def _notes(
    subject: Subject, photos: list[Photo], places: list[int], values: np.ndarray, words: str
) -> tuple[PhotoNote, ...]:
    return tuple(
        subject.note(photos[place], words.format(values[place]), score=round(float(values[place]), 2))
        for place in places
    )
