"""Which head learns a new class from a few pictures, and what it costs the old classes.

    edgetl train ../shared/data/hymenoptera --out RUN
    edgetl export RUN --embedding --formats tflite --precisions int8,float32 --out hymenoptera.edgetl
    python benchmarks/peers/teach_heads.py hymenoptera.edgetl ../shared/data     # about 3 minutes

Two kinds of old classes. ``insects``: the bundle's ants and bees; its exemplars, and the photos it was
scored on to judge them. ``scenes``: eight groups of ImageNet photos and ants and bees, each group in turn
the new one and half of every other trained into a head, the other half to judge. New classes: the groups,
and solar cells where elpv-dataset is installed. Ten draws of the taught pictures each.
"""

import csv
import io
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from edgetl import demo, images
from edgetl.benchmarks import machine
from edgetl.bundle import Bundle
from edgetl.runtime import engines
from edgetl.runtime.teaching import exemplars, learned, solving
from edgetl.runtime.teaching.exemplars import Exemplars
from edgetl.runtime.teaching.features import directions, rooted
from edgetl.runtime.teaching.taught import Taught
from edgetl.training.heads import head

COUNTS = (1, 5, 10, 20)
DRAWS = 10
FEWEST_LEFT = 5
"""New pictures that are left to judge by."""
FLOAT, INT8 = "tflite-float32", "tflite-int8"
GROUPS = {
    # Even class numbers of ImageNet, of which there is one photo each.
    "birds": [*range(8, 25), *range(80, 101), *range(128, 147)],
    "reptiles": range(26, 69),
    "other insects": [*range(70, 79), *(place for place in range(300, 327) if place != 310)],
    "dogs": range(152, 269),
    "mammals": [*range(102, 107), *range(270, 299), *range(330, 389)],
    "vehicles": (
        *(404, 408, 436, 444, 450, 466, 468, 472, 484, 510, 554, 576, 586, 612, 628, 654, 656),
        *(670, 690, 694, 734, 780, 802, 812, 814, 820, 864, 866, 870, 874, 880, 914),
    ),
    "clothing": (
        *(400, 452, 474, 496, 502, 514, 518, 560, 568, 578, 608, 610, 614, 630),
        *(638, 652, 658, 770, 774, 796, 806, 808, 834, 836, 842, 906),
    ),
    "food": range(924, 967),
}
Floats = NDArray[np.float32]
Extend = Callable[[Floats, Floats], Floats]
Seen = dict[str, tuple[Floats, Floats]]
"""Probabilities and embeddings by variant."""


@dataclass(frozen=True)
class Case:
    """Old classes, and pictures of a new one."""

    name: str
    known: Exemplars
    old: Seen
    truth: NDArray[np.int64]
    new: Seen
    known_in_int8: Exemplars | None = None
    """The same exemplars as the int8 variant sees them."""


def prototype(known: Exemplars, taught: Taught) -> Extend:
    """The nearest class mean by cosine, for all classes; the model's own head is not asked."""
    old = known.labels.max() + 1
    centre = known.features.mean(axis=0, dtype=np.float32)
    rows = np.concatenate([known.features, taught.features]).astype(np.float32)
    owners = np.concatenate([known.labels, old + taught.owners])
    means = np.stack([rows[owners == place].mean(axis=0) for place in range(owners.max() + 1)])
    kernel = directions(means, centre).T
    return lambda _, seen: head.softmax(10 * directions(seen / known.scale, centre) @ kernel)


def ridge(known: Exemplars, taught: Taught) -> Extend:
    """Ridge regression for all classes; the model's own head is not asked."""
    found = solving.solve(known, taught)

    def extend(_: Floats, seen: Floats) -> Floats:
        return head.softmax(
            5 * (directions(rooted(seen / found.scale), found.centre) @ found.kernel + found.bias)
        )

    return extend


def unguarded(known: Exemplars, taught: Taught) -> Extend:
    """The chosen one without the threshold: a new class is above the best old one, or not."""
    return replace(solving.solve(known, taught), threshold=0.0).extend


def unrooted(known: Exemplars, taught: Taught) -> Extend:
    """The chosen one without the square root of the features."""
    with mock.patch.object(solving, "rooted", np.float32):
        found = solving.solve(known, taught)

    def extend(probabilities: Floats, seen: Floats) -> Floats:
        with mock.patch.object(learned, "rooted", np.float32):
            return found.extend(probabilities, seen)

    return extend


