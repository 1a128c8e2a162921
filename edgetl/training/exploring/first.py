"""Which pictures to label first: unlike each other, typical, and those that a model is unsure of.

Without a model, one typical picture out of each of as many groups as may be labelled, which with few
labels beats both chance and the choice of unsure ones (Hacohen et al., ICML 2022). With one, groups are
placed by pictures weighed by how unsure it is (Zhdanov, arXiv:1901.05954), and the nearest of each is taken.
"""

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import UsageError
from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.exploring.grouping import k_means
from edgetl.training.threads import threads_for

MOST = 200
_LEARNT_ON = 5_000
"""Pictures that are looked at, drawn from more: so many groups of more pictures take minutes."""


def check(wanted: int) -> None:
    """Refuse a number of pictures before the slow work.

    Raises:
        UsageError: it is none of 1 to 200.
    """
    if not 1 <= wanted <= MOST:
        raise UsageError(f"{wanted} pictures to label first are not offered: choose 1 to {MOST}")


def choose(
    points: Floats,
    distances: Doubles,
    wanted: int,
    *,
    unsure: NDArray[np.floating] | None,
    left_out: Labels,
    seed: int,
) -> Labels:
    """Pictures to label, the most useful first: int64 (at most ``wanted``,).

    Args:
        points: float32 (n, components).
        distances: of each from its nearest, float64 (n,); typical pictures have near ones.
        wanted: how many.
        unsure: how unsure a model is of each, (n,), 0 to 1; None without a model.
        left_out: pictures that are no use, as odd ones and copies of others.
        seed: for the groups.
    """
    useful = np.setdiff1d(np.arange(len(points)), left_out)
    if len(useful) <= wanted:
        return useful[np.argsort(distances[useful] if unsure is None else -unsure[useful], kind="stable")]
    seen = np.sort(np.random.default_rng(seed).permutation(useful)[:_LEARNT_ON])
    # Some doubt everywhere: what the model is wrongly sure of must not be out of sight.
    weights = None if unsure is None else 0.05 + unsure[seen]
    with threads_for(1):
        centres = k_means(points[seen], wanted, seed=seed, weights=weights, starts=1)
    away = ((points[seen][:, None, :] - centres[None]) ** 2).sum(axis=2)
    nearest = away.argmin(axis=1)
    chosen, weight = [], []
    for group in range(wanted):
        members = np.flatnonzero(nearest == group)
        if len(members):
            rank = distances[seen[members]] if unsure is None else away[members, group]
            chosen.append(seen[members[rank.argmin()]])
            weight.append(len(members) if weights is None else weights[members].sum())
    return np.array(chosen, np.int64)[np.argsort(-np.array(weight), kind="stable")]
