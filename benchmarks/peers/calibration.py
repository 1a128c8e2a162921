"""Whether scores are honest and tell unknown pictures: edgetl beside scikit-learn's calibrators.

    python benchmarks/peers/calibration.py [--backbones efficientnet_lite0,efficientnet_lite2] [--splits 20]

Features are extracted once and cached (``EDGETL_CACHE``); all else is heads, for some minutes. Printed are

1. the calibration error (ECE, 15 bins of equal width) of edgetl's head on hymenoptera's 153 val photos and
   the 656 test photos of the solar cells, before and after the temperature, beside what perfect scores show
   on so many photos by chance (the floor);
2. the same over many random divisions of all photos, where chance averages out, and with all answers pooled;
3. the same logits under Platt's, isotonic and bias-corrected scaling, on plain and on skewed classes;
4. ImageNet photos as unknown pictures: how the runtime's rule, the largest probability, tells them from known
   ones, and how other scores would that the runtime does not have.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from edgetl import demo
from edgetl.progress import SILENT
from edgetl.training import dataset, features, prepare
from edgetl.training.heads import head as heads
from edgetl.training.heads import logistic
from edgetl.training.heads.logistic import Basis, Targets
from edgetl.training.heads.solving import rows_of
from edgetl.training.scoring import calibration, folds, rejection
from edgetl.training.scoring.metrics import log_losses

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
STRENGTH = 0.03
RATE = 0.05

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Rows = tuple[Floats, Labels]
Scaling = Callable[[NDArray[np.float64]], Floats]


class Photos:
    """Features of one dataset: train, the scored split and both together."""

    def __init__(self, name: str, data: Path, prepared: prepare.Prepared) -> None:
        photos = dataset.read(data)
        table, _ = features.extract(photos.photos, prepared, SILENT)
        self.name = name
        self.train: Rows = rows_of(photos, table, "train")
        self.scored: Rows = rows_of(photos, table, photos.scored_split)
        self.all: Rows = (
            np.concatenate([self.train[0], self.scored[0]]),
            np.concatenate([self.train[1], self.scored[1]]),
        )


def main() -> None:
    """Print the four tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backbones", default="efficientnet_lite0,efficientnet_lite2")
    parser.add_argument("--splits", type=int, default=20)
    wanted = parser.parse_args()
    for backbone in wanted.backbones.split(","):
        choice = prepare.choose(backbone, size=None, width=1.0, weights_file=None)
        prepared = prepare.prepare(choice, engine=prepare.choose_engine(), classes=2, progress=SILENT)
        with TemporaryDirectory() as folder:
            table = Path(folder) / "cells.csv"
            table.write_text(demo.solar_csv(), "utf-8")
            sets = [
                Photos("hymenoptera", DATA / "hymenoptera", prepared),
                Photos("solar cells", table, prepared),
            ]
        pictures = dataset.unlabelled(DATA / "imagenet_even")
        strange, _ = features.extract(pictures, prepared, SILENT)
        unknown = np.stack([strange[photo.sha256] for photo in pictures])
        print(f"\n{backbone}: errors in points")
        for photos in sets:
            scored(photos)
        for photos in sets:
            divided(photos, wanted.splits)
        for photos in sets:
            scalings(photos, wanted.splits)
        for photos in sets:
            strangers(photos, unknown)


def scored(photos: Photos) -> None:
    """The head as ``edgetl train`` solves it, on the split that it scores."""
    rows, truth = photos.scored
    for seed in range(3):
        head = heads.fit(*photos.train, held_out=None, seed=seed)
        found = calibration.measure(head.probabilities(rows), truth, head.temperature)
        right = (head.probabilities(rows).argmax(axis=1) == truth).mean()
        before, after, floor = found.before, found.after, found.floor
        pairs = [
            f"{name} {100 * first:.2f} -> {100 * second:.2f}"
            for name, first, second in (
                ("ECE", before.expected, after.expected),
                ("equal mass", before.equal_mass, after.equal_mass),
                ("debiased", before.debiased, after.debiased),
            )
        ]
        print(
            f"  1 {photos.name:12} seed {seed}: accuracy {100 * right:.1f} %, temperature "
            f"{found.temperature:.2f}, {', '.join(pairs)}; floor {100 * floor.mean:.2f}, 95 of 100 below "
            f"{100 * floor.high:.2f}"
        )