def chosen(known: Exemplars, taught: Taught) -> Extend:
    """What edgetl does."""
    return solving.solve(known, taught).extend


HEADS = {
    "nearest prototype": prototype,
    "ridge for all classes": ridge,
    "ridge beside the model's head, no guard": unguarded,
    "the same with the guard, no square root": unrooted,
    "**the same with the guard**": chosen,
}


def look(bundle: Bundle, pictures: list[bytes]) -> Seen:
    """Run both variants."""
    contract = bundle.manifest.contract
    pixels = np.stack([images.decode(picture, contract) for picture in pictures])
    seen = {}
    for name in (INT8, FLOAT):
        variant = bundle.variant(name)
        with engines.start(engines.for_format(variant.format), bundle.model_files(variant)) as engine:
            probabilities, embeddings = engine.run(pixels)
            seen[name] = probabilities, embeddings.reshape(len(pixels), -1)
    return seen


def taken(seen: Seen, places: NDArray[np.int64]) -> Seen:
    """Some of the pictures."""
    return {name: (answers[places], rows[places]) for name, (answers, rows) in seen.items()}


def groups(bundle: Bundle, data: Path) -> dict[str, Seen]:
    """What both variants see in pictures of classes that are no ants and no bees."""
    found = {}
    for name, places in GROUPS.items():
        files = [next((data / "imagenet_even").glob(f"{place:04}_*")) for place in places if place % 2 == 0]
        found[name] = look(bundle, [file.read_bytes() for file in files])
    try:
        rows = list(csv.DictReader(io.StringIO(demo.solar_csv())))
    except ImportError:
        return found
    found["solar cells"] = look(bundle, [Path(row["path"]).read_bytes() for row in rows[::12]])
    return found


def photos(data: Path, split: str) -> tuple[list[bytes], NDArray[np.int64]]:
    """The photos of ants and bees, and which they are."""
    files = [sorted((data / "hymenoptera" / split / name).iterdir()) for name in ("ants", "bees")]
    truth = np.repeat([0, 1], [len(part) for part in files])
    return [file.read_bytes() for part in files for file in part], truth


def insects(bundle: Bundle, data: Path, new: dict[str, Seen]) -> Iterator[Case]:
    """The bundle's own classes, and each group as the new one."""
    pictures, truth = photos(data, "val")
    known, seen = exemplars.read(bundle), look(bundle, pictures)
    yield from (Case(name, known, seen, truth, group) for name, group in new.items())


