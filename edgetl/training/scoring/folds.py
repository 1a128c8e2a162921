"""Photos divided into folds, of which each is held out once, or sampled where there are very many."""

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import UsageError

FOLDS = 5
FEW = 200
"""Scored photos under which ``auto`` cross-validates too: their interval is some 7 points wide at 95 %."""
_MOST = 20


def wanted(choice: str, scored: int) -> int:
    """How many folds ``--folds`` asks for; 0 for none.

    Args:
        choice: ``auto``, ``none`` or a number.
        scored: photos of the scored split.

    Raises:
        UsageError: it is none of these.
    """
    if choice == "auto":
        return FOLDS if scored < FEW else 0
    if choice == "none":
        return 0
    if not choice.isdigit() or not 2 <= int(choice) <= _MOST:
        raise UsageError(f"folds {choice!r} are not offered: choose auto, none or 2 to {_MOST}")
    return int(choice)


def stratified(
    labels: NDArray[np.int64], count: int, seed: int, *, copies_of: NDArray[np.int64] | None = None
) -> list[NDArray[np.bool_]]:
    """Masks of the held-out photos, with each class spread evenly.

    Args:
        labels: int64 (n,).
        count: of folds, 2 or more; fewer are made where a class has fewer different photos.
        seed: for the order.
        copies_of: int64 (n,), equal for copies of one photo, which then share a fold, but where a class has
            no other: the rest would have none of it. None: all differ.
    """
    groups = np.arange(len(labels)) if copies_of is None else copies_of.copy()
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        if len(np.unique(groups[mine])) == 1:
            groups[mine] = groups.max() + 1 + np.arange(len(mine))
    members = [np.unique(groups[labels == label]) for label in np.unique(labels)]
    count = min(count, *(len(of_class) for of_class in members))
    random = np.random.default_rng(seed)
    fold_of = np.zeros(int(groups.max()) + 1, np.int64)
    for of_class in members:
        fold_of[random.permutation(of_class)] = np.arange(len(of_class)) % count
    return [fold_of[groups] == fold for fold in range(count)]


def sample(
    labels: NDArray[np.int64], most: int, of_each: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Places of photos, int64, ascending: all, or so many drawn, and so many of each class at least.

    Args:
        labels: int64 (n,).
        most: how many are drawn with no regard to the class.
        of_each: of a class that has as many.
        random: draws.
    """
    order = random.permutation(len(labels))
    # The place of each photo among those of its class, in the order drawn.
    by_class = order[np.argsort(labels[order], kind="stable")]
    starts = np.searchsorted(labels[by_class], labels[by_class])
    few = by_class[np.arange(len(by_class)) - starts < of_each]
    return np.union1d(order[:most], few)