def divided(photos: Photos, count: int) -> None:
    """Random divisions of the sizes of the real one; the answers of all together have a low floor."""
    each: list[calibration.Errors] = []
    floors: list[float] = []
    answers, labels = [], []
    for rows, held in divisions(photos, count):
        head = heads.fit(*rows, held_out=None)
        probabilities = head.probabilities(held[0])
        each.append(calibration.errors(probabilities, held[1]))
        floors.append(calibration.floor(probabilities.max(axis=1)).mean)
        answers.append(probabilities)
        labels.append(held[1])
    errors = np.array([one.expected for one in each])
    pooled = calibration.errors(np.concatenate(answers), np.concatenate(labels))
    print(
        f"  2 {photos.name:12} {count} divisions: mean ECE {100 * errors.mean():.2f} (below 3 in "
        f"{100 * (errors < 0.03).mean():.0f} % of them), floor {100 * np.mean(floors):.2f}; all answers "
        f"pooled {100 * pooled.expected:.2f}"
    )


def divisions(photos: Photos, count: int, kept: float = 1.0) -> Iterator[tuple[Rows, Rows]]:
    """Photos to solve on and to score; of the first class only a share is kept."""
    rows, labels = photos.all
    share = len(photos.train[1]) / len(labels)
    for seed in range(count):
        random = np.random.default_rng(seed)
        inside = np.flatnonzero((labels > 0) | (random.random(len(labels)) < kept))
        order = random.permutation(inside)
        end = round(share * len(order))
        yield (rows[order[:end]], labels[order[:end]]), (rows[order[end:]], labels[order[end:]])


def scalings(photos: Photos, count: int) -> None:
    """What several calibrators make of the same cross-validated logits."""
    for kept, balanced in ((1.0, False), (0.2, False), (0.2, True)):
        found: dict[str, list[tuple[float, float, float]]] = {}
        for (rows, labels), (held, truth) in divisions(photos, count, kept):
            logits, outside = unscaled(rows, labels, held, balanced=balanced)
            for name, scale in calibrators(logits, labels).items():
                probabilities = scale(outside)
                right = probabilities.argmax(axis=1) == truth
                macro = float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))
                error = calibration.errors(probabilities, truth).expected
                loss = float(log_losses(probabilities, truth).mean())
                found.setdefault(name, []).append((error, loss, macro))
        kind = f"{100 * kept:.0f} % of class 0, {'weighed' if balanced else 'plain'}"
        for name, values in found.items():
            error, loss, macro = np.mean(values, axis=0)
            print(
                f"  3 {photos.name:12} {kind:24} {name:15} ECE {100 * error:.2f}, log loss {loss:.4f}, "
                f"balanced accuracy {100 * macro:.2f} %"
            )


