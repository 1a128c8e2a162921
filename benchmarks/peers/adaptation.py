"""Does ``edgetl train --unlabelled`` help under real shifts, and does it keep its hands off elsewhere?

    python benchmarks/peers/adaptation.py [--seeds 5] [--batch-norm-seeds 1] [--judges 30] [SHIFT ...]

Shifts: solar cells of mono- and of polycrystalline modules (learn one, deploy on the other; the package
elpv-dataset tells which is which), and ants and bees and ImageNet's seven coarse classes under what a worse
camera does (``camera_faults.py``: blur, noise, low light, colour cast, haze). ``none``: no shift.

Each seed draws half of the photos to learn from (700 solar cells) and, spoilt, a quarter without labels; of
the last quarter, spoilt too, 30 labelled ones judge and the others test. For each method: the gain in test
accuracy over doing nothing, with the 95 % interval of its mean over the seeds (Student's t), and how often it
was adopted; then what the product would have done, and the adoptions that lost a point or more. Batch-norm
statistics cost a backbone of their own for each seed, half a minute: hence their own number of seeds.

Then, without any labels: how well estimates of the gain rank the methods (Spearman's rho with the true gain,
and how often a gain of two points that an estimate promised was a loss): average thresholded confidence
(Garg et al., ICLR 2022), reverse validation (Zhong et al., 2010), mutual information of pictures and answers,
and how well the shares of the answered classes fit those of train. With the defaults about half an hour.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from camera_faults import FAULTS, spoil
from numpy.typing import NDArray
from scipy import stats
from transferability import DATASETS

from edgetl import cache, extras
from edgetl.progress import SILENT
from edgetl.training import features, prepare
from edgetl.training.adapting import aligning, batchnorm, judging, selftraining
from edgetl.training.adapting.judging import Judges
from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.dataset import Photo, hash_all
from edgetl.training.heads import head as heads
from edgetl.training.heads.head import Head
from edgetl.training.prepare import Prepared
from edgetl.training.threads import threads_for

METHODS = ("means", "CORAL", "self-training", "batch norm")
ESTIMATES = ("confidence", "reverse validation", "mutual information", "class shares")
_SOLAR = 700
_LOST = 0.01


@dataclass(frozen=True)
class Case:
    """One shift, drawn once."""

    shift: str
    seed: int
    source: list[Photo]
    unlabelled: list[Photo]
    judges: list[Photo]
    test: list[Photo]


@dataclass(frozen=True)
class Outcome:
    """One method in one case."""

    shift: str
    name: str
    gain: float
    """In test accuracy."""
    adopted: bool
    loss: float
    """Of the judges, which chooses among the adopted."""
    estimates: dict[str, float]
    """What each estimate says of the gain."""


def shifts() -> Iterator[tuple[str, list[Path], list[Path], list[str]]]:
    """Name, good photos, the same photos as the target has them, labels; solar cells come apart."""
    folder = cache.folder() / "camera_faults"
    for name in ("hymenoptera", "ImageNet, coarse"):
        listed = DATASETS[name]()
        good, labels = [path for path, _ in listed], [label for _, label in listed]
        yield f"{name}: none", good, good, labels
        for fault in FAULTS:
            where = folder / name.split(",")[0] / fault.replace(" ", "-")
            yield f"{name}: {fault}", good, [spoil(path, fault, where) for path in good], labels


def cells() -> list[tuple[Path, str, str]]:
    """Path, label and kind of module of every solar cell."""
    package = extras.load("elpv_dataset", extra="demo", purpose="this benchmark")
    folder = Path(str(package.__file__)).parent / "data"
    lines = [line.split() for line in (folder / "labels.csv").read_text("utf-8").splitlines()]
    return [
        (folder / path, "defective" if float(share) > 0.5 else "functional", kind)
        for path, share, kind in lines
    ]


def cases(seeds: int, judges: int, wanted: Sequence[str]) -> Iterator[Case]:
    """Every shift with every seed."""
    for name, good, spoilt, labels in shifts():
        if wanted and not any(word in name for word in wanted):
            continue
        numbers = sorted(set(labels))
        truth = np.array([numbers.index(label) for label in labels])
        here, there = _photos(good, truth), _photos(spoilt, truth)
        for seed in range(seeds):
            parts = _parts(truth, seed, (0.5, 0.25))
            yield _case(name, seed, [here[place] for place in parts[0]], there, parts[1], parts[2], judges)
    found = cells()
    truth = np.array([label == "functional" for _, label, _ in found], np.int64)
    photos = _photos([path for path, _, _ in found], truth)
    kinds = np.array([kind for _, _, kind in found])
    for one, other in (("mono", "poly"), ("poly", "mono"), ("poly", "poly")):
        name = f"solar cells: {'none' if one == other else f'{one} to {other}'}"
        if wanted and not any(word in name for word in wanted):
            continue
        for seed in range(seeds):
            random = np.random.default_rng(seed)
            learned = random.permutation(np.flatnonzero(kinds == one))[:_SOLAR]
            rest = random.permutation(np.setdiff1d(np.flatnonzero(kinds == other), learned))
            half = len(rest) // 2
            source = [photos[place] for place in learned]
            yield _case(name, seed, source, photos, rest[:half], rest[half:], judges)


def _case(
    name: str, seed: int, source: list[Photo], there: list[Photo], some: Labels, rest: Labels, judges: int
) -> Case:
    order = np.random.default_rng(seed).permutation(rest)
    unlabelled, judging_, test = (
        [there[place] for place in places] for places in (some, order[:judges], order[judges:])
    )
    return Case(name, seed, source, unlabelled, judging_, test)


def _photos(paths: Sequence[Path], truth: Labels) -> list[Photo]:
    return [
        Photo(path, int(label), "train", digest)
        for path, label, digest in zip(paths, truth, hash_all(paths), strict=True)
    ]


def _parts(truth: Labels, seed: int, shares: tuple[float, float]) -> list[Labels]:
    random = np.random.default_rng(seed)
    parts: list[list[Labels]] = [[], [], []]
    for label in np.unique(truth):
        members = random.permutation(np.flatnonzero(truth == label))
        ends = np.cumsum([round(share * len(members)) for share in shares])
        for part, members_of in zip(parts, np.split(members, ends), strict=True):
            part.append(members_of)
    return [np.concatenate(part) for part in parts]


def rows_of(photos: Sequence[Photo], prepared: Prepared) -> Floats:
    """Their features, out of the cache where they are there."""
    table, unreadable = features.extract(photos, prepared, SILENT)
    assert not unreadable
    return table.rows([photo.sha256 for photo in photos])


def solve(
    rows: Floats, labels: Labels, weights: Doubles | None = None, strength: float | None = None
) -> Head:
    """A head, as the product solves it."""
    strengths = heads.STRENGTHS if strength is None else (strength,)
    return heads.fit(rows, labels, held_out=None, weights=weights, strengths=strengths)


def run(case: Case, prepared: Prepared, *, batch_norm: bool) -> Iterator[Outcome]:
    """Every method in one case."""
    source, unlabelled, judges, test = (
        rows_of(photos, prepared) for photos in (case.source, case.unlabelled, case.judges, case.test)
    )
    labels, truth = (np.array([photo.label for photo in part]) for part in (case.source, case.test))
    plain = solve(source, labels)
    before = (plain.probabilities(test).argmax(axis=1) == truth).mean()
    judged = Judges(tuple(case.judges), "")
    logits, _ = judging.honest(plain, judges, judged.truth)
    ones = np.ones(len(labels))
    made: dict[str, tuple[Head, Floats, Floats, Floats, Floats]] = {
        "": (plain, source, unlabelled, judges, test)
    }
    for name, move in (("means", aligning.means), ("CORAL", aligning.coral)):
        moved = move(source, unlabelled)
        made[name] = (solve(moved, labels), moved, unlabelled, judges, test)
    trained = selftraining.train(source, labels, ones, unlabelled, plain, solve)
    made["self-training"] = (trained, source, unlabelled, judges, test)
    if batch_norm:
        options = {"classes": int(labels.max()) + 1, "seed": 0, "progress": SILENT}
        here = batchnorm.adapted(prepared, case.source, name="train", **options)  # type: ignore[arg-type]
        there = batchnorm.adapted(prepared, case.unlabelled, name="target", **options)  # type: ignore[arg-type]
        assert here is not None
        assert there is not None
        own = rows_of(case.source, here)
        seen = (rows_of(photos, there) for photos in (case.unlabelled, case.judges, case.test))
        made["batch norm"] = (solve(own, labels), own, *seen)  # type: ignore[assignment]
    told = {name: estimates(head, own, labels, other) for name, (head, own, other, _, _) in made.items()}
    for name, (head, _, _, theirs, tested) in made.items():
        if not name:
            continue
        verdict = judging.judge(name, head, theirs, logits, judged, len(METHODS), case.seed)
        after = (head.probabilities(tested).argmax(axis=1) == truth).mean()
        promised = {kind: told[name][kind] - told[""][kind] for kind in ESTIMATES}
        decision = verdict.decision
        yield Outcome(
            case.shift, name, float(after - before), decision.adopted, decision.tuned_loss, promised
        )


def estimates(head: Head, source: Floats, labels: Labels, target: Floats) -> dict[str, float]:
    """How well a head answers the target, as far as can be told without labels; larger is better."""
    held = np.arange(len(labels)) % 4 == 0
    inside = heads.fit(source[~held], labels[~held], held_out=None, strengths=(head.strength,))
    known = inside.probabilities(source[held])
    accuracy = float((known.argmax(axis=1) == labels[held]).mean())
    threshold = np.quantile(known.max(axis=1), 1 - accuracy)
    answers = head.probabilities(target).astype(np.float64)
    shares = answers.mean(axis=0)
    said = answers.argmax(axis=1)
    usable = np.flatnonzero(np.bincount(said, minlength=answers.shape[1]) >= 2)
    back = 0.0
    if len(usable) > 1:
        chosen = np.isin(said, usable)
        reverse = heads.fit(
            target[chosen], np.searchsorted(usable, said[chosen]), held_out=None, strengths=(head.strength,)
        )
        back = float((usable[reverse.probabilities(source[held]).argmax(axis=1)] == labels[held]).mean())
    wanted = np.bincount(labels, minlength=len(shares)) / len(labels)
    return {
        "confidence": float((answers.max(axis=1) >= threshold).mean()),
        "reverse validation": back,
        "mutual information": float(_entropy(shares) - _entropy(answers).mean()),
        "class shares": float(-np.abs(shares - wanted).sum() / 2),
    }


def _entropy(shares: Doubles) -> NDArray[np.float64]:
    return np.asarray(-(shares * np.log(shares + 1e-12)).sum(axis=-1), np.float64)


def report(found: Sequence[tuple[Case, list[Outcome]]]) -> None:
    """Print the tables."""
    by_shift: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    chosen: dict[str, list[float]] = defaultdict(list)
    for case, outcomes in found:
        for one in outcomes:
            by_shift[case.shift][one.name].append(one)
        taken = min((one for one in outcomes if one.adopted), key=lambda one: one.loss, default=None)
        chosen[case.shift].append(taken.gain if taken else 0.0)
    print(f"\n| shift | {' | '.join(METHODS)} | what edgetl did |\n|{' --- |' * (len(METHODS) + 2)}")
    for shift, methods in by_shift.items():
        told = [_told(methods[name]) if methods[name] else "–" for name in METHODS]
        print(f"| {shift} | {' | '.join(told)} | {_mean(chosen[shift])} |")
    unshifted = [outcomes for case, outcomes in found if case.shift.endswith("none")]
    adopted = sum(any(one.adopted for one in outcomes) for outcomes in unshifted)
    lost = [gain for gains in chosen.values() for gain in gains if gain <= -_LOST]
    print(
        f"\nno shift: something was adopted in {adopted} of {len(unshifted)} trainings; over all "
        f"{len(found)}, {len(lost)} adoptions lost a point or more of test accuracy"
    )
    print(
        "\n| estimate without labels | Spearman's rho, all | "
        + " | ".join(METHODS[:3])
        + " | promised 2 points, lost |"
    )
    print("| --- |" + " ---: |" * 5)
    every = [one for _, outcomes in found for one in outcomes]
    for kind in ESTIMATES:
        cells_ = [
            _rank(every, kind),
            *(_rank([o for o in every if o.name == name], kind) for name in METHODS[:3]),
        ]
        promised = [one for one in every if one.estimates[kind] >= 0.02]
        losing = sum(one.gain <= -_LOST for one in promised)
        print(f"| {kind} | {' | '.join(cells_)} | {losing} of {len(promised)} |")


def _rank(outcomes: Sequence[Outcome], kind: str) -> str:
    rho = stats.spearmanr([one.estimates[kind] for one in outcomes], [one.gain for one in outcomes]).statistic
    return f"{rho:.2f}"


def _told(outcomes: Sequence[Outcome]) -> str:
    adopted = sum(one.adopted for one in outcomes)
    return f"{_mean([one.gain for one in outcomes])}, adopted {adopted}/{len(outcomes)}"


def _mean(gains: Sequence[float]) -> str:
    values = 100 * np.array(gains)
    if len(values) < 2:
        return f"{values.mean():+.1f}"
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.1f} ({values.mean() - half:+.1f} to {values.mean() + half:+.1f})"


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shifts", nargs="*", help="words that a shift's name has; none: all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--batch-norm-seeds", type=int, default=1)
    parser.add_argument("--judges", type=int, default=30)
    options = parser.parse_args()
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    prepared = prepare.prepare(choice, engine=prepare.choose_engine(), classes=2, progress=SILENT)
    found = []
    for case in cases(options.seeds, options.judges, options.shifts):
        with threads_for(1):
            outcomes = list(run(case, prepared, batch_norm=case.seed < options.batch_norm_seeds))
        gains = ", ".join(f"{one.name} {100 * one.gain:+.1f}{'*' if one.adopted else ''}" for one in outcomes)
        print(f"{case.shift}, seed {case.seed}: {gains}", flush=True)
        found.append((case, outcomes))
    report(found)


if __name__ == "__main__":
    main()
