"""How right the answers are where a photo may have any number of labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.intervals import f1_score, wilson
from edgetl.manifest import Interval
from edgetl.training.photo import Photo
from edgetl.training.scoring import bootstrap, calibration, curves
from edgetl.training.scoring.curves import PrecisionRecall
from edgetl.training.scoring.hardest import Hard

Doubles = NDArray[np.float64]
_OF_HARDEST = 16


@dataclass(frozen=True)
class LabelScore:
    """One label on the scored split; None where it has no photos, no answers, or neither."""

    label: str
    threshold: float
    """The probability from which on it is said to hold, 0 to 1."""
    support: int
    """Photos that have it."""
    precision: Interval | None
    """Of the photos that are said to have it, the share that has, 0 to 1; Wilson interval."""
    recall: Interval | None
    """Of the photos that have it, the share that is found, 0 to 1; Wilson interval."""
    f1: Interval | None
    """Harmonic mean of both, 0 to 1."""
    average_precision: Interval | None
    """Mean precision over the recalls, whatever the threshold, 0 to 1; bootstrap interval."""


@dataclass(frozen=True)
class SeveralMetrics:
    """What a run says of a task of several labels."""

    split: str
    """``test`` or ``val``."""
    images: int
    micro_f1: Interval
    """F1 of all labels of all photos together, 0 to 1."""
    macro_f1: Interval
    """Mean F1 of the labels, each with the same say."""
    mean_average_precision: Interval
    """Mean over the labels that have photos."""
    exact: Interval
    """Share of photos with all labels right and none too many, 0 to 1; Wilson interval."""
    decisions: Interval
    """Share of right decisions, a yes or no for each label of each photo, 0 to 1."""
    labels_per_photo: float
    """How many labels a photo has, in the mean."""
    labels_said: float
    """How many it is said to have."""
    train_micro_f1: float
    log_loss: float
    """Mean over all decisions, nats."""
    temperature: float
    """What the logits were divided by."""
    expected_calibration_error: float
    """Gap of a label's probability and the share of photos that have it, over 15 bins of equal width."""
    uncalibrated_error: float
    """The same with a temperature of 1."""
    labels: tuple[LabelScore, ...]
    precision_recall: tuple[PrecisionRecall, ...]
    """Curves; empty with more than 10 labels."""
    hardest: tuple[Hard, ...]
    """Photos with the surest wrong decisions; 16 at most."""


def measure(
    photos: Sequence[Photo],
    probabilities: NDArray[np.float32],
    yes: NDArray[np.bool_],
    labels: tuple[str, ...],
    thresholds: Sequence[float],
    *,
    temperature: float,
    train_micro_f1: float,
    split: str,
    root: Path,
    seed: int,
) -> SeveralMetrics:
    """Score answers.

    Args:
        photos: that were scored, n of 1 or more.
        probabilities: float32 (n, labels).
        yes: bool (n, labels), which labels they have.
        labels: their names.
        thresholds: from which on each is said to hold.
        temperature: what is in the probabilities already.
        train_micro_f1: on the train photos.
        split: where the photos come from.
        root: of the dataset.
        seed: for the bootstrap.
    """
    said = probabilities >= np.asarray(thresholds, np.float32)
    right = said == yes
    every = average_precisions(probabilities, yes, seed=seed)
    clipped = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-7)
    cold = 1 / (1 + np.exp(-np.log(clipped / (1 - clipped)) * temperature))
    drawn = range(len(labels)) if len(labels) <= curves.MOST_CLASSES else range(0)
    return SeveralMetrics(
        split=split,
        images=len(yes),
        micro_f1=micro_f1(said, yes, seed=seed),
        macro_f1=_macro_f1(said, yes, seed),
        mean_average_precision=every[0],
        exact=wilson(int(right.all(axis=1).sum()), len(right)),
        decisions=_of_ratios(
            right.sum(axis=1, keepdims=True).astype(float),
            np.full((len(right), 1), float(right.shape[1])),
            lambda ratios: ratios[:, 0],
            seed,
        ),
        labels_per_photo=float(yes.sum(axis=1).mean()),
        labels_said=float(said.sum(axis=1).mean()),
        train_micro_f1=train_micro_f1,
        log_loss=float(-np.where(yes, np.log(clipped), np.log1p(-clipped)).mean()),
        temperature=temperature,
        expected_calibration_error=_gap(clipped, yes),
        uncalibrated_error=_gap(cold, yes),
        labels=tuple(
            _label_score(label, thresholds[n], said[:, n], yes[:, n], every[1][n])
            for n, label in enumerate(labels)
        ),
        precision_recall=tuple(
            curves.precision_recall(labels[n], probabilities[:, n], yes[:, n])
            for n in drawn
            if yes[:, n].any()
        ),
        hardest=hardest(photos, probabilities, said, yes, labels, root),
    )


