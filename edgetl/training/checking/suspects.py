"""Photos whose label is probably wrong, told by all the other photos.

Each photo gets an answer from models that have not seen it (``left_out.py``). Then the share of wrong
labels, and how sure the answers may be, are chosen together so that they make the given labels most likely
(Patrini et al., CVPR 2017, with one parameter for the flips). Bayes' rule then says of each photo how
probably its label is wrong: a probability, not a rank among others, so that a clean dataset gets few
suspects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.checking import left_out
from edgetl.training.heads.held_out import softmax

LISTED = 0.25
"""Photos are listed as suspects from this probability on: one in four of the last ones is a catch."""
_SHARPNESS = tuple(np.geomspace(0.5, 64, 29))
_FLIPPED = (0.0, *np.arange(0.005, 0.46, 0.01))
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
        """float64 (n,), 0 to 1, to weigh the photos by that a head is solved on.

        A wrong label costs more than a right one gains: as likely as not to be wrong, it should hardly count.
        """
        return (1 - self.wrong) ** 4

    @property
    def judged_by(self) -> Doubles:
        """float64 (n,), 0 to 1, to weigh the same photos by while they are held out.

        By the weights above only the easy ones would judge, which lets heads be too sure: with a fifth of the
        labels flipped, five groups of ImageNet's classes lost 3.0 points in place of 1.7. By the probability
        that the label is right, wrong ones judge too: solar cells lost 4.5 points in place of 3.2.
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
    answers = left_out.answers(features, labels, parts=parts, seed=seed)
    rows, classes = np.arange(len(labels)), answers.shape[1]
    given = answers[rows, labels]
    agrees = answers.argmax(axis=1) == labels
    second, best = np.partition(answers, -2, axis=1)[:, -2:].T
    others = answers.copy()
    others[rows, labels] = -np.inf
    suggested = others.argmax(axis=1)

    def among_all(sharpness: float) -> Doubles:
        return softmax(sharpness * answers)[rows, labels].astype(np.float64)

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
