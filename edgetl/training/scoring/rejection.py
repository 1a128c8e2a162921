"""The score below which an answer is *unknown*, and how often that is wrong, either way."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.intervals import wilson
from edgetl.manifest import Interval

Scores = NDArray[np.floating]

KEPT = 0.95
"""Of the right answers, what the threshold keeps when nothing is said about unknown pictures."""
USUAL_RATE = 0.05
"""The false-accept rate when unknown pictures are given and no rate."""
RATE, SHARE_KEPT = "false-accept rate", "right answers kept"
"""What a threshold can be chosen for."""
_PARTS = 5
_FEW_ACCEPTED = 0.5
_WAY_OUT = "make such pictures a class of their own, as other"


@dataclass(frozen=True)
class Unknown:
    """Pictures of none of the classes, as the model scores them."""

    scores: Scores
    """(n,), the largest probability of each, 0 to 1."""
    groups: NDArray[np.int64]
    """int64 (n,): pictures of one group resemble each other more than those of others."""
    source: str
    """Where they come from, in words that follow "measured on"."""
    clustered: bool = False
    """Whether the groups are few kinds of things, so that each counts as little more than one picture."""


@dataclass(frozen=True)
class Rejection:
    """The threshold, why it is what it is, and what it does."""

    threshold: float
    """Scores below it are unknown, 0 to 1."""
    rule: str
    """What it was chosen for: ``false-accept rate`` or ``right answers kept``."""
    wanted: float
    """That rate or share, 0 to 1."""
    reached: bool
    """Whether a threshold can do that: not when unknown pictures are too few, or score as high as any."""
    known_accepted: Interval
    """Of the photos of the scored split, the share at or above the threshold."""
    right_accepted: Interval | None
    """The same of those that are answered rightly; None where none is."""
    wrong_accepted: Interval | None
    """The same of those that are answered wrongly; None where none is."""
    unknown: int
    """Unknown pictures; 0 when there are none to measure on."""
    measured_on: str | None
    """What they are."""
    false_accepts: Interval | None
    """Of the unknown pictures, the share at or above a threshold that they had no part in choosing."""
    separation: float | None
    """Chance that a known photo scores higher than an unknown picture, 0 to 1; 0.5 is none at all."""


def keeping(scores: Scores, right: NDArray[np.bool_]) -> float:
    """The threshold that keeps 95 % of the right answers.

    Args:
        scores: (n,), of photos the head was not solved on.
        right: bool (n,), which are answered rightly.
    """
    return float(np.quantile(scores[right], 1 - KEPT)) if right.any() else 0.0


def threshold(scores: Scores, rate: float) -> tuple[float, bool]:
    """The lowest threshold that at most a stated share of unknown pictures reaches.

    With n pictures the share of new ones above the j-th largest score is j / (n + 1) on average (the order
    statistics behind conformal prediction; Vovk et al., *Algorithmic Learning in a Random World*, 2005), so j
    is the largest with that below the rate.

    Args:
        scores: (n,), of unknown pictures, n of 1 or more.
        rate: 0 to 1.

    Returns:
        The threshold, and whether it can keep the promise: not with fewer than 1 / rate - 1 pictures, nor
        when one scores 1.0 that must not be accepted.
    """
    falling = np.sort(scores.astype(np.float64))[::-1]
    place = int(rate * (len(falling) + 1) + 1e-9)
    edge = float(falling[max(place, 1) - 1])
    above = falling[falling > edge]
    # Half-way to the next: int8 models give slightly other scores than the float one.
    found = (edge + (float(above.min()) if len(above) else 1.0)) / 2
    return found, place >= 1 and edge < 1.0


def measure(
    scores: Scores,
    right: NDArray[np.bool_],
    *,
    kept: float,
    rate: float | None,
    unknown: Unknown | None,
    seed: int = 0,
) -> Rejection:
    """Choose the threshold and tell what it does.

    Args:
        scores: (n,), of the photos of the scored split, n of 1 or more.
        right: bool (n,), which of them are answered rightly.
        kept: the threshold that keeps 95 % of the right answers on held-out photos.
        rate: the false-accept rate that was asked for; None asks for none.
        unknown: pictures to choose and measure it on; needed with a rate.
        seed: for the parts in which a rate is chosen and measured.
    """
    chosen, reached = kept, True
    if rate is not None and unknown is not None:
        chosen, reached = threshold(unknown.scores, rate)
    accepted = scores >= chosen
    return Rejection(
        threshold=chosen,
        rule=SHARE_KEPT if rate is None else RATE,
        wanted=KEPT if rate is None else rate,
        reached=reached,
        known_accepted=wilson(int(accepted.sum()), len(accepted)),
        right_accepted=wilson(int(accepted[right].sum()), int(right.sum())) if right.any() else None,
        wrong_accepted=wilson(int(accepted[~right].sum()), int((~right).sum())) if not right.all() else None,
        unknown=0 if unknown is None else len(unknown.scores),
        measured_on=None if unknown is None else unknown.source,
        false_accepts=None if unknown is None else _false_accepts(unknown, kept, rate, seed),
        separation=None if unknown is None else separation(scores, unknown.scores),
    )


def weakness(found: Rejection) -> str | None:
    """What a user should know of a threshold that does not do what was hoped for, and the way out."""
    asked = f"a false-accept rate of {100 * found.wanted:g} %"
    if not found.reached and 1 / found.wanted > found.unknown + 1:
        needed = math.ceil(1 / found.wanted - 1 - 1e-9)
        return f"{asked} cannot be promised with {found.unknown} unknown pictures: give {needed} or more"
    if not found.reached:
        return f"{asked} cannot be kept: unknown pictures score as high as any; {_WAY_OUT}"
    if found.rule == RATE and found.known_accepted.value < _FEW_ACCEPTED:
        kept = f"{100 * found.known_accepted.value:.0f} %"
        return f"{asked} leaves only {kept} of the known photos accepted: {_WAY_OUT}, or allow a higher rate"
    return None


def separation(known: Scores, unknown: Scores) -> float:
    """Area under the ROC curve: the share of pairs in which the known one scores higher; ties are halves."""
    every = np.sort(unknown)
    below = np.searchsorted(every, known, "left") + np.searchsorted(every, known, "right")
    return float(below.sum() / (2 * len(known) * len(unknown)))


def _false_accepts(unknown: Unknown, kept: float, rate: float | None, seed: int) -> Interval:
    scores, groups = unknown.scores, unknown.groups
    accepted = scores >= kept
    if rate is not None:
        # Chosen on some and counted on the others, so that the count is not flattered by the choice.
        parts = groups
        if not unknown.clustered:
            shuffled = np.random.default_rng(seed).permutation(len(scores))
            parts = shuffled % min(_PARTS, len(scores))
        for part in np.unique(parts):
            others = scores[parts != part]
            limit = threshold(others, rate)[0] if len(others) else 1.0
            accepted[parts == part] = scores[parts == part] >= limit
    return _clustered(accepted, groups) if unknown.clustered else wilson(int(accepted.sum()), len(accepted))


def _clustered(accepted: NDArray[np.bool_], groups: NDArray[np.int64]) -> Interval:
    """Wilson's interval for pictures of few kinds, which are worth fewer than they are.

    Their number is divided by the design effect (Kish, *Survey Sampling*, 1965): how much more the kinds
    differ than chance would make them.
    """
    share, count = float(accepted.mean()), len(accepted)
    kinds = np.unique(groups)
    sums = np.array([(accepted[groups == kind] - share).sum() for kind in kinds])
    chance = share * (1 - share)
    worth = len(kinds)
    if chance > 0 and len(kinds) > 1:
        effect = float((sums**2).sum()) / (count * chance) * len(kinds) / (len(kinds) - 1)
        worth = round(min(count, max(len(kinds), count / effect if effect > 0 else count)))
    rounded = wilson(round(share * worth), worth)
    return Interval(share, min(share, rounded.low), max(share, rounded.high))
