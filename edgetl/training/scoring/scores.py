"""All that a run says of its head: what ``metrics.json`` holds."""

from dataclasses import asdict, dataclass

import numpy as np

from edgetl.training.arrays import Floats
from edgetl.training.dataset import Dataset
from edgetl.training.heads.head import Head
from edgetl.training.scoring import calibration, curves, hardest, metrics, rejection
from edgetl.training.scoring.calibration import Calibration
from edgetl.training.scoring.cross_validation import CrossValidated
from edgetl.training.scoring.curves import Curves
from edgetl.training.scoring.hardest import Hard
from edgetl.training.scoring.metrics import Answers
from edgetl.training.scoring.rejection import Rejection, Unknown


@dataclass(frozen=True)
class Metrics(Answers):
    """How a head does on the scored split, and what else was found out about it."""

    split: str
    """``test`` or ``val``."""
    train_accuracy: float
    expected_calibration_error: float
    """After the temperature, over 15 bins of equal width, 0 to 1; ``calibration`` tells what it is worth."""
    calibration: Calibration
    rejection: Rejection
    curves: Curves
    hardest: tuple[Hard, ...]
    cross_validation: CrossValidated | None
    """None where the scored split is large, or it was not wanted."""


def measure(
    photos: Dataset,
    probabilities: Floats,
    head: Head,
    *,
    train_accuracy: float,
    rate: float | None,
    unknown: Unknown | None,
    cross_validated: CrossValidated | None,
    seed: int,
) -> Metrics:
    """Score answers.

    Args:
        photos: the dataset.
        probabilities: float32 (n, classes), of the photos of its scored split.
        head: that gave them, or whose temperature and threshold those of the network are that did.
        train_accuracy: share of right answers on train.
        rate: the false-accept rate that was asked for.
        unknown: pictures of none of the classes.
        cross_validated: what cross-validation found.
        seed: for the bootstrap.
    """
    scored = photos.split(photos.scored_split)
    truth = np.array([photo.label for photo in scored])
    scores = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    answers = metrics.of(probabilities, truth, photos.labels, seed=seed)
    calibrated = calibration.measure(probabilities, truth, head.temperature)
    return Metrics(
        **{name: getattr(answers, name) for name in asdict(answers)},
        split=photos.scored_split,
        train_accuracy=train_accuracy,
        expected_calibration_error=calibrated.after.expected,
        calibration=calibrated,
        rejection=rejection.measure(
            scores, right, kept=head.reject_threshold, rate=rate, unknown=unknown, seed=seed
        ),
        curves=curves.of(probabilities, truth, photos.labels, None if unknown is None else unknown.scores),
        hardest=hardest.of(scored, probabilities, photos.labels, photos.root),
        cross_validation=cross_validated,
    )
