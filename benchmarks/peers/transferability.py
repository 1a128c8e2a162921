"""Does a transferability score rank candidates as their true accuracy does? On three datasets, in one run.

    python benchmarks/peers/transferability.py [DATASET ...]

The candidates of ``--backbone auto``: EfficientNet-Lite0, 1 and 2 and MobileNetV2 of ``../shared/weights``,
each at up to four input sizes. The datasets: ants and bees (396 photos), solar cells (800 of them), and 500
pictures of ImageNet in seven coarse classes. ImageNet is what the backbones were trained on, so the third
says how well scores rank there and not how well backbones transfer.

Truth is the mean accuracy of the solved head on the quarter of the pictures it has not seen, over ten
stratified splits. Each score sees one sample of at most 250 pictures, as in the product one of 500 out of
more. Agreement is measured by Kendall's tau, Spearman's rho and the weighted tau (Vigna 2015), which counts
the top more; regret is how many points the best of a score's first three misses the best of all by. LEEP
needs the source network's own head, which MobileNetV2's file lacks: it ranks the EfficientNets alone. About
8 minutes on two cores with an empty cache (``EDGETL_CACHE``), of which 3 are the building of backbones.
"""

import csv
import io
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from transfer_scores import leep, nleep

from edgetl import demo
from edgetl.progress import SILENT
from edgetl.training import features, prepare, torch_file
from edgetl.training.arrays import Floats
from edgetl.training.choosing import scores
from edgetl.training.choosing.candidates import Candidate, at_hand
from edgetl.training.dataset import Photo, hash_all
from edgetl.training.heads import head

SHARED = Path(__file__).parents[2].parent / "shared"
SPLITS, TEST_SHARE, SAMPLE = 10, 0.25, 250
# ImageNet's classes by their place in the hierarchy of WordNet: indices from, to (inclusive).
COARSE = {
    "fish, reptiles and amphibians": ((0, 6), (25, 68), (389, 397)),
    "birds": ((7, 24), (80, 100), (127, 146)),
    "invertebrates": ((69, 79), (107, 126), (300, 326)),
    "dogs": ((151, 268),),
    "other mammals": ((101, 106), (147, 150), (269, 299), (327, 388)),
    "food and plants": ((924, 969), (984, 998)),
}
Labels = NDArray[np.int64]


def solar() -> list[tuple[Path, str]]:
    """800 solar cells, evenly out of all."""
    rows = [(Path(row["path"]), row["label"]) for row in csv.DictReader(io.StringIO(demo.solar_csv()))]
    places = np.linspace(0, len(rows) - 1, 800).round().astype(int)
    return [rows[place] for place in places]


def hymenoptera() -> list[tuple[Path, str]]:
    """All ants and bees, whatever their split."""
    files = sorted((SHARED / "data/hymenoptera").glob("*/*/*.jpg"))
    return [(path, path.parent.name) for path in files]


def imagenet() -> list[tuple[Path, str]]:
    """One picture of each even class of ImageNet, labelled with its coarse class."""
    files = sorted((SHARED / "data/imagenet_even").glob("*.*"))
    return [(path, coarse(int(path.name[:4]))) for path in files]


def coarse(index: int) -> str:
    """The coarse class of a class."""
    for name, ranges in COARSE.items():
        if any(low <= index <= high for low, high in ranges):
            return name
    return "things"


DATASETS: dict[str, Callable[[], list[tuple[Path, str]]]] = {
    "hymenoptera": hymenoptera,
    "solar cells": solar,
    "ImageNet, coarse": imagenet,
}


SCORES: dict[str, Callable[[Floats, Labels], float]] = {
    "held-out loss": lambda rows, labels: -scores.held_out(rows, labels).log_loss,
    "held-out accuracy": lambda rows, labels: scores.held_out(rows, labels).accuracy,
    "LogME": scores.logme,
    "H-score": scores.h_score,
    "NLEEP": nleep,
}


def truth(rows: Floats, labels: Labels) -> float:
    """Mean test accuracy of the solved head over stratified splits."""
    found = []
    for seed in range(SPLITS):
        tested = part(labels, TEST_SHARE, seed)
        solved = head.fit(rows[~tested], labels[~tested], held_out=None, class_weights="none", seed=seed)
        found.append((solved.probabilities(rows[tested]).argmax(axis=1) == labels[tested]).mean())
    return float(np.mean(found))


