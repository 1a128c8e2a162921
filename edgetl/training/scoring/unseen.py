"""Pictures of none of the classes: a folder of them, or classes the head has not seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgetl.training.arrays import Floats, Labels
from edgetl.training.heads import head as heads
from edgetl.training.heads.head import Head
from edgetl.training.scoring import folds
from edgetl.training.scoring.rejection import Unknown

FEWEST_CLASSES = 3
"""With two, a head without one of them has nothing left to decide."""
_MOST_CLASSES = 10
_MOST_PHOTOS, _OF_EACH = 5000, 20
"""Train photos that the heads without a class are solved on; their scores need no more. Of a rare class 20
are among them (fewer only of more than 250 classes): one that chance leaves out is missed by each head."""


def of_folder(probabilities: Floats, folder: str | Path) -> Unknown:
    """Pictures that the user says are of no class: their answers, float32 (n, classes)."""
    scores = probabilities.max(axis=1)
    return Unknown(scores, np.arange(len(scores)), f"{len(scores)} pictures of {folder}")


def of_classes(features: Floats, labels: Labels, hashes: Sequence[str], head: Head, *, seed: int) -> Unknown:
    """Photos of each class as a head scores them that was solved without it.

    They are the hardest kind of unknown picture: they come from the same camera and place. The heads are
    linear, for those with a hidden layer take minutes.

    Args:
        features: float32 (n, features), of train.
        labels: int64 (n,), of three classes or more, each present at least twice.
        hashes: SHA-256 of each photo.
        head: what was solved with all classes, whose regularisation is kept.
        seed: for the choice of classes and photos where there are very many.
    """
    random = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    # A class of one photo could not be held out from itself when the temperature is chosen.
    of_each = max(2, min(_OF_EACH, _MOST_PHOTOS // classes))
    chosen = folds.sample(labels, _MOST_PHOTOS, of_each, random)
    features, labels, contents = features[chosen], labels[chosen], np.array(hashes)[chosen]
    left_out = np.sort(random.permutation(classes)[:_MOST_CLASSES])
    scores, groups = [], []
    for number in left_out:
        rest = labels != number
        others = labels[rest] - (labels[rest] > number)
        without = heads.fit(
            features[rest],
            others,
            held_out=None,
            class_weights=head.class_weights,
            label_smoothing=head.label_smoothing,
            strengths=(head.strength,),
            hashes=contents[rest].tolist(),
            seed=seed,
        )
        found = without.probabilities(features[~rest]).max(axis=1)
        scores.append(found)
        groups.append(np.full(len(found), number))
    pooled = np.concatenate(scores)
    source = (
        f"{len(pooled)} photos of {len(left_out)} classes, each scored by a head solved without its class"
    )
    return Unknown(pooled, np.concatenate(groups), source, clustered=True)
