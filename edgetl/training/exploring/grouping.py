"""Groups of pictures that look alike: k-means, with as many groups as stand apart best."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl import extras
from edgetl.errors import UsageError
from edgetl.progress import Progress
from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.threads import threads_for

MOST = 60
"""Groups that may be asked for, and that a page can show."""
SMALLEST = 5
"""Pictures of a group where there are enough: training splits a class of fewer in no way."""
_TRIED = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30)
_SAMPLE = 2000
"""Pictures that the silhouette, which compares each with each, looks at."""
_LEARNT_ON = 20_000
"""Of more pictures, so many place the centres; the others go to the nearest."""
_APART = 0.05
"""Silhouette below which the groups are parts of one cloud, cut somewhere."""


@dataclass(frozen=True)
class Groups:
    """Which picture is in which group; the largest group is number 0."""

    of: Labels
    """int64 (n,), 0 to groups - 1."""
    centres: Floats
    """float32 (groups, components)."""
    distances: Floats
    """float32 (n,), of each picture from the centre of its group."""
    silhouette: float | None
    """How far apart the groups are, -1 to 1 (Rousseeuw 1987): mean over the pictures; None of one group."""
    tried: dict[int, float]
    """Numbers of groups that were tried, and the silhouette of each; none where the number was given."""

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self.centres)

    @property
    def apart(self) -> bool:
        """Whether they stand apart, or are one cloud that was cut."""
        return self.silhouette is not None and self.silhouette >= _APART

    def members(self, group: int) -> Labels:
        """The pictures of a group, the most typical first."""
        found = np.flatnonzero(self.of == group)
        return found[np.argsort(self.distances[found], kind="stable")]


def check(wanted: int | None) -> None:
    """Refuse a number of groups before the slow work.

    Raises:
        UsageError: it is none of 2 to 60.
    """
    if wanted is not None and not 2 <= wanted <= MOST:
        raise UsageError(f"{wanted} groups are not offered: choose 2 to {MOST}, or leave it to the pictures")


def find(points: Floats, wanted: int | None, *, seed: int, progress: Progress) -> Groups:
    """Group pictures.

    Args:
        points: float32 (n, components), n of 2 or more.
        wanted: how many groups; None takes the number with the largest silhouette.
        seed: where k-means starts.
        progress: hears of each number tried.
    """
    most = max(1, len(points) // SMALLEST)
    numbers = [number for number in _TRIED if number <= most] if wanted is None else [min(wanted, most)]
    if not numbers or numbers == [1]:
        return _assigned(points, points.mean(axis=0, keepdims=True), {}, seed)
    random = np.random.default_rng(seed)
    seen = points[np.sort(random.permutation(len(points))[:_LEARNT_ON])]
    found: dict[int, tuple[float, Floats]] = {}
    with progress.step("groups", total=len(numbers)) as advance, threads_for(1):
        for number in numbers:
            centres = k_means(seen, number, seed=seed)
            found[number] = (silhouette(seen, _nearest(seen, centres)[0], seed) or 0.0, centres)
            advance(1)
    best = max(found, key=lambda number: found[number][0])
    tried = {number: round(score, 4) for number, (score, _) in found.items()} if wanted is None else {}
    return _assigned(points, found[best][1], tried, seed)


def k_means(
    points: Floats, count: int, *, seed: int, weights: NDArray[np.floating] | None = None, starts: int = 3
) -> Floats:
    """Centres of groups, float32 (count, components), the best of some starts (Arthur & Vassilvitskii 2007).

    Args:
        points: float32 (n, components), n of ``count`` or more.
        count: how many.
        seed: for the starts.
        weights: (n,), the say of each point; None: all the same.
        starts: how many.
    """
    cluster = extras.load("sklearn.cluster", extra="train", purpose="grouping pictures")
    model = cluster.KMeans(count, n_init=starts, random_state=seed).fit(points, sample_weight=weights)
    return np.asarray(model.cluster_centers_, np.float32)


def silhouette(points: Floats, groups: Labels, seed: int) -> float | None:
    """Mean silhouette, of at most 2,000 points; None where there is one group only."""
    metrics = extras.load("sklearn.metrics", extra="train", purpose="grouping pictures")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(points))[:_SAMPLE])
    if not 1 < len(np.unique(groups[chosen])) < len(chosen):
        return None
    return float(metrics.silhouette_score(points[chosen], groups[chosen]))


def _assigned(points: Floats, centres: Floats, tried: dict[int, float], seed: int) -> Groups:
    """Each point in its nearest group, groups of too few dissolved, the largest first."""
    while len(centres) > 1:
        counts = np.bincount(_nearest(points, centres)[0], minlength=len(centres))
        if counts.min() >= SMALLEST:
            break
        centres = np.delete(centres, int(counts.argmin()), axis=0)
    nearest, _ = _nearest(points, centres)
    order = np.argsort(-np.bincount(nearest, minlength=len(centres)), kind="stable")
    nearest, distances = _nearest(points, centres[order])
    return Groups(nearest, centres[order], distances, silhouette(points, nearest, seed), tried)


def _nearest(points: Floats, centres: Floats) -> tuple[Labels, Floats]:
    """The nearest centre of each point, and how far it is."""
    squares: Doubles = (centres.astype(np.float64) ** 2).sum(axis=1)
    likeness = points @ centres.T - squares / 2
    best = likeness.argmax(axis=1)
    return best, np.linalg.norm(points - centres[best], axis=1).astype(np.float32)