def micro_f1(said: NDArray[np.bool_], yes: NDArray[np.bool_], *, seed: int = 0) -> Interval:
    """F1 over all labels together, of bool (n, labels) each: accuracy where a photo has one label in both."""
    tops, bottoms = f1_parts(said, yes)
    return _of_ratios(
        tops.sum(axis=1, keepdims=True),
        bottoms.sum(axis=1, keepdims=True),
        # Nothing there and nothing said is right.
        lambda ratios: np.nan_to_num(ratios[:, 0], nan=1.0),
        seed,
    )


def f1_parts(said: NDArray[np.bool_], yes: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
    """What each photo adds above and below the line of each label's F1: float64 (n, labels) each."""
    return (said & yes).astype(np.float64) * 2, said.astype(np.float64) + yes.astype(np.float64)


def _macro_f1(said: NDArray[np.bool_], yes: NDArray[np.bool_], seed: int) -> Interval:
    def mean(ratios: Doubles) -> Doubles:
        known = ~np.isnan(ratios)
        return np.asarray(np.where(known, ratios, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))

    return _of_ratios(*f1_parts(said, yes), mean, seed)


def average_precisions(
    probabilities: NDArray[np.float32], yes: NDArray[np.bool_], *, seed: int = 0
) -> tuple[Interval, tuple[Interval | None, ...]]:
    """The mean average precision, and that of each label, None where no photo has it.

    The intervals are percentiles of the bootstrap over photos, Wilson's where nothing is ranked wrongly.

    Args:
        probabilities: float32 (n, labels).
        yes: bool (n, labels).
        seed: for the replicates.
    """
    random = np.random.default_rng(seed)
    count, width = yes.shape
    # Of many labels fewer replicates: the mean over them is surer, and each costs a pass over the photos.
    replicates = int(np.clip(200_000_000 // max(1, count * width), 100, bootstrap.REPLICATES))
    drawn = random.multinomial(count, np.full(count, 1 / count), replicates).astype(np.float64)
    weights = np.concatenate([np.ones((1, count)), drawn])
    found = np.full((len(weights), width), np.nan)
    for label in range(width):
        order = np.argsort(-probabilities[:, label], kind="stable")
        share, has = weights[:, order], yes[order, label]
        hits = (share * has).cumsum(axis=1)
        precision = hits / np.maximum(share.cumsum(axis=1), 1)
        total = hits[:, -1]
        np.divide((precision * share * has).sum(axis=1), total, out=found[:, label], where=total > 0)
    known = ~np.isnan(found)
    means = np.where(known, found, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    support = yes.sum(axis=0)
    each = tuple(
        _percentiles(column, int(support[n])) if known[0, n] else None for n, column in enumerate(found.T)
    )
    return _percentiles(means, count), each


def hardest(
    photos: Sequence[Photo],
    probabilities: NDArray[np.float32],
    said: NDArray[np.bool_],
    yes: NDArray[np.bool_],
    labels: tuple[str, ...],
    root: Path,
) -> tuple[Hard, ...]:
    """The photos with the surest wrong decision, the surest first, 16 at most."""
    sureness = np.where(said, probabilities, 1 - probabilities) * (said != yes)
    order = np.argsort(-sureness.max(axis=1), kind="stable")

    def named(holds: NDArray[np.bool_]) -> str:
        return ", ".join(label for label, held in zip(labels, holds, strict=True) if held) or "none"

    return tuple(
        Hard(
            path=(path.relative_to(root) if path.is_relative_to(root) else path).as_posix(),
            label=named(yes[place]),
            answer=named(said[place]),
            score=float(sureness[place].max()),
            wrong=True,
        )
        for place, path in ((int(place), photos[int(place)].path) for place in order[:_OF_HARDEST])
        if (said[place] != yes[place]).any()
    )


def _label_score(
    label: str, threshold: float, said: NDArray[np.bool_], yes: NDArray[np.bool_], average: Interval | None
) -> LabelScore:
    right, answered, support = (int(part.sum()) for part in (said & yes, said, yes))
    either = answered + support - right
    return LabelScore(
        label,
        threshold,
        support,
        precision=wilson(right, answered) if answered else None,
        recall=wilson(right, support) if support else None,
        f1=f1_score(right, either - right) if either else None,
        average_precision=average,
    )


def _gap(probabilities: Doubles, yes: NDArray[np.bool_]) -> float:
    parts = calibration.bins(probabilities.ravel(), yes.ravel())
    return sum(part.images * abs(part.score - part.right) for part in parts) / yes.size


def _of_ratios(tops: Doubles, bottoms: Doubles, figure: Callable[[Doubles], Doubles], seed: int) -> Interval:
    return bootstrap.not_proved(bootstrap.of_ratios(tops, bottoms, figure, seed=seed), len(tops))


def _percentiles(values: Doubles, photos: int) -> Interval:
    """The first value, with the middle 95 % of the others, drawn from so many photos, around it."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    value = float(values[0])
    return bootstrap.not_proved(Interval(value, min(value, float(low)), max(value, float(high))), photos)
