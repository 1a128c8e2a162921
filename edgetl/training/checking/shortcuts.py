"""Files that give the class away: all cats are PNG, all dogs come from one camera.

A property of the file says nothing of what the picture shows. Where it predicts the class, the model can
learn its traces (compression, sharpness, colours of a sensor) in place of the thing, and is lost on the
board's own camera.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.training.checking.findings import Finding
from edgetl.training.checking.pictures import Picture
from edgetl.training.checking.subject import Subject

_FEWEST = 10
"""Photos of a class, and of all others, from which anything is told."""
_FOLDS = 5
_BINS = 8
_CLEARLY = 0.5
"""Youden's J from which it is told: 1 where the property tells the class for certain, 0 where not at all."""
_AT_LEAST = 0.3
"""What J must exceed for certain: its interval's lower end."""
_Z = 3.29  # two-sided 99.9 %: several properties are tried on each class

_NAMED: dict[str, Callable[[Picture], str]] = {
    "file format": lambda picture: picture.format,
    "way colours are stored": lambda picture: picture.mode,
    "camera": lambda picture: picture.camera,
    "size in pixels": lambda picture: f"{picture.width} × {picture.height}",
}
_MEASURED: dict[str, Callable[[Picture], float]] = {
    "file size": lambda picture: picture.size_bytes,
    "bytes a pixel": lambda picture: picture.size_bytes / (picture.width * picture.height),
    "aspect": lambda picture: picture.width / picture.height,
}


@dataclass(frozen=True)
class Given:
    """A class that a property gives away."""

    prediction: float
    """Youden's J (Cancer 1950), cross-validated: share of the class recognised less others mistaken."""
    label: int
    property: str
    recognised: NDArray[np.bool_]
    """Photos that the property alone puts into the class, bool (n,)."""


def find(subject: Subject, seed: int = 0) -> list[Finding]:
    """The properties that give a class away, together."""
    photos = subject.photos
    if len(subject.labels) < 2 or not photos:
        return []
    labels = np.array([photo.label for photo in photos])
    found = [
        given
        for name, values in _values(subject).items()
        for label in range(len(subject.labels))
        if (given := _try(name, values, labels, label, seed)) is not None
    ]
    return [_finding(subject, found, labels)] if found else []


def _values(subject: Subject) -> dict[str, NDArray[np.int64]]:
    """A small number for each photo and property: the same number, the same value or range of values."""
    pictures = [subject.of(photo) for photo in subject.photos]
    coded: dict[str, NDArray[np.int64]] = {}
    for name, of in _NAMED.items():
        coded[name] = np.unique([of(picture) for picture in pictures], return_inverse=True)[1]
    for name, measure in _MEASURED.items():
        values = np.array([measure(picture) for picture in pictures], float)
        edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
        coded[name] = np.searchsorted(edges, values, "right")
    return {name: values for name, values in coded.items() if values.max() > 0}


def _try(
    name: str, values: NDArray[np.int64], labels: NDArray[np.int64], label: int, seed: int
) -> Given | None:
    is_class = labels == label
    positive, negative = int(is_class.sum()), int((~is_class).sum())
    if min(positive, negative) < _FEWEST:
        return None
    random = np.random.default_rng(seed)
    folds = random.permutation(len(labels)) % _FOLDS
    guessed = np.zeros(len(labels), bool)
    for fold in range(_FOLDS):
        known = folds != fold
        among_class = np.bincount(values[known & is_class], minlength=values.max() + 1)
        among_rest = np.bincount(values[known & ~is_class], minlength=values.max() + 1)
        typical = among_class / max(1, among_class.sum()) > among_rest / max(1, among_rest.sum())
        guessed[~known] = typical[values[~known]]
    hits, misses = int((guessed & is_class).sum()), int((guessed & ~is_class).sum())
    prediction = hits / positive - misses / negative
    # Agresti and Caffo (The American Statistician 2000): the usual interval, a success and a failure added.
    first, second = (hits + 1) / (positive + 2), (misses + 1) / (negative + 2)
    error = np.sqrt(first * (1 - first) / (positive + 2) + second * (1 - second) / (negative + 2))
    if prediction < _CLEARLY or first - second - _Z * error < _AT_LEAST:
        return None
    return Given(prediction, label, name, guessed)


def _finding(subject: Subject, found: list[Given], labels: NDArray[np.int64]) -> Finding:
    best: dict[str, Given] = {}
    for given in sorted(found, key=lambda given: -given.prediction):
        best.setdefault(given.property, given)
    told = "; ".join(_told(subject, given, labels == given.label) for given in best.values())
    title = (
        f"Files give the class away, without a look at the picture: {told}. A model can learn their traces "
        "in place "
        "of the thing: take photos of all classes in the same way, or save them all alike"
    )
    first = next(iter(best.values()))
    of = _PRINTED[first.property]
    notes = tuple(
        subject.note(photo, f"{first.property}: {of(subject.of(photo)) or 'none'}")
        for photo, recognised in zip(subject.photos, first.recognised, strict=True)
        if recognised and photo.label == first.label
    )
    return Finding("files that give the class away", "warning", title, notes)


def _told(subject: Subject, given: Given, is_class: NDArray[np.bool_]) -> str:
    hits, misses = given.recognised[is_class].mean(), given.recognised[~is_class].mean()
    return (
        f"by the {given.property}, {100 * hits:.0f} % of {subject.labels[given.label]!r} are recognised and "
        f"{100 * misses:.0f} % of the others mistaken for it"
    )


def _rounded(of: Callable[[Picture], float]) -> Callable[[Picture], str]:
    return lambda picture: f"{of(picture):,.0f}" if of(picture) >= 100 else f"{of(picture):.2f}"


_PRINTED = {**_NAMED, **{name: _rounded(of) for name, of in _MEASURED.items()}}
