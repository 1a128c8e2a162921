"""The search: drop what cannot fit, score the rest on a sample, train the best few, pick one."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from edgetl import isolated
from edgetl.errors import DatasetError, EdgetlError
from edgetl.intervals import wilson
from edgetl.progress import SILENT, Progress
from edgetl.runtime.engines import available_cores
from edgetl.training import features, prepare
from edgetl.training.arrays import Floats, Labels
from edgetl.training.choosing import scores
from edgetl.training.choosing.candidates import Candidate
from edgetl.training.choosing.latency import estimated, measured
from edgetl.training.choosing.limits import Limits
from edgetl.training.choosing.outcome import Judged, Outcome, Scores
from edgetl.training.choosing.picking import Trained, pick
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.prepare import Prepared

SAMPLE = 500
"""Pictures that candidates are scored on, or five a class where that is more."""
BEST = 3
"""Candidates that are trained."""
MOST = 24
"""Candidates that are scored."""
_EACH = 5
_AT_ONCE = 4
"""Backbones built at the same time, at the most: each takes a core and 1 GB."""
# Of one core of a 2.1 GHz Xeon, to say beforehand how long it will take.
_PREPARE_S, _DECODE_S, _MACS_A_SECOND = 10.0, 0.006, 30e9


def search(
    photos: Dataset,
    candidates: Sequence[Candidate],
    limits: Limits,
    *,
    engine: str,
    best: int = BEST,
    seed: int = 0,
    progress: Progress,
) -> Outcome:
    """Find the backbone to train on.

    Pictures of the split that accuracy will be measured on are not looked at.

    Args:
        photos: to train on.
        candidates: one or more.
        limits: what is allowed.
        engine: that computes the features.
        best: how many candidates are trained, 1 or more.
        seed: for the folds of the cross-validation.
        progress: hears of each step.

    Raises:
        GateError: none of the candidates keeps to the limits.
        DatasetError: too few photos of the sample can be read.
        WeightsError: the weights fit none of the architectures.
    """
    started = time.perf_counter()
    dropped: list[Judged] = []
    if limits.board is not None:
        board, classes = limits.board, len(photos.labels)
        candidates = [one.at(estimated(one.choice, board, classes)) for one in candidates]
    fitting = _within(candidates, limits, dropped)
    left = _thinned(fitting, limits, dropped)
    sample = _sample(photos)
    progress.note(_announced(left, len(sample), len(_learnable(photos)), best))
    ready = _prepare_all(left, engine, len(photos.labels), dropped, progress)
    if limits.board is None:
        with progress.step("measure latencies on this machine"):
            ready = [(one.at(measured(prepared)), prepared) for one, prepared in ready]
        kept = _within([one for one, _ in ready], limits, dropped, untried=len(fitting) - len(left))
        ready = [(one, prepared) for one, prepared in ready if one in kept]
    scored: list[tuple[Judged, Prepared]] = []
    for number, (candidate, prepared) in enumerate(ready, 1):
        with progress.step(f"score {candidate.name} ({number} of {len(ready)})"):
            rows, labels = _rows(photos, sample, prepared, SILENT)
            scored.append((Judged(candidate, _scores(rows, labels, seed)), prepared))
    scored.sort(key=lambda pair: (_loss(pair[0]), pair[0].candidate.cost))
    trained = [
        _train(judged, photos, prepared, seed, progress) for judged, prepared in scored[: max(1, best)]
    ]
    rest = [replace(judged, why="others scored better") for judged, _ in scored[max(1, best) :]]
    return Outcome(
        judged=(*pick(trained), *rest, *dropped),
        limits=limits,
        sample=len(sample),
        pictures=len(_learnable(photos)),
        seconds=time.perf_counter() - started,
    )


def _within(
    candidates: Sequence[Candidate], limits: Limits, dropped: list[Judged], *, untried: int = 0
) -> list[Candidate]:
    reasons = [limits.broken_by(one) for one in candidates]
    if all(reasons):
        raise limits.nothing_fits(candidates, untried)
    dropped += [Judged(one, why=why) for one, why in zip(candidates, reasons, strict=True) if why]
    return [one for one, why in zip(candidates, reasons, strict=True) if not why]


def _thinned(candidates: Sequence[Candidate], limits: Limits, dropped: list[Judged]) -> list[Candidate]:
    """At most :data:`MOST`: of each backbone the largest that fits, then the second largest, and so on.

    Which are fast enough for a limit on this machine is not known yet: there, from the smallest of all to the
    largest, in even steps.
    """
    if limits.latency_s is not None and limits.board is None:
        ascending = sorted(candidates, key=lambda one: one.cost)
        steps = np.linspace(0, len(ascending) - 1, min(MOST, len(ascending))).round().astype(int).tolist()
        first = [ascending[step] for step in steps]
    else:
        families: dict[tuple[str, float], list[Candidate]] = defaultdict(list)
        for one in sorted(candidates, key=lambda one: -one.cost):
            families[one.choice.name, one.choice.width].append(one)
        ranks = zip_longest(*families.values())
        first = [one for rank in ranks for one in rank if one is not None][:MOST]
    dropped += [
        Judged(one, why=f"not tried: {MOST} others come first") for one in candidates if one not in first
    ]
    return sorted(first, key=lambda one: one.cost)


def _learnable(photos: Dataset) -> list[Photo]:
    return [photo for photo in photos.photos if photo.split != photos.scored_split]


def _sample(photos: Dataset) -> list[Photo]:
    """A stratified sample of what may be learned from, the same one every time."""
    by_class: dict[int, list[Photo]] = defaultdict(list)
    for photo in sorted(_learnable(photos), key=lambda photo: photo.sha256):
        by_class[photo.label].append(photo)
    total = sum(map(len, by_class.values()))
    share = min(1.0, SAMPLE / total)
    return [photo for mine in by_class.values() for photo in mine[: max(_EACH, round(share * len(mine)))]]


def _announced(candidates: Sequence[Candidate], sample: int, pictures: int, best: int) -> str:
    cores = available_cores()
    at_once = min(_AT_ONCE, cores)
    seconds = _PREPARE_S * len(candidates) / at_once
    seconds += sum(_DECODE_S + one.cost / _MACS_A_SECOND for one in candidates) * sample / cores
    dearest = sorted(one.cost for one in candidates)[-best:]
    seconds += sum(_DECODE_S + cost / _MACS_A_SECOND for cost in dearest) * max(0, pictures - sample) / cores
    minutes = max(1, round(seconds / 60))
    return (
        f"{len(candidates)} candidates, scored on {sample} of {pictures} photos; the best "
        f"{min(best, len(candidates))} are then trained on all: about {minutes} minute{'s' * (minutes > 1)}, "
        "less where the cache has them"
    )


def _prepare_all(
    candidates: Sequence[Candidate], engine: str, classes: int, dropped: list[Judged], progress: Progress
) -> list[tuple[Candidate, Prepared]]:
    """Build the backbones, several at a time; those that cannot be built are dropped."""

    def attempt(candidate: Candidate) -> Prepared | EdgetlError:
        try:
            return prepare.prepare(candidate.choice, engine=engine, classes=classes, progress=SILENT)
        except EdgetlError as error:
            return error

    with progress.step(f"prepare {len(candidates)} backbones"):
        made = _at_once(attempt, candidates)
    failures = [one for one in made if isinstance(one, EdgetlError)]
    if len(failures) == len(made):
        raise failures[0]
    ready: list[tuple[Candidate, Prepared]] = []
    for candidate, outcome in zip(candidates, made, strict=True):
        if isinstance(outcome, EdgetlError):
            progress.warn(f"left out: {candidate.name}: {outcome}")
            dropped.append(Judged(candidate, why=str(outcome)))
        else:
            ready.append((candidate, outcome))
    return ready


def _at_once(
    work: Callable[[Candidate], Prepared | EdgetlError], candidates: Sequence[Candidate]
) -> list[Prepared | EdgetlError]:
    with ThreadPoolExecutor(min(_AT_ONCE, available_cores())) as pool:
        futures = [pool.submit(work, candidate) for candidate in candidates]
        try:
            return [future.result() for future in futures]
        except BaseException:  # Ctrl-C: the pool would wait for its processes
            pool.shutdown(wait=False, cancel_futures=True)
            isolated.stop_all()
            raise


def _rows(
    photos: Dataset, wanted: Sequence[Photo], prepared: Prepared, progress: Progress
) -> tuple[Floats, Labels]:
    """Features, float32 (n, features), and labels, int64 (n,), of the photos that can be read."""
    table, unreadable = features.extract(wanted, prepared, progress)
    photos.without(unreadable)  # refuses where too little is left
    kept = [photo for photo in wanted if photo.path not in unreadable]
    labels = np.array([photo.label for photo in kept])
    often = np.bincount(labels)[labels] > 1 if len(labels) else np.zeros(0, np.bool_)
    if len(np.unique(labels[often])) < 2:
        raise DatasetError(
            f"of {len(wanted)} photos that candidates are scored on, {len(unreadable)} cannot be read, and "
            f"the rest are not two classes; the first is {next(iter(unreadable))}: remove it"
        )
    return np.stack([table[photo.sha256] for photo in kept])[often], labels[often]


def _scores(rows: Floats, labels: Labels, seed: int) -> Scores:
    found = scores.held_out(rows, labels, seed=seed)
    return Scores(
        log_loss=found.log_loss,
        accuracy=wilson(int(found.right.sum()), len(found.right)),
        logme=scores.logme(rows, labels),
        h_score=scores.h_score(rows, labels),
    )


def _loss(judged: Judged) -> float:
    assert judged.scores is not None  # it was scored
    return judged.scores.log_loss


def _train(judged: Judged, photos: Dataset, prepared: Prepared, seed: int, progress: Progress) -> Trained:
    rows, labels = _rows(photos, _learnable(photos), prepared, progress)
    with progress.step(f"train {judged.candidate.name}"):
        right = scores.held_out(rows, labels, seed=seed).right
    return Trained(replace(judged, trained=wilson(int(right.sum()), len(right))), right)
