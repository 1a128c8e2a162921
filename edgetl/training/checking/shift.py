"""Whether the scored photos look like the train photos: a classifier that tries to tell them apart.

The test of Lopez-Paz and Oquab (Revisiting Classifier Two-Sample Tests, ICLR 2017), with the area under the
curve in place of the accuracy. Only photos of the same class are compared: more ants in test are no shift.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl import extras
from edgetl.manifest import Interval
from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.checking.findings import Finding, Severity
from edgetl.training.checking.subject import Subject
from edgetl.training.dataset import Photo
from edgetl.training.heads.logistic import Basis

_Z = 2.5758293035489004  # 99 %: classifiers of different folds share photos, and 95 % would say too much
_FEWEST = 10
"""Photos of a class that both splits need."""
_MOST = 3000
"""Photos of either split, about, that are looked at: more would not change what is told."""
_EACH = 50
"""Photos of a class that are looked at, of many classes: all of some rather than too few of all."""
_COMPONENTS = 100
_FOLDS = 5
_NOTABLE, _CLEAR = 0.65, 0.8
"""Area under the curve from which it is told, and from which it is a warning."""


@dataclass(frozen=True)
class Separation:
    """How well the two splits can be told apart."""

    area: Interval
    """Share of pairs, one photo of each split and both of one class, that are told apart; 0.5 is chance."""
    by_class: dict[int, Interval]
    scores: NDArray[np.float64]
    """How scored-like each photo looks, float64 (n,), of a classifier that had not seen it."""


def find(subject: Subject, rows: Callable[[Sequence[Photo]], Floats], seed: int = 0) -> list[Finding]:
    """A scored split that is taken otherwise than train.

    Args:
        subject: the dataset.
        rows: features of photos, float32 (n, features).
        seed: for the folds.
    """
    if subject.split_here:
        return []  # drawn at random: there is no shift to find
    splits = np.array([photo.split for photo in subject.photos])
    labels = np.array([photo.label for photo in subject.photos])
    chosen = _drawn(splits == "train", splits == subject.scored_split, labels, seed)
    if not len(chosen):
        return []
    features = rows([subject.photos[place] for place in chosen])
    # Half a second of work, which two threads of BLAS on a busy machine made sixteen.
    with extras.load("threadpoolctl", extra="train", purpose="checking photos").threadpool_limits(1):
        found = separate(features, splits[chosen] != "train", labels[chosen], seed)
    if found is None or found.area.low <= 0.5 or found.area.value < _NOTABLE:
        return []
    worst = max(found.by_class, key=lambda label: found.by_class[label].value)
    told = found.by_class[worst]
    per_class = (
        f"; most of all in {subject.labels[worst]!r}, {100 * told.value:.0f} %"
        if len(found.by_class) > 1
        else ""
    )
    title = (
        f"{subject.scored_split} looks different from train: a classifier tells which of two photos of one "
        "class is "
        f"from {subject.scored_split} in {100 * found.area.value:.0f} % of cases "
        f"({100 * found.area.low:.0f} – "
        f"{100 * found.area.high:.0f} %; 99 % interval; chance is 50 %{per_class}), so the score is one for "
        "other photos "
        "than the "
        "model learned from: if the board will see such, add some to train; if not, split anew"
    )
    order = np.argsort(-found.scores, kind="stable")
    held_out = [place for place in order if splits[chosen[place]] != "train"]
    notes = tuple(
        subject.note(
            subject.photos[chosen[place]], "least like train", score=round(float(found.scores[place]), 3)
        )
        for place in held_out[: max(1, len(held_out) // 4)]
    )
    severity: Severity = "warning" if found.area.value >= _CLEAR else "note"
    return [Finding("shift between splits", severity, title, notes)]


def _drawn(train: NDArray[np.bool_], scored: NDArray[np.bool_], labels: Labels, seed: int) -> Labels:
    """Photos to look at, ascending: as many of each class, of classes that both splits have enough of."""
    random = np.random.default_rng(seed)
    order = np.argsort(labels, kind="stable")
    classes = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    each = max(_EACH, _MOST // len(classes))
    chosen, count = [np.zeros(0, np.int64)], 0
    for number in random.permutation(len(classes)):
        mine = classes[number]
        parts = [random.permutation(mine[split[mine]])[:each] for split in (train, scored)]
        if min(map(len, parts)) >= _FEWEST and count < _MOST:
            chosen += parts
            count += max(map(len, parts))
    return np.sort(np.concatenate(chosen))


def separate(features: Floats, scored: NDArray[np.bool_], labels: Labels, seed: int = 0) -> Separation | None:
    """Try to tell the scored photos from the others.

    Args:
        features: float32 (n, features).
        scored: bool (n,), which photos are of the scored split.
        labels: int64 (n,), their classes.
        seed: for the folds.

    Returns:
        What came of it, or None with fewer than 10 photos of every class in either split.
    """
    counted = [
        label
        for label in np.unique(labels)
        if min(((labels == label) & scored).sum(), ((labels == label) & ~scored).sum()) >= _FEWEST
    ]
    if not counted:
        return None
    kept = np.isin(labels, counted)
    basis = Basis.of(features[kept])
    strongest = np.argsort(-basis.variances)[:_COMPONENTS]
    inputs = basis.project(features)[:, strongest].astype(np.float64)
    for label in np.unique(labels):  # what tells the classes apart is not asked for
        inputs[labels == label] -= inputs[labels == label].mean(axis=0)
    folds = _folds(scored, labels, seed)
    scores = np.zeros(len(labels))
    for fold in range(_FOLDS):
        known = (folds != fold) & kept
        scores[folds == fold] = inputs[folds == fold] @ _direction(inputs[known], scored[known])
    by_class = {}
    weights, areas, variances = [], [], []
    for label in counted:
        # Scores of different folds come from different classifiers: only those of one fold are compared.
        wins, pairs = 0.0, 0
        for fold in range(_FOLDS):
            here = (labels == label) & (folds == fold)
            one, other = scores[here & scored], scores[here & ~scored]
            wins += _wins(one, other)
            pairs += len(one) * len(other)
        positive, negative = int((scored & (labels == label)).sum()), int((~scored & (labels == label)).sum())
        area = wins / pairs
        variance = _variance(area, positive, negative)
        by_class[int(label)] = _interval(area, variance)
        weights.append(float(positive * negative) / (positive + negative))
        areas.append(area)
        variances.append(variance)
    shares = np.array(weights) / sum(weights)
    together = _interval(float(shares @ areas), float(shares**2 @ variances))
    return Separation(together, by_class, scores)


def _direction(inputs: Doubles, scored: NDArray[np.bool_]) -> Doubles:
    """Where the scored photos lie, seen from the others: Fisher's linear discriminant, float64 (components,).

    Its covariance is shrunk towards a round one, halfway, since there are hardly more photos than components.
    """
    means = [inputs[scored == side].mean(axis=0) for side in (False, True)]
    centred = inputs - np.where(scored[:, None], means[1], means[0])
    covariance = centred.T @ centred / len(centred)
    covariance += np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    return np.asarray(np.linalg.solve(covariance, means[1] - means[0]), np.float64)


def _wins(one: Doubles, other: Doubles) -> float:
    """Pairs in which the first is larger; ties count half (Mann and Whitney, 1947)."""
    ordered = np.sort(other)
    below = np.searchsorted(ordered, one, "left")
    up_to = np.searchsorted(ordered, one, "right")
    return float((below + up_to).sum()) / 2


def _variance(area: float, positive: int, negative: int) -> float:
    """Of an area under the curve (Hanley and McNeil, Radiology 1982)."""
    # At 0 and 1 it would be 0, however few the photos: half a pair is taken for wrong.
    inside = min(max(area, 0.5 / (positive * negative)), 1 - 0.5 / (positive * negative))
    first, second = inside / (2 - inside), 2 * inside**2 / (1 + inside)
    spread = (
        inside * (1 - inside) + (positive - 1) * (first - inside**2) + (negative - 1) * (second - inside**2)
    )
    return spread / (positive * negative)


def _interval(area: float, variance: float) -> Interval:
    half = _Z * math.sqrt(variance)
    return Interval(area, max(0.0, area - half), min(1.0, area + half))


def _folds(scored: NDArray[np.bool_], labels: Labels, seed: int) -> NDArray[np.int64]:
    """A fold for each photo: every fold has its share of each class of each split."""
    random = np.random.default_rng(seed)
    folds = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        for split in (False, True):
            places = random.permutation(np.flatnonzero((labels == label) & (scored == split)))
            folds[places] = np.arange(len(places)) % _FOLDS
    return folds