def scenes(bundle: Bundle, data: Path, new: dict[str, Seen]) -> Iterator[Case]:
    """Heads trained on half of all groups but one, which is the new one."""
    pictures, truth = photos(data, "train")
    insect = look(bundle, pictures)
    parts = {
        name: taken(insect, np.flatnonzero(truth == place)[:60])
        for place, name in enumerate(("ants", "bees"))
    }
    parts |= {name: group for name, group in new.items() if name not in ("other insects", "solar cells")}
    for left_out, group in parts.items():
        rest = [part for name, part in parts.items() if name != left_out]
        orders = [np.random.default_rng(1).permutation(len(part[FLOAT][1])) for part in rest]
        halves = [
            [taken(part, order[: len(order) // 2]) for part, order in zip(rest, orders, strict=True)],
            [taken(part, order[len(order) // 2 :]) for part, order in zip(rest, orders, strict=True)],
        ]
        truths = [np.repeat(range(len(rest)), [len(part[FLOAT][1]) for part in half]) for half in halves]
        joined = [
            {name: np.concatenate([part[name][1] for part in half]) for name in (INT8, FLOAT)}
            for half in halves
        ]
        trained = head.fit(joined[0][FLOAT], truths[0], held_out=None)
        known = exemplars.pack(joined[0][FLOAT], truths[0], trained.probabilities(joined[0][FLOAT]))
        old = {name: (trained.probabilities(rows), rows) for name, rows in joined[1].items()}
        judged = {name: (trained.probabilities(rows), rows) for name, (_, rows) in group.items()}
        rows = joined[0][INT8]
        in_int8 = exemplars.pack(rows, truths[0], trained.probabilities(rows))
        yield Case(left_out, known, old, truths[1], judged, in_int8)


def thousand(bundle: Bundle, data: Path, new: Seen) -> str:
    """An ImageNet model of 1,000 classes, of which 390 have one exemplar each, as a sentence."""
    files = sorted((data / "imagenet_even").glob("*.jpg"))
    truth = np.array([int(file.name[:4]) for file in files])
    rows = look(bundle, [file.read_bytes() for file in files])[INT8][1]
    pictures, insect = photos(data, "train")
    cases = {"bees": look(bundle, pictures)[INT8][1][insect == 1], "solar cells": new[INT8][1]}
    told = []
    for name, group in cases.items():
        lost, found = [], []
        for draw in range(DRAWS):
            order = np.random.default_rng(draw).permutation(len(files))
            kept, rest = order[:390], order[390:]
            known = exemplars.pack(rows[kept], truth[kept], np.eye(1000, dtype=np.float32)[truth[kept]])
            places = np.random.default_rng(draw).permutation(len(group))
            taught = Taught.nothing(known.width)
            taught = taught.with_pictures(name, known.packed(group[places[:10]]), INT8)
            head_ = solving.solve(known, taught)
            lost.append(float((head_.margins(rows[rest])[:, 0] > head_.threshold).mean()))
            found.append(float((head_.margins(group[places[10:]])[:, 0] > head_.threshold).mean()))
        told.append(
            f"{name} take {100 * np.mean(lost):.1f} % of old photos (worst {100 * max(lost):.1f}), "
            f"{100 * np.mean(found):.0f} % found"
        )
    return f"1,000 classes, 10 pictures: {'; '.join(told)}"


@dataclass
class Tally:
    """Outcomes of all draws."""

    lost: list[float]
    """Percentage points of the old classes' accuracy, one a draw."""
    found: list[float]
    """Share of new pictures recognised, percent."""
    went: int = 0
    """Old pictures that were right and are not."""
    came: int = 0
    """Old pictures that were wrong and are right."""


def judge(
    cases: list[Case], make: Callable[[Exemplars, Taught], Extend], count: int, taught: str, run: str
) -> Tally:
    """Teach ``count`` pictures as one variant sees them, and judge another."""
    tally = Tally([], [])
    for case in cases:
        total = len(case.new[run][1])
        if total < count + FEWEST_LEFT:
            continue
        answers, rows = case.old[run]
        before = answers.argmax(axis=1) == case.truth
        for draw in range(DRAWS):
            order = np.random.default_rng(draw).permutation(total)
            pictures = case.known.packed(case.new[taught][1][order[:count]])
            none = Taught.nothing(case.known.width)
            extend = make(case.known, none.with_pictures("new", pictures, taught))
            after = extend(answers, rows).argmax(axis=1) == case.truth
            tally.lost.append(100 * float(before.mean() - after.mean()))
            tally.went += int((before & ~after).sum())
            tally.came += int((~before & after).sum())
            left = taken(case.new, order[count:])[run]
            tally.found.append(100 * float((extend(*left).argmax(axis=1) == answers.shape[1]).mean()))
    return tally


def cell(tally: Tally) -> str:
    """Old loss and new recall, mean and worst."""
    return (
        f"{np.mean(tally.lost):.1f} ({max(tally.lost):.1f}), {np.mean(tally.found):.0f} % "
        f"({min(tally.found):.0f})"
    )


def head_seconds(case: Case) -> float:
    """Median seconds to solve the head for 10 pictures."""
    pictures = case.known.packed(case.new[INT8][1][:10])
    taught = Taught.nothing(case.known.width).with_pictures("new", pictures, INT8)
    times = []
    for _ in range(11):
        start = time.perf_counter()
        solving.solve(case.known, taught)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def together(cases: list[Case]) -> str:
    """Three new classes of 10 pictures at once, as a sentence."""
    lost, found = [], []
    for draw in range(DRAWS):
        random = np.random.default_rng(draw)
        trio = [cases[place] for place in random.permutation([0, 3, 4, 5, 6])[:3]]
        taught, rest = Taught.nothing(trio[0].known.width), []
        for case in trio:
            order = random.permutation(len(case.new[INT8][1]))
            taught = taught.with_pictures(case.name, case.known.packed(case.new[INT8][1][order[:10]]), INT8)
            rest.append(taken(case.new, order[10:])[INT8])
        extend = chosen(trio[0].known, taught)
        answers, rows = trio[0].old[INT8]
        truth = trio[0].truth
        after = extend(answers, rows).argmax(axis=1)
        lost.append(100 * float((answers.argmax(axis=1) == truth).mean() - (after == truth).mean()))
        found += [
            100 * float((extend(*left).argmax(axis=1) == answers.shape[1] + place).mean())
            for place, left in enumerate(rest)
        ]
    return (
        f"three new classes of 10 pictures at once: old classes lose {np.mean(lost):.1f} points (worst "
        f"{max(lost):.1f}), {np.mean(found):.0f} % of the new pictures found (worst class {min(found):.0f})"
    )


def unknown(cases: list[Case], threshold: float) -> str:
    """What becomes of answers under the reject threshold, as a sentence."""
    old, new, before = [], [], []
    for case in cases:
        if len(case.new[INT8][1]) < 10 + FEWEST_LEFT:
            continue
        for draw in range(DRAWS):
            order = np.random.default_rng(draw).permutation(len(case.new[INT8][1]))
            pictures = case.known.packed(case.new[INT8][1][order[:10]])
            extend = chosen(case.known, Taught.nothing(case.known.width).with_pictures("new", pictures, INT8))
            answers, rows = case.old[INT8]
            left = taken(case.new, order[10:])[INT8]
            shares = [
                float((part.max(axis=1) < threshold).mean()) for part in (answers, extend(answers, rows))
            ]
            old.append(shares)
            before.append(float((left[0].max(axis=1) < threshold).mean()))
            new.append(float((extend(*left).max(axis=1) < threshold).mean()))
    was, now = 100 * np.mean(old, axis=0)
    return (
        f"unknown (under {threshold:.2f}): old pictures {was:.1f} % before, {now:.1f} % after 10 pictures; "
        f"new ones {100 * np.mean(before):.0f} % before, {100 * np.mean(new):.0f} % after"
    )


def main() -> int:
    """Print the tables of docs/teaching.md."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    bundle, data = Bundle.open(sys.argv[1]), Path(sys.argv[2])
    new = groups(bundle, data)
    kinds = {"insects": list(insects(bundle, data, new)), "scenes": list(scenes(bundle, data, new))}
    print(f"measured on {machine.describe().label}; {INT8}, unless it says otherwise")
    print("cells: points the old classes lose, mean (worst draw), new pictures found, mean (worst draw)\n")
    for kind, cases in kinds.items():
        print(f"| {kind} | " + " | ".join(f"{count} pictures" for count in COUNTS) + " |")
        print("| --- |" + " ---: |" * len(COUNTS))
        for name, make in HEADS.items():
            cells = [cell(judge(cases, make, count, INT8, INT8)) for count in COUNTS]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
        print(f"\n| {kind}, 10 pictures | old, new | right to wrong, wrong to right |\n| --- | ---: | ---: |")
        for taught, run in ((INT8, INT8), (FLOAT, FLOAT), (INT8, FLOAT), (FLOAT, INT8)):
            tally = judge(cases, chosen, 10, taught, run)
            print(f"| taught in {taught}, run in {run} | {cell(tally)} | {tally.went}, {tally.came} |")
        own = [replace(case, known=case.known_in_int8) for case in cases if case.known_in_int8 is not None]
        if own:
            tally = judge(own, chosen, 10, INT8, INT8)
            print(f"| all in {INT8}, exemplars too | {cell(tally)} | {tally.went}, {tally.came} |")
        print(f"\n| {kind}, 10 pictures | old, new |\n| --- | ---: |")
        for case in cases:
            tally = judge([case], chosen, 10, INT8, INT8)
            if tally.lost:
                print(f"| {case.name} | {cell(tally)} |")
        count, seconds = len(cases[0].known.labels), head_seconds(cases[0])
        print(f"\nhead for 10 pictures beside {count} exemplars: {1e3 * seconds:.0f} ms\n")
    print(together(kinds["insects"]))
    if "solar cells" in new:
        print(thousand(bundle, data, new["solar cells"]))
    if bundle.manifest.reject_threshold is not None:
        print(unknown(kinds["insects"], bundle.manifest.reject_threshold))
    return 0


if __name__ == "__main__":
    sys.exit(main())
