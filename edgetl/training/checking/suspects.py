"""Photos whose label is probably wrong, told by all the other photos.

Each photo gets an answer from a model that has not seen it. Instead of folds, that is kernel ridge
regression of the labels, whose leave-one-out answers are one formula (Rifkin and Lippert, MIT 2007): no
photo is wasted on holding out, which matters where a fifth of the labels is wrong, and a squared loss
forgives wrong labels more than a logistic one (Ghosh et al., AAAI 2017, on losses and label noise).

Then the share of wrong labels, and how sure the answers may be, are chosen together so that they make the
given labels most likely (Patrini et al., CVPR 2017, with one parameter for the flips). Bayes' rule then
says of each photo how probably its label is wrong: a probability, not a rank among others, so that a clean
dataset gets few suspects.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgetl.training.heads.held_out import softmax
from edgetl.training.logistic import BLOCK, Doubles, Floats, Labels

LISTED = 1 / 3
"""Photos are listed as suspects from this probability on: one in three of the last ones is a catch."""
_LANDMARKS = 2000
"""Photos that the kernel compares each photo with; with fewer photos the regression is exact."""
_PENALTIES = tuple(np.geomspace(1e-5, 3e-2, 8))
_SHARPNESS = tuple(np.geomspace(0.5, 32, 37))
_FLIPPED = (0.0, 0.002, 0.005, *np.arange(0.01, 0.46, 0.01))
_NULL = 1e-7


@dataclass(frozen=True)
class Suspect:
    """A photo whose label the others do not support."""

    index: int
    """Its row."""
    given: int
    """Its label."""
    suggested: int
    """The class that it looks like."""
    score: float
    """Probability that the given label is wrong, 0 to 1."""


@dataclass(frozen=True)
class Doubts:
    """How probably each label is wrong."""

    wrong: Doubles
    """float64 (n,), 0 to 1."""
    suggested: Labels
    """int64 (n,), the likeliest class other than the given one."""
    share: float
    """Of all labels, how many seem to be wrong, 0 to 1."""

    @property
    def weights(self) -> Doubles:
        """float64 (n,): the probability that the label is right, to weigh the photos of a head by."""
        return 1 - self.wrong


def find(features: Floats, labels: Labels, *, seed: int = 0) -> tuple[Suspect, ...]:
    """The photos whose label is wrong with a probability of a third or more, worst first.

    Args:
        features: float32 (n, features), n of 4 or more.
        labels: int64 (n,), 0 to classes - 1.
        seed: which photos are the landmarks, of more than 2,000.
    """
    doubts = judge(features, labels, seed=seed)
    order = np.argsort(-doubts.wrong, kind="stable")
    return tuple(
        Suspect(int(row), int(labels[row]), int(doubts.suggested[row]), float(doubts.wrong[row]))
        for row in order
        if doubts.wrong[row] >= LISTED
    )


def judge(features: Floats, labels: Labels, *, seed: int = 0) -> Doubts:
    """How probably each label is wrong; arguments as for :func:`find`."""
    classes = int(labels.max()) + 1
    answers = _leave_one_out(features, labels, classes, seed)
    share, sharpness = _noise(answers, labels)
    clean = softmax(sharpness * answers).astype(np.float64)
    rows = np.arange(len(labels))
    given = clean[rows, labels]
    other = share / max(classes - 1, 1)
    wrong = other * (1 - given) / np.maximum(other * (1 - given) + (1 - share) * given, 1e-300)
    clean[rows, labels] = -1.0
    return Doubts(wrong, clean.argmax(axis=1), share)


def _leave_one_out(features: Floats, labels: Labels, classes: int, seed: int) -> Doubles:
    """Answers float64 (n, classes), near 0 to 1, each from a regression on all the other photos.

    With the squared loss, leaving a photo out changes its residual by the factor 1 / (1 - leverage). The
    penalty is the one whose left-out answers are nearest to the labels.
    """
    count = len(features)
    map_ = _FeatureMap.of(features, seed)
    shares = np.bincount(labels, minlength=classes) / count
    width = map_.onto.shape[1]
    gram, moment = np.zeros((width, width)), np.zeros((width, classes))
    for place, rows in map_.blocks(features):
        gram += rows.T @ rows
        moment += rows.T @ (np.eye(classes)[labels[place]] - shares)
    values, vectors = np.linalg.eigh(gram)
    values, moment = np.maximum(values, 0.0), vectors.T @ moment

    def residual(turned: Doubles, given: Labels, penalty: float) -> Doubles:
        shrunk = 1 / (values + penalty * count)
        leverage = np.minimum((turned**2) @ shrunk, 1 - 1e-9)[:, None]
        apart = np.eye(classes)[given] - shares - turned @ (shrunk[:, None] * moment)
        return np.asarray(apart / (1 - leverage))

    some = np.random.default_rng(seed).permutation(count)[:BLOCK]
    ((_, rows),) = map_.blocks(features[some])
    turned = rows @ vectors
    errors = [(residual(turned, labels[some], penalty) ** 2).sum() for penalty in _PENALTIES]
    penalty = _PENALTIES[int(np.argmin(errors))]
    answers = np.empty((count, classes))
    for place, rows in map_.blocks(features):
        answers[place] = np.eye(classes)[labels[place]] - residual(rows @ vectors, labels[place], penalty)
    return answers


@dataclass(frozen=True)
class _FeatureMap:
    """A Gaussian kernel's features (Williams and Seeger, NIPS 2000), spanned by some of the photos."""

    centre: Floats
    landmarks: Floats
    """float32 (m, features), less the centre."""
    median: float
    """Of the squared distances: half of the photos are near, half are far."""
    onto: Doubles
    """float64 (m, components), from nearness to the landmarks to components."""

    @classmethod
    def of(cls, features: Floats, seed: int) -> "_FeatureMap":
        centre = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        places = np.sort(np.random.default_rng(seed).permutation(len(features))[:_LANDMARKS])
        landmarks = features[places] - centre
        distances = _distances(landmarks, landmarks)
        median = float(np.median(distances)) or 1.0
        values, vectors = np.linalg.eigh(np.exp(-distances / median))
        kept = values > _NULL * values[-1]
        return cls(centre, landmarks, median, vectors[:, kept] / np.sqrt(values[kept]))

    def blocks(self, features: Floats) -> Iterator[tuple[slice, Doubles]]:
        """The components of some photos at a time, float64 (some, components), and which they are."""
        for start in range(0, len(features), BLOCK):
            block = features[start : start + BLOCK] - self.centre
            near = np.exp(-_distances(block, self.landmarks) / self.median)
            yield slice(start, start + len(block)), near @ self.onto


def _distances(first: Floats, second: Floats) -> Doubles:
    """Squared distances float64 (n, m) of the rows of two tables."""
    squares = [(table.astype(np.float64) ** 2).sum(axis=1) for table in (first, second)]
    return np.maximum(squares[0][:, None] + squares[1] - 2.0 * (first @ second.T), 0.0)


def _noise(answers: Doubles, labels: Labels) -> tuple[float, float]:
    """The share of wrong labels and the sharpness of the answers that make the given labels likeliest."""
    count, classes = answers.shape
    best = (-np.inf, 0.0, 1.0)
    for sharpness in _SHARPNESS:
        given = softmax(sharpness * answers)[np.arange(count), labels].astype(np.float64)
        for share in _FLIPPED:
            likely = (1 - share) * given + share / max(classes - 1, 1) * (1 - given)
            best = max(best, (float(np.log(np.maximum(likely, 1e-300)).mean()), share, sharpness))
    return best[1], best[2]
