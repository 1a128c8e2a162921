"""What a head should read of a backbone: the last feature map, its blocks, or what ``train`` chooses.

    python benchmarks/peers/head_layers.py [--backbones efficientnet_lite0,...] [--splits 10]

On ants and bees, all solar cells and 500 pictures of ImageNet in seven coarse classes; each split into three
quarters to train and a quarter to test, within classes, by ten seeds. Per set: the mean accuracy and log
loss on test of a head on ``last``, on ``blocks``, on ``both``, and on whichever ``auto`` took from train
alone; how often it took each, and how often that was the best of them. Intervals are of the mean of the
splits' differences (a t interval over splits, which share photos: a little too narrow).
"""

import argparse
import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from transferability import hymenoptera, imagenet

from edgetl import demo
from edgetl.progress import SILENT
from edgetl.training import features, prepare
from edgetl.training.dataset import Photo, hash_all
from edgetl.training.heads import head as heads
from edgetl.training.heads import layers
from edgetl.training.heads.head import Solved
from edgetl.training.heads.held_out import log_loss

TEST_SHARE = 0.25


def solar() -> list[tuple[Path, str]]:
    """All 2,624 solar cells."""
    return [(Path(row["path"]), row["label"]) for row in csv.DictReader(io.StringIO(demo.solar_csv()))]


SETS: dict[str, Callable[[], list[tuple[Path, str]]]] = {
    "ants and bees": hymenoptera,
    "solar cells": solar,
    "ImageNet, coarse": imagenet,
}


def test_mask(labels: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """A quarter of each class."""
    mask = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        places = np.random.default_rng((seed, int(label))).permutation(np.flatnonzero(labels == label))
        mask[places[: round(len(places) * TEST_SHARE)]] = True
    return mask


def judged(rows: NDArray[np.float32], labels: NDArray[np.int64], solved: Solved) -> tuple[float, float]:
    """Accuracy, 0 to 1, and log loss."""
    scores = np.maximum(solved.head.probabilities(rows), 1e-12)
    return float((scores.argmax(axis=1) == labels).mean()), log_loss(np.log(scores), labels)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbones", default="efficientnet_lite0")
    parser.add_argument("--splits", type=int, default=10)
    wanted = parser.parse_args()
    for backbone in wanted.backbones.split(","):
        choice = prepare.choose(backbone, size=None, width=1.0, weights_file=None)
        ready = prepare.prepare(choice, engine=prepare.choose_engine(), classes=2, progress=SILENT)
        for title, read in SETS.items():
            pictures = read()
            names = sorted({label for _, label in pictures})
            labels = np.array([names.index(label) for _, label in pictures])
            hashes = hash_all([path for path, _ in pictures])
            photos = [Photo(path, 0, "train", sha) for (path, _), sha in zip(pictures, hashes, strict=True)]
            table, _ = features.extract(photos, ready, SILENT)
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in (*layers.NAMES, "auto")}
            took: list[str] = []
            for seed in range(wanted.splits):
                test = test_mask(labels, seed)
                train = [photo for photo, tested in zip(photos, test, strict=True) if not tested]
                rows, solved = {}, {}
                for name in layers.NAMES:
                    rows[name] = layers.reading(name, ready, table, train)[1].rows(hashes)
                    solved[name] = heads.solve(rows[name][~test], labels[~test], held_out=None, seed=seed)
                    found[name].append(judged(rows[name][test], labels[test], solved[name]))
                told, _ = layers.compare(solved.__getitem__)
                took.append(told.chosen)
                found["auto"].append(found[told.chosen][-1])
            report(f"{backbone}, {title}, {len(labels)} photos", found, took)


def report(title: str, found: dict[str, list[tuple[float, float]]], took: list[str]) -> None:
    """Print a set's lines."""
    print(title)
    last = np.array(found["last"])
    for name, pairs in found.items():
        values = np.array(pairs)
        gain = 100 * (values[:, 0] - last[:, 0])
        half = stats.sem(gain) * stats.t.ppf(0.975, len(gain) - 1) if len(gain) > 1 else np.nan
        print(
            f"  {name:<7} {100 * values[:, 0].mean():6.2f} %  log loss {values[:, 1].mean():.4f}  "
            f"against last {gain.mean():+.2f} points (+- {half:.2f})"
        )
    best = [min(layers.NAMES, key=lambda name: found[name][split][1]) for split in range(len(took))]
    counts = ", ".join(f"{name} in {took.count(name)}" for name in layers.NAMES)
    print(
        f"  auto took {counts} of {len(took)} splits; what it took had the least loss on test in "
        f"{sum(a == b for a, b in zip(took, best, strict=True))}",
        flush=True,
    )


if __name__ == "__main__":
    main()
