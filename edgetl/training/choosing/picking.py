"""Which of the trained candidates is taken, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgetl.reports.units import format_duration, format_share
from edgetl.training.choosing.candidates import Candidate
from edgetl.training.choosing.outcome import Judged


@dataclass(frozen=True)
class Trained:
    """A candidate that was trained on all pictures."""

    judged: Judged
    right: NDArray[np.bool_]
    """bool (n,): on which pictures the head was right, in the same order for every candidate."""


def pick(trained: Sequence[Trained]) -> list[Judged]:
    """The most accurate, or the fastest of those that are as good within one standard error.

    The rule of one standard error is that of Breiman, Friedman, Olshen & Stone (Classification and Regression
    Trees, 1984, section 3.4.3), here of the difference on the same pictures.

    Returns:
        All of them, the picked one first.
    """
    best = max(trained, key=lambda one: float(one.right.mean()))
    alike = [one for one in trained if _ties(best.right, one.right)]
    chosen = min(alike, key=lambda one: _speed(one.judged.candidate))
    others = sorted((one for one in trained if one is not chosen), key=lambda one: -float(one.right.mean()))
    return [
        replace(chosen.judged, picked=True, why=_reason(chosen, best, len(alike))),
        *(replace(one.judged, why=_passed_over(one, chosen)) for one in others),
    ]


def _ties(best: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    # Were both equally good, each picture that only one of them knows would be a toss of a coin (McNemar
    # 1947): their difference would have the standard deviation of as many tosses.
    only_best, only_other = int((best & ~other).sum()), int((other & ~best).sum())
    return bool(only_best - only_other <= np.sqrt(only_best + only_other))


def _speed(candidate: Candidate) -> tuple[float, float]:
    return (candidate.latency.seconds if candidate.latency else float("inf"), candidate.cost)


def _reason(chosen: Trained, best: Trained, alike: int) -> str:
    accuracy = f"{format_share(float(chosen.right.mean()))} in cross-validation"
    if chosen is best and alike == 1:
        return f"most accurate within the limits: {accuracy}"
    if chosen is best:
        return f"most accurate, and the fastest of {alike} that are as good: {accuracy}"
    return (
        f"the fastest of {alike} that are as good within one standard error: {accuracy}, and "
        f"{best.judged.candidate.name} {format_share(float(best.right.mean()))}"
    )


def _passed_over(one: Trained, chosen: Trained) -> str:
    if one.right.mean() < chosen.right.mean():
        return "less accurate"
    taken = one.judged.candidate.latency
    return f"no more accurate than noise, and slower{f' ({format_duration(taken.seconds)})' if taken else ''}"
