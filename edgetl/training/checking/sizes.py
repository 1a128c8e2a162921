"""Photos whose size or shape is unlike the others', or unlike what the model takes."""

import math
from pathlib import Path

import numpy as np

from edgetl.training.checking import robust
from edgetl.training.checking.findings import Finding
from edgetl.training.checking.subject import Subject
from edgetl.wording import counted

_LEAST_SIZE = math.log(4) / robust.OUTLYING
"""A photo of less than four times the usual area is no outlier, however alike the others are."""
_LEAST_SHAPE = math.log(1.8) / robust.OUTLYING
_MOSTLY_LOST = 0.45
"""Share of the picture that the crop keeps, under which most of it is lost."""


def find(subject: Subject) -> list[Finding]:
    """Outliers of size and shape, photos that are enlarged, and photos that the crop takes most of."""
    if not subject.photos:
        return []
    lost = _lost(subject)
    cropped = {note.path for finding in lost for note in finding.photos}
    return [*_outliers(subject, cropped), *_small(subject), *lost]


def _outliers(subject: Subject, told: set[Path]) -> list[Finding]:
    sizes = np.array([(subject.of(photo).width, subject.of(photo).height) for photo in subject.photos], float)
    areas = robust.deviations(np.log(sizes.prod(axis=1)), _LEAST_SIZE)
    # A camera turned on its side takes the same shape.
    shapes = robust.deviations(np.abs(np.log(sizes[:, 0] / sizes[:, 1])), _LEAST_SHAPE)
    far = np.maximum(np.abs(areas), np.abs(shapes))
    places = [place for place in np.argsort(-far, kind="stable") if far[place] > robust.OUTLYING]
    notes = tuple(
        subject.note(
            subject.photos[place],
            f"{sizes[place, 0]:.0f} × {sizes[place, 1]:.0f}",
            score=round(float(far[place]), 2),
        )
        for place in places
        if subject.photos[place].path not in told
    )
    if not notes:
        return []
    width, height = np.median(sizes, axis=0)
    title = (
        f"{counted(len(notes), 'photo is', 'photos are')} unlike the others in size or shape (usual: "
        f"{width:.0f} × "
        f"{height:.0f} pixels): thumbnails, screenshots and scans that slipped in look like this; see "
        "whether they belong"
    )
    return [Finding("odd sizes", "note", title, notes)]


def _small(subject: Subject) -> list[Finding]:
    contract = subject.contract
    notes = []
    for photo in subject.photos:
        picture = subject.of(photo)
        scale = min(picture.width / contract.width, picture.height / contract.height) * contract.crop_fraction
        if scale < 1:
            notes.append(subject.note(photo, f"{picture.width} × {picture.height}", score=round(scale, 3)))
    if not notes:
        return []
    share = len(notes) / len(subject.photos)
    title = (
        f"{counted(len(notes), 'photo')} ({100 * share:.0f} %) must be enlarged to the {contract.width} × "
        f"{contract.height} pixels of the model, which adds no detail: use the originals if there are "
        "larger ones" + (", or train with a smaller --size" if share > 0.5 else "")
    )
    notes.sort(key=lambda note: note.score or 0.0)
    return [Finding("small photos", "note", title, tuple(notes))]


def _lost(subject: Subject) -> list[Finding]:
    contract = subject.contract
    if contract.resize != "crop":
        return []
    wanted = contract.width / contract.height
    notes = []
    for photo in subject.photos:
        picture = subject.of(photo)
        shape = picture.width / picture.height / wanted
        kept = min(shape, 1 / shape)
        if kept < _MOSTLY_LOST:
            text = f"{picture.width} × {picture.height}, {100 * kept:.0f} % kept"
            notes.append(subject.note(photo, text, score=round(kept, 3)))
    if not notes:
        return []
    title = (
        f"{counted(len(notes), 'photo is so', 'photos are so')} long that the model, which takes the centre, "
        "sees less than half of each: crop them to what they show"
    )
    notes.sort(key=lambda note: note.score or 0.0)
    return [Finding("photos mostly cropped away", "warning", title, tuple(notes))]
