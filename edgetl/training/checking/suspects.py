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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgetl.training.heads.held_out import softmax
from edgetl.training.logistic import BLOCK, Doubles, Floats, Labels

LISTED = 0.25
"""Photos are listed as suspects from this probability on: one in four of the last ones is a catch."""
_LANDMARKS = 2000
"""Photos that the kernel compares each photo with; with fewer photos the regression is exact."""
_PENALTIES = tuple(np.geomspace(1e-5, 3e-2, 8))
_SHARPNESS = tuple(np.geomspace(0.5, 64, 29))
_FLIPPED = (0.0, *np.arange(0.005, 0.46, 0.01))
_NULL = 1e-7
_NEGLIGIBLE = 1e-5


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
        """float64 (n,), 0 to 1, to weigh the photos of a head by.

        The probability that the label is right, squared: what may as well be wrong should hardly count.
        """
        return (1 - self.wrong) ** 2


def find(
    features: Floats, labels: Labels, *, parts: Sequence[slice] = (), seed: int = 0
) -> tuple[Suspect, ...]:
    """The photos whose label is wrong with a probability of a quarter or more, worst first.

    Args:
        features: float32 (n, features), n of 4 or more.
        labels: int64 (n,), 0 to classes - 1.
        parts: columns of different layers of a backbone; none: all are alike.
        seed: which photos are the landmarks, of more than 2,000.
    """
    doubts = judge(features, labels, parts=parts, seed=seed)
    order = np.argsort(-doubts.wrong, kind="stable")
    return tuple(
        Suspect(int(row), int(labels[row]), int(doubts.suggested[row]), float(doubts.wrong[row]))
        for row in order
        if doubts.wrong[row] >= LISTED
    )


def judge(features: Floats, labels: Labels, *, parts: Sequence[slice] = (), seed: int = 0) -> Doubts:
    """How probably each label is wrong; arguments as for :func:`find`."""
    left_out = answers(features, labels, parts=parts, seed=seed)
    rows, classes = np.arange(len(labels)), left_out.shape[1]
    given = left_out[rows, labels]
    agrees = left_out.argmax(axis=1) == labels
    second, best = np.partition(left_out, -2, axis=1)[:, -2:].T
    others = left_out.copy()
    others[rows, labels] = -np.inf
    suggested = others.argmax(axis=1)

    def among_all(sharpness: float) -> Doubles:
        return softmax(sharpness * left_out)[rows, labels].astype(np.float64)

    def of_two(sharpness: float, leads: Doubles) -> Doubles:
        return np.asarray(0.5 + 0.5 * np.tanh(sharpness * leads / 2))

    # Labels go wrong in two ways: any class is given instead, or the one that looks alike.
    anything = _credible(among_all, classes - 1)
    wrong = _wrong(anything, among_all, classes - 1)
    share = sum(each * credence for each, _, credence in anything)
    if classes > 2:  # of two classes these are one
        lead = np.where(agrees, best - second, second - best)
        alike = _credible(lambda sharpness: of_two(sharpness, lead), 1)
        margin = given - others[rows, suggested]
        wrong = (wrong + _wrong(alike, lambda sharpness: of_two(sharpness, margin), 1)) / 2
        share = (share + sum(each * credence for each, _, credence in alike)) / 2
    return Doubts(wrong, suggested, share)


def answers(features: Floats, labels: Labels, *, parts: Sequence[slice] = (), seed: int = 0) -> Doubles:
    """What a regression on all the other photos says of each: float64 (n, classes), near 0 to 1.

    Where the features have parts, each is tried alone and all together, scaled to the same spread; the one
    whose left-out answers are nearest to the labels is taken. Other arguments as for :func:`find`.
    """
    views: list[Callable[[], Floats]] = [partial(features.__getitem__, (slice(None), part)) for part in parts]
    views.append(partial(_evened, features, parts))
    found = (_left_out(view(), labels, seed) for view in (views if len(parts) > 1 else views[-1:]))
    return min(found, key=lambda pair: pair[1])[0]


def _evened(features: Floats, parts: Sequence[slice]) -> Floats:
    """The features, each part scaled to the same spread; as they are where there is one."""
    if len(parts) < 2:
        return features
    spreads = [np.sqrt(features[:, part].var(axis=0, dtype=np.float64).sum()) or 1.0 for part in parts]
    return np.concatenate(
        [features[:, part] / np.float32(spread) for part, spread in zip(parts, spreads, strict=True)], axis=1
    )


def _left_out(features: Floats, labels: Labels, seed: int) -> tuple[Doubles, float]:
    """Left-out answers, float64 (n, classes), and how far they are from the labels on some of the photos.

    With the squared loss, leaving a photo out changes its residual by the factor 1 / (1 - leverage). The
    penalty is the one whose left-out answers are nearest to the labels.
    """
    count, classes = len(features), int(labels.max()) + 1
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
    result = np.empty((count, classes))
    for place, rows in map_.blocks(features):
        result[place] = np.eye(classes)[labels[place]] - residual(rows @ vectors, labels[place], penalty)
    return result, float(min(errors))


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
    return np.asarray(np.maximum(squares[0][:, None] + squares[1] - 2.0 * (first @ second.T), 0.0))


_Belief = Callable[[float], Doubles]
"""From how sure the answers may be to the probability of each given label, float64 (n,)."""
_Credible = list[tuple[float, float, float]]
"""Shares of wrong labels, how sure the answers may be, and how credible both are; the last sums to 1."""


def _credible(belief: _Belief, others: int) -> _Credible:
    """What explains the labels, when a wrong one is any of so many others.

    Where all answers are equally sure, doubt and wrong labels explain the same data; so no best pair is
    picked, all are kept with their likelihood.
    """
    pairs = [(share, sharpness) for sharpness in _SHARPNESS for share in _FLIPPED]
    likelihoods = []
    for sharpness in _SHARPNESS:
        right = belief(sharpness)
        for share in _FLIPPED:
            likely = (1 - share) * right + share / others * (1 - right)
            likelihoods.append(np.log(np.maximum(likely, 1e-300)).sum())
    credence = np.exp(np.array(likelihoods) - max(likelihoods))
    credence /= credence.sum()
    return [
        (float(share), float(sharpness), float(each))
        for (share, sharpness), each in zip(pairs, credence, strict=True)
        if each > _NEGLIGIBLE
    ]


def _wrong(credible: _Credible, belief: _Belief, others: int) -> Doubles:
    """The probability that each label is wrong, by Bayes' rule."""
    return np.asarray(
        sum(
            credence
            * share
            / others
            * (1 - right)
            / np.maximum(share / others * (1 - right) + (1 - share) * right, 1e-300)
            for share, right, credence in (
                (share, belief(sharpness), credence) for share, sharpness, credence in credible
            )
        )
    )
