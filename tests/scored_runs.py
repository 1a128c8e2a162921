"""Metrics of a run for the tests of pages, measured by the real code on answers drawn at random."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edgetl.training.dataset import Dataset, Photo
from edgetl.training.heads.head import Head
from edgetl.training.scoring import scores
from edgetl.training.scoring.cross_validation import cross_validate
from edgetl.training.scoring.rejection import Unknown


def metrics(classes: int = 2, images: int = 150, *, unknown: int = 0, folds: int = 0) -> dict[str, Any]:
    """``metrics.json`` of a head that is right nine times in ten.

    Args:
        classes: their number, named ``class 0`` and so on.
        images: photos of the scored split.
        unknown: pictures of none of the classes; with some, a false-accept rate of 5 % is asked for.
        folds: of a cross-validation; 0 for none.
    """
    random = np.random.default_rng(classes)
    labels = tuple(f"class {number}" for number in range(classes))
    truth = np.arange(images) % classes
    rows = random.normal(0, 1, (images, classes)).astype(np.float32)
    rows[np.arange(images), truth] += 4
    photos = tuple(
        Photo(Path("photos") / f"{n}.jpg", int(label), "test", f"{n:064x}") for n, label in enumerate(truth)
    )
    head = Head(
        np.eye(classes, dtype=np.float32), np.zeros(classes, np.float32), 0.1, "val", "none", 1.3, 0.7
    )
    strange = random.normal(0, 1, (unknown, classes)).astype(np.float32)
    crossed = None
    if folds:
        hashes = [photo.sha256 for photo in photos]
        crossed = cross_validate(rows, truth, hashes, labels, count=folds, class_weights="none", seed=0)
    found = scores.measure(
        Dataset(Path("photos"), labels, photos),
        head.probabilities(rows),
        head,
        train_accuracy=1.0,
        rate=0.05 if unknown else None,
        unknown=Unknown(
            head.probabilities(strange).max(axis=1), np.arange(unknown), f"{unknown} pictures of noise"
        )
        if unknown
        else None,
        cross_validated=crossed,
        seed=0,
    )
    return asdict(found)
