"""Self-training: the head learns from its own surest answers to unlabelled pictures, a few times over.

Zou et al., Unsupervised Domain Adaptation for Semantic Segmentation via Class-Balanced Self-Training, ECCV
2018: of each class the same share of its answers is believed, more from round to round. So a class that the
head is rarely sure of is not forgotten.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.heads.head import Head

SHARES = (0.3, 0.5, 0.7)
"""Of the answers of each class, what is believed in each round."""
_LEAST = 0.5
"""Probability below which no answer is believed: another class may be as likely."""

Solve = Callable[[Floats, Labels, Doubles, float], Head]
"""From rows, labels, weights and the strength of the regularisation to a head."""


def train(rows: Floats, labels: Labels, weights: Doubles, target: Floats, head: Head, solve: Solve) -> Head:
    """Solve the head with the pictures it is sure of, each weighed by how sure.

    Args:
        rows: float32 (n, features), of the train photos.
        labels: int64 (n,).
        weights: float64 (n,), the say of each.
        target: float32 (m, features), of unlabelled pictures.
        head: solved on the train photos.
        solve: how the others are solved.
    """
    for share in SHARES:
        answers = head.probabilities(target)
        believed = sure(answers, share)
        said = answers[believed]
        head = solve(
            np.concatenate([rows, target[believed]]),
            np.concatenate([labels, said.argmax(axis=1)]),
            np.concatenate([weights, said.max(axis=1).astype(np.float64)]),
            head.strength,
        )
    return head


def sure(answers: Floats, share: float) -> NDArray[np.int64]:
    """The pictures whose answers are believed: a share of those of each class, the surest.

    Args:
        answers: float32 (m, classes), calibrated probabilities.
        share: 0 to 1.
    """
    best, scores = answers.argmax(axis=1), answers.max(axis=1)
    believed = [np.empty(0, np.int64)]
    for label in np.unique(best):
        members = np.flatnonzero((best == label) & (scores >= _LEAST))
        count = round(share * int((best == label).sum()))
        believed.append(members[np.argsort(-scores[members], kind="stable")][:count])
    return np.sort(np.concatenate(believed))
