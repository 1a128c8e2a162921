"""How well features will transfer, told from a few hundred of them.

:func:`held_out` ranks; the other two stand beside it in ``run.json``, since readers of the literature ask for
them. ``benchmarks/peers/transferability.py`` shows how well each ranks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.training.arrays import Doubles, Floats, Labels, Rows
from edgetl.training.heads.choosing import Problem
from edgetl.training.heads.held_out import log_loss
from edgetl.training.heads.logistic import Basis

_STRENGTHS = (0.001, 0.01, 0.1, 1.0)
_MOST_ROUNDS, _SETTLED = 100, 1e-6
_TINY = 1e-12


@dataclass(frozen=True)
class HeldOut:
    """What heads say of pictures they were not solved on."""

    log_loss: float
    """Mean, of the best regularisation tried."""
    right: NDArray[np.bool_]
    """bool (m,): whether each picture that was held out was answered rightly, in the order of the features;
    of very many only some are held out."""

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(self.right.mean())


def held_out(features: Floats, labels: Labels, *, seed: int = 0) -> HeldOut:
    """Solve the head in stratified cross-validation: the thing itself, on fewer pictures.

    Args:
        features: float32 (n, features).
        labels: int64 (n,), 0 to classes - 1, each twice or more.
        seed: for the folds.
    """
    basis = Basis.of(features)
    problem = Problem(
        Rows.of(basis.project(features)),
        labels,
        np.ones(len(labels)),
        basis.projected(),
        classes=int(labels.max()) + 1,
        balanced=False,
        smoothing=0.0,
    )
    found = problem.choose(_STRENGTHS, None, seed)
    # In the order of the features, whichever fold each was held out in.
    order = np.argsort(np.concatenate([np.flatnonzero(mask) for mask in found.masks]))
    loss = log_loss(found.logits, found.truth)
    return HeldOut(loss, (found.logits.argmax(axis=1) == found.truth)[order])


def logme(features: Floats, labels: Labels) -> float:
    """Log of the maximum evidence of a linear model of each class, a picture (You et al., ICML 2021).

    Evidence is maximised over the precisions of the weights and of the noise by the fixed point of the
    authors' follow-up (Ranking and Tuning Pre-trained Models, JMLR 2022). The higher, the better.

    Args:
        features: float32 (n, features).
        labels: int64 (n,), 0 to classes - 1.
    """
    count, width = features.shape
    vectors, squares = _principal(features.astype(np.float64))
    answers = np.eye(int(labels.max()) + 1)[labels]
    return float(
        np.mean([_evidence(vectors.T @ row, squares, float(row @ row), count, width) for row in answers.T])
    )


def h_score(features: Floats, labels: Labels) -> float:
    """How much of the features' spread lies between classes: H-score (Bao et al., ICIP 2019).

    With the covariance shrunk (Ibrahim et al., Newer is not always better, 2021) as Ledoit and Wolf (2004)
    say, without which it means nothing for more features than pictures.

    Args:
        features: float32 (n, features), not all the same.
        labels: int64 (n,), 0 to classes - 1.
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    count, width = centred.shape
    vectors, squares = _principal(centred)
    spread = squares / count
    shrinkage = _ledoit_wolf(centred, spread)
    mean = float(spread.sum()) / width
    shrunk = (1 - shrinkage) * spread + shrinkage * mean
    # Means of classes along each principal component.
    along = vectors * np.sqrt(squares)
    total = 0.0
    for label in np.unique(labels):
        mine = along[labels == label]
        total += len(mine) / count * float((mine.mean(axis=0) ** 2 / shrunk).sum())
    return (1 - shrinkage) * total


def _principal(rows: Doubles) -> tuple[Doubles, Doubles]:
    """Left singular vectors (n, k) and squared singular values (k,) of (n, features), those above 0."""
    count, width = rows.shape
    if count <= width:
        squares, vectors = np.linalg.eigh(rows @ rows.T)
    else:
        squares, right = np.linalg.eigh(rows.T @ rows)
        vectors = rows @ right / np.sqrt(np.maximum(squares, _TINY))
    kept = squares > 1e-10 * squares[-1]
    return vectors[:, kept], squares[kept]


def _evidence(along: Doubles, squares: Doubles, length: float, count: int, width: int) -> float:
    """The largest log evidence of ``answers ~ N(features @ w, 1 / noise)``, ``w ~ N(0, 1 / prior)``, over n.

    Args:
        along: of the answers along the left singular vectors, (k,).
        squares: of the singular values, (k,).
        length: of the answers, squared.
        count: n.
        width: number of features.
    """
    outside = max(length - float(along @ along), 0.0)
    prior = noise = 1.0
    for _ in range(_MOST_ROUNDS):
        ratio = prior / noise
        kept = squares / (squares + ratio)
        weights = float((squares * along**2 / (squares + ratio) ** 2).sum())
        rest = float(((1 - kept) ** 2 * along**2).sum()) + outside
        used = float(kept.sum())
        prior = used / max(weights, _TINY)
        noise = max(count - used, _TINY) / max(rest, _TINY)
        if abs(prior / noise - ratio) <= _SETTLED * ratio:
            break
    ratio = prior / noise
    weights = float((squares * along**2 / (squares + ratio) ** 2).sum())
    rest = float(((ratio / (squares + ratio)) ** 2 * along**2).sum()) + outside
    # Where there are no features beyond the k, both logarithms of the prior cancel.
    shape = len(squares) * np.log(prior) - float(np.log(prior + noise * squares).sum())
    fit = count * np.log(noise / (2 * np.pi)) - noise * rest - prior * weights
    assert width >= len(squares)
    return float(shape + fit) / (2 * count)


def _ledoit_wolf(centred: Doubles, spread: Doubles) -> float:
    """How far to shrink a covariance towards a multiple of the identity, 0 to 1 (Ledoit & Wolf 2004).

    Args:
        centred: (n, features), columns of mean 0.
        spread: eigenvalues of the covariance that are not 0.
    """
    count, width = centred.shape
    mean = float(spread.sum()) / width
    square = float((spread**2).sum())
    away = square / width - mean**2
    lengths = (centred**2).sum(axis=1)
    noise = (float((lengths**2).mean()) - square) / (width * count)
    return min(noise, away) / away if away > 0 else 0.0