def unscaled(
    rows: Floats, labels: Labels, held: Floats, *, balanced: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits of the photos, each by a head solved without its fold, and of the held-out ones."""
    basis = Basis.of(rows)
    inputs = basis.project(rows)

    def solve(chosen: NDArray[np.bool_]) -> logistic.Solution:
        targets = Targets.of(labels[chosen], 2, balanced=balanced)
        return logistic.solve(inputs[chosen], targets, basis.projected(), STRENGTH)

    logits = np.empty((len(labels), 2))
    for mask in folds.stratified(labels, folds.FOLDS, 0):
        logits[mask] = solve(~mask).logits(inputs[mask], basis.projected())
    whole = solve(np.ones(len(labels), bool))
    return logits, whole.logits(basis.project(held), basis.projected())


def calibrators(logits: NDArray[np.float64], labels: Labels) -> dict[str, Scaling]:
    """Each made from held-out logits of two classes: from logits to probabilities."""
    margin = logits[:, 1] - logits[:, 0]
    platt = LogisticRegression(C=1e6).fit(margin[:, np.newaxis], labels)
    isotonic = IsotonicRegression(out_of_bounds="clip", y_min=1e-3, y_max=1 - 1e-3).fit(margin, labels)
    used = calibration.temperature(logits, labels)

    def loss(values: NDArray[np.float64]) -> float:
        scaled = heads.softmax(logits / np.exp(values[0]) + [0.0, values[1]])
        return float(log_losses(scaled, labels).sum() + values[0] ** 2 / 0.08 + values[1] ** 2 / 8)

    hotter, offset = minimize(loss, [0.0, 0.0], method="Nelder-Mead").x

    def of_two(second: NDArray[np.float64]) -> Floats:
        return np.stack([1 - second, second], axis=1).astype(np.float32)

    return {
        "none": heads.softmax,
        "temperature": lambda rows: heads.softmax(rows / used),
        "bias-corrected": lambda rows: heads.softmax(rows / np.exp(hotter) + [0.0, offset]),
        "Platt": lambda rows: of_two(platt.predict_proba((rows[:, 1] - rows[:, 0])[:, np.newaxis])[:, 1]),
        "isotonic": lambda rows: of_two(isotonic.predict(rows[:, 1] - rows[:, 0])),
    }


def strangers(photos: Photos, unknown: Floats) -> None:
    """How well several scores tell ImageNet photos from the scored split."""
    rows, labels = photos.train
    known = photos.scored[0]
    head = heads.fit(rows, labels, held_out=None)

    def logits(of: Floats) -> NDArray[np.float64]:
        return np.asarray((of @ head.kernel + head.bias).astype(np.float64))

    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (rows, known, unknown)]
    centred = rows - np.stack([rows[labels == label].mean(axis=0) for label in (0, 1)])[labels]
    precision = np.linalg.inv(np.cov(centred.T) + 0.1 * centred.var() * np.eye(rows.shape[1]))

    def distance(of: Floats) -> NDArray[np.float64]:
        away = [of - rows[labels == label].mean(axis=0) for label in (0, 1)]
        squares = [np.einsum("ij,jk,ik->i", one, precision, one, optimize=True) for one in away]
        return np.asarray(-np.min(squares, axis=0))

    # The other half of the unknown pictures is what a class of their own is judged by.
    half = len(unknown) // 2
    other = heads.fit(
        np.concatenate([rows, unknown[:half]]),
        np.concatenate([labels, np.full(half, 2)]),
        held_out=None,
        class_weights="none",
    )
    scores = {
        "largest probability": [head.probabilities(part).max(axis=1) for part in (known, unknown)],
        "energy": [np.log(np.exp(logits(part)).sum(axis=1)) for part in (known, unknown)],
        "nearest cosine": [np.sort(part @ unit[0].T, axis=1)[:, -5] for part in unit[1:]],
        "Mahalanobis": [distance(part) for part in (known, unknown)],
        "class of their own": [1 - other.probabilities(part)[:, 2] for part in (known, unknown[half:])],
    }
    for name, (inside, outside) in scores.items():
        # Ranks from 0 to 1 keep the order, which is all a threshold sees.
        order = np.argsort(np.argsort(np.concatenate([inside, outside]))) / (len(inside) + len(outside))
        limit, _ = rejection.threshold(order[len(inside) :], RATE)
        kept = (order[: len(inside)] >= limit).mean()
        print(
            f"  4 {photos.name:12} {name:20} separation {100 * rejection.separation(inside, outside):.1f} %, "
            f"known accepted at a false-accept rate of 5 %: {100 * kept:.1f} %"
        )


if __name__ == "__main__":
    main()
