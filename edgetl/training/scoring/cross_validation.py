"""Scores by cross-validation over all labelled photos, where the scored split alone says little."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from edgetl.manifest import Interval
from edgetl.training.arrays import Floats, Labels
from edgetl.training.heads import head as heads
from edgetl.training.scoring import calibration, folds, metrics
from edgetl.training.scoring.calibration import Errors, Floor


@dataclass(frozen=True)
class CrossValidated:
    """What heads solved on the other folds answer to each photo.

    It rates the way of training on so many photos less a fold, not the head that is in the run: that one was
    solved on train alone, and its own score is that of the scored split.
    """

    folds: int
    images: int
    accuracy: Interval
    """Share of right answers over all folds; Wilson interval of the pooled counts. That folds share photos
    does not widen it: the errors are as good as independent for the mean of the heads (Bayle et al.,
    *Cross-validation confidence intervals for test error*, NeurIPS 2020)."""
    macro_f1: Interval
    log_loss: Interval
    by_fold: tuple[float, ...]
    """Accuracy in each fold, 0 to 1."""
    calibration: Errors
    """Each fold's scores with the temperature that its own head chose."""
    floor: Floor


def cross_validate(
    features: Floats,
    labels: Labels,
    hashes: Sequence[str],
    names: tuple[str, ...],
    *,
    count: int,
    seed: int,
    **options: Any,
) -> CrossValidated:
    """Solve a head for each fold, its regularisation and temperature chosen inside the other folds.

    Args:
        features: float32 (n, features), of all labelled photos.
        labels: int64 (n,), each class at least 3 different photos.
        hashes: SHA-256 of each photo; copies share a fold.
        names: of the classes.
        count: of folds, 2 or more.
        seed: for the folds.
        options: how the heads are to be solved, as :func:`edgetl.training.heads.head.solve` takes them.
    """
    copies = np.unique(np.array(hashes), return_inverse=True)[1]
    masks = folds.stratified(labels, count, seed, copies_of=copies)
    probabilities = np.empty((len(labels), len(names)), np.float32)
    for mask in masks:
        head = heads.fit(
            features[~mask],
            labels[~mask],
            held_out=None,
            hashes=list(compress(hashes, ~mask)),
            seed=seed,
            **options,
        )
        probabilities[mask] = head.probabilities(features[mask])
    found = metrics.of(probabilities, labels, names, seed=seed)
    right = probabilities.argmax(axis=1) == labels
    return CrossValidated(
        folds=len(masks),
        images=len(labels),
        accuracy=found.accuracy,
        macro_f1=found.macro_f1,
        log_loss=found.log_loss,
        by_fold=tuple(float(right[mask].mean()) for mask in masks),
        calibration=calibration.errors(probabilities, labels),
        floor=calibration.floor(probabilities.max(axis=1), seed=seed),
    )
