"""From what ``edgetl train`` was asked to what it says of its head."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from edgetl.errors import DatasetError, UsageError
from edgetl.progress import Progress
from edgetl.training import dataset as datasets
from edgetl.training import features
from edgetl.training.arrays import Floats, Labels
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.heads.head import Head
from edgetl.training.prepare import Prepared
from edgetl.training.scoring import cross_validation, folds, rejection, scores, unseen
from edgetl.training.scoring.cross_validation import CrossValidated
from edgetl.training.scoring.rejection import Unknown
from edgetl.training.scoring.scores import Metrics
from edgetl.wording import counted

_FEWEST = 3
"""Different photos a class needs to be cross-validated: one held out, and two to choose a temperature on."""


def strangers(wanted: TrainConfig, photos: Dataset, progress: Progress) -> tuple[Photo, ...]:
    """The unknown pictures that were given, checked before the slow work; none when none were.

    Raises:
        UsageError: the rate is no share, a rate is asked for that nothing is there to choose for, or the
            number of folds is none.
        DatasetError: the folder has no pictures but those of the dataset.
    """
    folds.wanted(wanted.folds, 0)
    rate = wanted.false_accept
    if rate is not None and not 0 < rate < 1:
        raise UsageError(f"a false-accept rate of {rate:g} is not offered: choose one between 0 and 1, as 5%")
    if wanted.unknown is None:
        if rate is not None and wanted.fine_tune != "off":
            raise UsageError(
                "a false-accept rate of a fine-tuned network needs pictures to measure it on: add --unknown "
                "FOLDER, with pictures of none of the classes"
            )
        if rate is not None and len(photos.labels) < unseen.FEWEST_CLASSES:
            raise UsageError(
                "a false-accept rate needs pictures to measure it on, and of two classes none can be spared: "
                "add --unknown FOLDER, with pictures of none of the classes"
            )
        return ()
    known = {photo.sha256 for photo in photos.photos}
    found = datasets.unlabelled(wanted.unknown)
    kept = tuple(photo for photo in found if photo.sha256 not in known)
    if not kept:
        raise DatasetError(f"all pictures of {wanted.unknown} are in the dataset too: they are not unknown")
    if len(kept) < len(found):
        progress.warn(
            f"left out {counted(len(found) - len(kept), 'picture')} of {wanted.unknown}, byte for byte in "
            "the dataset too"
        )
    return kept


def rows_of_strangers(
    pictures: tuple[Photo, ...], prepared: Prepared, progress: Progress
) -> tuple[tuple[Photo, ...], Floats | None]:
    """Those of the unknown pictures that can be read, and their features, float32 (n, features), or None.

    Raises:
        DatasetError: none of them can be read.
    """
    if not pictures:
        return (), None
    table, unreadable = features.extract(pictures, prepared, progress)
    features.warn_unreadable(unreadable, progress)
    # Copies are one picture: they would make the rate look surer than it is.
    different = {photo.sha256: photo for photo in pictures if photo.path not in unreadable}
    if not different:
        raise DatasetError(f"none of the {len(pictures)} unknown pictures can be read")
    return tuple(different.values()), table.rows(list(different))


def assess(
    photos: Dataset,
    rows: Mapping[str, tuple[Floats, Labels]],
    head: Head,
    wanted: TrainConfig,
    unknown: Floats | None,
    progress: Progress,
) -> Metrics:
    """Score a head on the scored split, on unknown pictures and by cross-validation.

    Args:
        photos: that can be read.
        rows: features, float32 (n, features), and labels, int64 (n,), of each split, in the dataset's order.
        head: solved on train.
        wanted: the options.
        unknown: float32 (n, features), of pictures of none of the classes.
        progress: hears of what is weak.
    """
    train, labels = rows["train"]
    strange: Unknown | None = None
    if unknown is not None:
        strange = unseen.of_folder(head.probabilities(unknown), str(wanted.unknown))
    elif len(photos.labels) >= unseen.FEWEST_CLASSES:
        hashes = [photo.sha256 for photo in photos.split("train")]
        strange = unseen.of_classes(train, labels, hashes, head, seed=wanted.seed)
    answers = {split: head.probabilities(rows[split][0]) for split in {photos.scored_split, "train"}}
    crossed = _cross_validated(photos, rows, wanted, progress)
    return _measured(photos, answers, head, wanted, strange, crossed, progress)


def assess_network(
    photos: Dataset,
    probabilities: Mapping[str, Floats],
    head: Head,
    wanted: TrainConfig,
    unknown: Floats | None,
    progress: Progress,
) -> Metrics:
    """Score a network that was trained as a whole: it has no features that could be cross-validated.

    Args:
        photos: that can be read.
        probabilities: float32 (n, classes), of the scored split and of train, in the dataset's order.
        head: with the network's temperature and threshold.
        wanted: the options.
        unknown: float32 (n, classes), of pictures of none of the classes.
        progress: hears of what is weak.
    """
    strange = None if unknown is None else unseen.of_folder(unknown, str(wanted.unknown))
    return _measured(photos, probabilities, head, wanted, strange, None, progress)


def _measured(
    photos: Dataset,
    probabilities: Mapping[str, Floats],
    head: Head,
    wanted: TrainConfig,
    unknown: Unknown | None,
    cross_validated: CrossValidated | None,
    progress: Progress,
) -> Metrics:
    labels = np.array([photo.label for photo in photos.split("train")])
    rate = wanted.false_accept
    if rate is None and wanted.unknown is not None:
        rate = rejection.USUAL_RATE
    found = scores.measure(
        photos,
        probabilities[photos.scored_split],
        head,
        train_accuracy=float((probabilities["train"].argmax(axis=1) == labels).mean()),
        rate=rate,
        unknown=unknown,
        cross_validated=cross_validated,
        seed=wanted.seed,
    )
    if weak := rejection.weakness(found.rejection):
        progress.warn(weak)
    return found


def _cross_validated(
    photos: Dataset, rows: Mapping[str, tuple[Floats, Labels]], wanted: TrainConfig, progress: Progress
) -> CrossValidated | None:
    count = folds.wanted(wanted.folds, len(photos.split(photos.scored_split)))
    if not count:
        return None
    if why := _obstacle(photos, wanted):
        if wanted.folds != "auto":
            progress.warn(f"not cross-validated: {why}")
        return None
    return cross_validation.cross_validate(
        np.concatenate([features for features, _ in rows.values()]),
        np.concatenate([labels for _, labels in rows.values()]),
        [photo.sha256 for split in rows for photo in photos.split(split)],
        photos.labels,
        count=count,
        seed=wanted.seed,
        class_weights=wanted.class_weights,
        label_smoothing=wanted.label_smoothing,
        hidden=wanted.hidden,
    )


def _obstacle(photos: Dataset, wanted: TrainConfig) -> str | None:
    """Why heads of folds could not be solved as the one that they are to rate was."""
    if wanted.suspects != "keep":
        return (
            f"--suspects {wanted.suspects} doubts labels by all train photos, those held out too; "
            "leave it out to cross-validate"
        )
    different = Counter(label for label, _ in {(photo.label, photo.sha256) for photo in photos.photos})
    rarest, least = different.most_common()[-1]
    if least < _FEWEST:
        return f"{photos.labels[rarest]} has {least} different photos, and {_FEWEST} are needed"
    return None
