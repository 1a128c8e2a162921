"""Solve the head for new classes: ridge regression on exemplars and taught pictures, in closed form.

Every class is regressed on the directions of the embeddings, each class with the same weight. A new class
is judged by its margin over the best old class, and takes a picture whose margin is above a threshold.
The threshold is such that at most :data:`MOST_LOST` of the exemplars would be taken, each judged by the
head that is solved without it (which ridge regression gives for nothing: Hastie et al., The Elements of
Statistical Learning, 7.10). So held-out pictures are lost as rarely, whatever the classes look like: it is
a conformal bound (Vovk et al., Algorithmic Learning in a Random World, 2005; Barber et al., Predictive
Inference with the Jackknife+, 2021).
"""

import numpy as np
from numpy.typing import NDArray

from edgetl.runtime.teaching.exemplars import Exemplars
from edgetl.runtime.teaching.features import directions, rooted
from edgetl.runtime.teaching.learned import Guard, Learned, margins
from edgetl.runtime.teaching.taught import Taught

MOST_LOST = 0.01
"""Share of the exemplars that are right and may go to new classes."""
_DAMPING = 1.0
"""On the weights, with directions of length 1. Best of 0.1 to 10."""
_LOW = 0.1
"""Quantile of the taught pictures' margins that stands for the new classes' weakest."""
_ALIKE = 0.9
"""Cosine above which pictures of a class are one scene, and left out together. Frames of a still camera have
0.91 to 0.98; different photos of dogs at most 0.76."""


def solve(exemplars: Exemplars, taught: Taught) -> Learned:
    """The head for all classes that were taught, of which there is at least one."""
    old, places = np.unique(exemplars.labels, return_inverse=True)
    new = len(taught.labels)
    owners = np.concatenate([places, len(old) + taught.owners])
    counts = np.bincount(owners)
    weights = 1.0 / counts[owners]
    weights /= weights.mean()
    rows = rooted(np.concatenate([exemplars.features, taught.features]))
    centre = np.average(rows, axis=0, weights=weights).astype(np.float32)
    inputs = directions(rows, centre)
    targets = 2.0 * np.eye(len(counts))[owners] - 1.0
    # Solved over the pictures, of which there are fewer than features. The 1 is the bias.
    alike = (inputs @ inputs.T).astype(np.float64) + 1.0
    inverse = np.asarray(np.linalg.inv(alike + np.diag(_DAMPING / weights)), np.float64)
    factors = np.asarray(inverse @ targets, np.float64)
    scenes = _scenes(inputs, owners)
    held_out = margins(_left_out(targets, factors, inverse, scenes), new)
    known = len(exemplars.labels)
    right = exemplars.answers == exemplars.labels
    judged = _judged(taught.owners, scenes[known:])
    own = held_out[known:][np.arange(len(judged)), taught.owners]
    threshold = _threshold(held_out[:known][right], own[judged])
    kept = right & (held_out[:known].max(axis=1) <= threshold)
    return Learned(
        labels=taught.labels,
        pictures=tuple(int(count) for count in counts[len(old) :]),
        recognised=_recognised(held_out[known:], taught.owners, judged, threshold),
        guard=Guard(known, len(old), int(right.sum()), int(kept.sum())),
        scale=exemplars.scale,
        centre=centre,
        kernel=(inputs.T @ factors.astype(np.float32)).astype(np.float32),
        bias=factors.sum(axis=0).astype(np.float32),
        threshold=threshold,
    )


def _scenes(inputs: NDArray[np.float32], owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (n,), the first picture of the same class that is nearly the same as each, or itself."""
    near = (inputs @ inputs.T > _ALIKE) & (owners[:, None] == owners)
    np.fill_diagonal(near, True)
    return np.asarray(near.argmax(axis=1), np.int64)


def _left_out(
    targets: NDArray[np.float64],
    factors: NDArray[np.float64],
    inverse: NDArray[np.float64],
    scenes: NDArray[np.int64],
) -> NDArray[np.float64]:
    """What the head gives for each picture when it is solved without the scene: float64 (n, classes)."""
    given = targets - factors / np.diag(inverse)[:, None]
    for scene in np.flatnonzero(np.bincount(scenes) > 1):
        places = np.flatnonzero(scenes == scene)
        given[places] = targets[places] - np.linalg.solve(inverse[np.ix_(places, places)], factors[places])
    return given


def _judged(owners: NDArray[np.int32], scenes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool (n,), taught pictures whose class shows another scene too, and can be left out."""
    return np.array([len(set(scenes[owners == owner])) > 1 for owner in owners])


def _threshold(old: NDArray[np.float32], new: NDArray[np.float32]) -> float:
    """The lowest that guards the old classes; half-way up to the new ones where these are above it.

    Args:
        old: float32 (n, new classes), held-out margins of exemplars that are classified right.
        new: float32 (n,), those of taught pictures for their own class.
    """
    highest = np.sort(old.max(axis=1))[::-1] if len(old) else np.zeros(1)
    guarding = float(highest[int(MOST_LOST * len(old))])
    if not len(new):
        return guarding
    return max(guarding, (guarding + float(np.quantile(new, _LOW))) / 2)


def _recognised(
    held_out: NDArray[np.float32], owners: NDArray[np.int32], judged: NDArray[np.bool_], threshold: float
) -> tuple[int | None, ...]:
    found = (held_out.argmax(axis=1) == owners) & (held_out.max(axis=1) > threshold)
    return tuple(
        int(found[owners == place].sum()) if judged[owners == place].all() else None
        for place in range(held_out.shape[1])
    )
