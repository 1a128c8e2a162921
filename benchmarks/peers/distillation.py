"""Does a larger teacher help? EfficientNet-Lite0 taught by Lite2 against Lite0 alone, on the same photos.

    python benchmarks/peers/distillation.py [--data insects|solar] [--labelled 5 10 20 0] [--seeds 10]
                                            [--teachers efficientnet_lite2 efficientnet_lite2@320]

For each seed 30 % of each class are drawn as test photos and so many of the rest keep their label (0: all);
what is left is the unlabelled folder. It does what ``edgetl train --teacher`` does to the head, on features
that are computed once. Of each teacher a line tells, as means over the seeds: its own accuracy, the gain of
the taught head in points with its 95 % interval (Student's t over the seeds) and in log loss, in how many
seeds the held-out train photos adopted it, and the gain of what ``train`` then keeps.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from edgetl import demo
from edgetl.cli.lines import console_progress
from edgetl.training import dataset, features, prepare
from edgetl.training.arrays import Floats, Labels
from edgetl.training.distilling.school import School
from edgetl.training.distilling.student import Student
from edgetl.training.distilling.teachers import Teacher
from edgetl.training.heads import head as heads
from edgetl.training.heads.head import Head
from edgetl.training.prepare import BackboneChoice

STUDENT = "efficientnet_lite0"
INSECTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"
TEST_SHARE = 0.3


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", choices=("insects", "solar"), default="insects")
    parser.add_argument("--labelled", type=int, nargs="+", default=[5, 10, 20, 0], help="of a class; 0: all")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--teachers", nargs="+", default=["efficientnet_lite2", "efficientnet_lite2@320"])
    parser.add_argument("--trust", type=float, default=None)
    parser.add_argument("--softness", type=float, default=None)
    wanted = parser.parse_args()
    options = {name: value for name in ("trust", "softness") if (value := getattr(wanted, name)) is not None}
    with tempfile.TemporaryDirectory() as scratch:
        data = INSECTS
        if wanted.data == "solar":
            data = Path(scratch) / "solar.csv"
            data.write_text(demo.solar_csv())
        photos = dataset.read(data)
    labels = np.array([photo.label for photo in photos.photos])
    hashes = [photo.sha256 for photo in photos.photos]
    crop = 1.0 if wanted.data == "solar" else None  # a cell fills its picture
    choices = {name: chosen(name, crop) for name in (STUDENT, *wanted.teachers)}
    rows = {name: extracted(photos, choice) for name, choice in choices.items()}
    for count in wanted.labelled:
        said: dict[str, list[list[float]]] = {name: [] for name in wanted.teachers}
        without = []
        for seed in range(wanted.seeds):
            test, known = drawn(labels, hashes, count, seed)
            rest = ~test & ~known
            plain = heads.fit(rows[STUDENT][known], labels[known], held_out=None, seed=seed)
            base = scored(plain, rows[STUDENT][test], labels[test])
            without.append(base[0])
            for name in wanted.teachers:
                school = School(
                    Teacher(name, choices[name]),
                    labels[known],
                    [hashes[place] for place in np.flatnonzero(known)],
                    rows[name][known],
                    (),
                    rows[name][rest],
                    balanced=plain.class_weights == "balanced",
                    smoothing=0.0,
                    seed=seed,
                    **options,
                )
                student = Student(school, rows[STUDENT][known], rows[STUDENT][rest], None, plain)
                judged = student.judge()
                assert judged is not None  # there are train photos that the teacher has not seen
                everything = np.ones(int(known.sum()), np.bool_)
                taught = scored(student.head(judged, everything), rows[STUDENT][test], labels[test])
                own = scored(school.head(everything), rows[name][test], labels[test])
                kept = taught if judged.decision.adopted else base
                said[name].append(
                    [
                        own[0],
                        taught[0] - base[0],
                        taught[1] - base[1],
                        judged.decision.adopted,
                        kept[0] - base[0],
                    ]
                )
        print(f"{wanted.data}, {count or 'all'} labelled photos of a class, {wanted.seeds} seeds:")
        print(f"  {STUDENT} alone: {100 * np.mean(without):.2f} %")
        for name, figures in said.items():
            own_, gain, loss, adopted, kept_ = np.array(figures, np.float64).T
            print(
                f"  taught by {name} ({100 * own_.mean():.2f} %): {spread(100 * gain, '+.2f')} points, "
                f"loss {spread(loss, '+.4f')}; adopted {int(adopted.sum())} of {len(adopted)}, "
                f"kept {spread(100 * kept_, '+.2f')} points",
                flush=True,
            )


def chosen(name: str, crop: float | None) -> BackboneChoice:
    """A backbone by its name, perhaps with a size behind an @."""
    backbone, _, size = name.partition("@")
    return prepare.choose(backbone, size=int(size) if size else None, width=1.0, weights_file=None, crop=crop)


def extracted(photos: dataset.Dataset, choice: BackboneChoice) -> Floats:
    """Features, float32 (n, features)."""
    progress = console_progress()
    engine = prepare.choose_engine()
    prepared = prepare.prepare(choice, engine=engine, classes=len(photos.labels), progress=progress)
    table, _ = features.extract(photos.photos, prepared, progress)
    return table.rows([photo.sha256 for photo in photos.photos])


def drawn(
    labels: Labels, hashes: Sequence[str], count: int, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of the test photos and of those that keep their label; copies of one photo stay together."""
    random = np.random.default_rng(seed)
    copies = np.unique(np.array(hashes), return_inverse=True)[1]
    test, known = np.zeros(len(labels), np.bool_), np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        order = random.permutation(np.unique(copies[labels == label]))
        tests = round(TEST_SHARE * len(order))
        test |= np.isin(copies, order[:tests])
        known |= np.isin(copies, order[tests : tests + count] if count else order[tests:])
    return test, known


def scored(head: Head, rows: Floats, truth: Labels) -> tuple[float, float]:
    """Share of right answers and log loss."""
    answers = head.probabilities(rows)
    right = answers[np.arange(len(truth)), truth]
    return float((answers.argmax(axis=1) == truth).mean()), float(-np.log(np.maximum(right, 1e-12)).mean())


def spread(values: NDArray[np.float64], form: str) -> str:
    """Mean and half the width of its 95 % interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values) if len(values) > 1 else float("nan")
    return f"{values.mean():{form}} ± {half:{form[1:]}}"


if __name__ == "__main__":
    main()