def part(labels: Labels, share: float, seed: int) -> NDArray[np.bool_]:
    """A stratified mask of a share of the pictures."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        chosen[places[: max(2, round(share * len(places)))]] = True
    return chosen


def source_answers(candidate: Candidate, rows: Floats) -> NDArray[np.float64] | None:
    """What the network's own ImageNet head says, float64 (n, 1000); None without one."""
    path = candidate.choice.weights.path
    if candidate.choice.weights.kind != "package" or path is None:
        return None
    tensors = torch_file.read(path)
    kernel = next(value for value in tensors.values() if value.shape == (1000, rows.shape[1]))
    bias = next(value for value in tensors.values() if value.shape == (1000,))
    return head.softmax(rows @ kernel.T + bias).astype(np.float64)


def of_dataset(name: str, candidates: Sequence[Candidate]) -> dict[str, NDArray[np.float64]]:
    """Truth and each score, float64 (candidates,); prints a line for each candidate."""
    found = DATASETS[name]()
    names = sorted({label for _, label in found})
    hashes = hash_all([path for path, _ in found])
    photos = [
        Photo(path, names.index(label), "train", digest)
        for (path, label), digest in zip(found, hashes, strict=True)
    ]
    labels = np.array([photo.label for photo in photos])
    sample = part(labels, min(1.0, SAMPLE / len(labels)), 12345)
    columns: dict[str, list[float]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    print(f"\n{name}: {len(photos)} pictures, {len(names)} classes; scores see {sample.sum()}", flush=True)
    for candidate in candidates:
        prepared = prepare.prepare(candidate.choice, engine="openvino", classes=2, progress=SILENT)
        table, _ = features.extract(photos, prepared, SILENT)
        rows = np.stack([table[photo.sha256] for photo in photos])
        few, answers = rows[sample], labels[sample]
        columns["truth"].append(truth(rows, labels))
        source = source_answers(candidate, few)
        columns["multiply-accumulates"].append(candidate.cost)
        for score, work in SCORES.items():
            start = time.perf_counter()
            columns[score].append(work(few, answers))
            seconds[score] += time.perf_counter() - start
        columns["LEEP"].append(np.nan if source is None else leep(source, answers))
        told = ", ".join(f"{score} {column[-1]:.4g}" for score, column in columns.items())
        print(f"  {candidate.name:28} {told}", flush=True)
    arrays = {score: np.array(column) for score, column in columns.items()}
    print(f"  {'':22}{'tau':>7}{'rho':>7}{'weighted':>10}{'regret':>8}{'s each':>9}")
    for score, column in arrays.items():
        if score != "truth":
            agreement(score, column, arrays["truth"], seconds[score] / len(candidates))
    return arrays


def agreement(name: str, score: NDArray[np.float64], real: NDArray[np.float64], seconds: float) -> None:
    """Print how alike two rankings are, and how many points the best three of a score miss the best by."""
    known = ~np.isnan(score)
    mine, best = score[known], real[known]
    three = best[np.argsort(-mine)[:3]].max()
    tau, rho = stats.kendalltau(mine, best).statistic, stats.spearmanr(mine, best).statistic
    weighted = stats.weightedtau(mine, best).statistic
    only = "" if known.all() else f"  ({known.sum()} candidates)"
    regret = 100 * (best.max() - three)
    print(f"  {name:22}{tau:7.2f}{rho:7.2f}{weighted:10.2f}{regret:8.1f}{seconds:9.3f}{only}", flush=True)


def main(names: list[str]) -> int:
    """Print the tables; return the exit code."""
    candidates = [*at_hand(2), *at_hand(2, files=SHARED / "weights")]
    rows = [of_dataset(name, candidates) for name in names or DATASETS]
    print("\nmean over the datasets: Kendall's tau, weighted tau")
    for score in rows[0]:
        if score == "truth":
            continue
        pairs = [(row[score], row["truth"], ~np.isnan(row[score])) for row in rows]
        taus = [stats.kendalltau(mine[known], real[known]).statistic for mine, real, known in pairs]
        weighted = [stats.weightedtau(mine[known], real[known]).statistic for mine, real, known in pairs]
        print(f"  {score:22}{np.mean(taus):7.2f}{np.mean(weighted):7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
