"""Wrong labels: how many of those planted are found, and what the head loses to them.

A fifth of the train labels is flipped at random, twice in each of five splits: that of the data, and four
that deal its photos out anew. Printed for each set: the share of the flipped labels that is found in the
longest list of first suspects with a precision of 70 %; the same in the list that ``edgetl check`` shows,
with its precision; the share of wrong labels as estimated. Then the accuracy on untouched test photos of the
head of ``edgetl train`` from clean labels, and what is lost by flipped ones, and by flipped ones with
``--suspects downweight``, which should cost nothing where the labels are clean.

Two more heads say what can be had. One is told which labels were flipped, and does without those photos. The
other has clean labels, but of fewer photos: of so many as the flipped ones are worth where a photo does not
tell its class by itself. Of two classes, a fifth flipped, that is (1 - 2 / 5)^2, or 36 %.

``ceiling`` ranks by models that were taught the clean labels of all other photos: what no method that sees
only flipped ones should be expected to pass with these features. Suspects see the last feature map and the
blocks, and the peer gets the last map. Intervals (95 %, Student's t) are over the splits.

The solar cells' labels are opinions: experts gave 15 % of the cells a defect of one or two thirds. The set
``solar, sure`` is the rest of them.

    python benchmarks/peers/flipped_labels.py ../shared/data                  # some 30 minutes
    python -m venv /tmp/peers && /tmp/peers/bin/pip install cleanlab scikit-learn
    python benchmarks/peers/flipped_labels.py ../shared/data --peers /tmp/peers/bin/python
"""

import argparse
import csv
import io
import json
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import demo, extras, files
from edgetl.progress import SILENT
from edgetl.training import dataset, features, prepare
from edgetl.training.checking import left_out, suspects
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset
from edgetl.training.features import FeatureTable
from edgetl.training.heads import solving
from edgetl.training.prepare import Prepared

SHARE, PRECISION = 0.2, 0.7
SPLITS, FLIPS = 5, 2
# Of ImageNet's classes, by index: fish, birds, reptiles and spiders; birds to bears; dogs; other mammals
# and insects; things.
GROUPS = (101, 151, 269, 398)

# cleanlab's own way: probabilities from 5-fold cross-validated logistic regression.
PEER = """
import json, sys
import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
data = np.load(sys.argv[1])
out = []
for labels in data["labels"]:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    found = cross_val_predict(model, data["features"], labels, cv=5, method="predict_proba")
    order = np.argsort(get_label_quality_scores(labels, found))
    listed = find_label_issues(labels, found)
    out.append({"order": order.tolist(), "listed": np.flatnonzero(listed).tolist()})
print(json.dumps(out))
"""


@dataclass(frozen=True)
class Labelled:
    """Photos with right labels, and their features."""

    photos: Dataset
    backbone: Prepared
    table: FeatureTable

    def rows(self, split: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """All features of the photos of a split, and their labels."""
        return solving.rows_of(self.photos, self.table.whole, split)

    def accuracy(
        self, labels: NDArray[np.int64], suspects: str = "keep", only: NDArray[np.bool_] | None = None
    ) -> float:
        """That of the head of ``edgetl train``, taught these labels, perhaps of some photos only."""
        kept = np.flatnonzero(np.ones(len(labels)) if only is None else only)
        taught = self.photos.split("train")
        told = tuple(replace(taught[place], label=int(labels[place])) for place in kept)
        wanted = TrainConfig(data="", suspects=suspects)
        photos = replace(self.photos, photos=told + self.photos.split(self.photos.scored_split))
        found = solving.solve(photos, self.backbone, self.table, wanted, SILENT)
        rows, truth = solving.rows_of(photos, found.table, photos.scored_split)
        return float((found.head.probabilities(rows).argmax(axis=1) == truth).mean())

    def dealt(self, number: int) -> "Labelled":
        """The same photos, those of each class dealt out anew to as many places in each split."""
        if number == 0:
            return self
        random = np.random.default_rng(number)
        labels = np.array([photo.label for photo in self.photos.photos])
        splits = np.array([photo.split for photo in self.photos.photos])
        for label in np.unique(labels):
            splits[labels == label] = random.permutation(splits[labels == label])
        pairs = zip(self.photos.photos, splits, strict=True)
        photos = tuple(replace(photo, split=str(split)) for photo, split in pairs)
        return replace(self, photos=replace(self.photos, photos=photos))


def sets(shared: Path) -> dict[str, Labelled]:
    """The sets by name."""
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    engine = prepare.choose_engine("auto")
    with tempfile.TemporaryDirectory() as folder:

        def labelled(data: Path) -> Labelled:
            photos = dataset.read(data)
            ready = prepare.prepare(choice, engine=engine, classes=len(photos.labels), progress=SILENT)
            table, _ = features.extract(photos.photos, ready, SILENT)
            return Labelled(photos, ready, table)

        def table_of(name: str, lines: list[list[Any]]) -> Path:
            text = io.StringIO()
            csv.writer(text).writerows(lines)
            place = Path(folder) / name
            files.write_text(place, text.getvalue())
            return place

        solar = list(csv.reader(io.StringIO(demo.solar_csv())))
        opinions = _opinions()
        sure = [solar[0]] + [line for line in solar[1:] if opinions[Path(line[0]).name] in (0.0, 1.0)]
        groups: list[list[Any]] = [["path", "label", "split"]]
        random = np.random.default_rng(0)
        for path in sorted((shared / "imagenet_even").resolve().iterdir()):
            group = int(np.searchsorted(GROUPS, int(path.name.split("_")[0]), side="right"))
            groups.append([path, f"group {group}", "test" if random.random() < 0.3 else "train"])
        return {
            "hymenoptera": labelled(shared / "hymenoptera"),
            "ImageNet groups": labelled(table_of("groups.csv", groups)),
            "solar": labelled(table_of("solar.csv", solar)),
            "solar, sure": labelled(table_of("sure.csv", sure)),
        }


def _opinions() -> dict[str, float]:
    package = extras.load("elpv_dataset", extra="demo", purpose="the solar cells")
    lines = (Path(str(package.__file__)).parent / "data" / "labels.csv").read_text("utf-8").splitlines()
    return {Path(line.split()[0]).name: float(line.split()[1]) for line in lines}


def flip(labels: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The labels with a fifth of them replaced by another class, and which."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(labels))[: round(SHARE * len(labels))]
    classes = int(labels.max()) + 1
    changed, flipped = labels.copy(), np.zeros(len(labels), np.bool_)
    changed[chosen] = (labels[chosen] + random.integers(1, classes, len(chosen))) % classes
    flipped[chosen] = True
    return changed, flipped


def recall(order: NDArray[np.int64], flipped: NDArray[np.bool_]) -> float:
    """Share of the flipped labels in the longest first part of the order with the precision asked for."""
    hits = np.cumsum(flipped[order])
    good = np.flatnonzero(hits >= PRECISION * np.arange(1, len(hits) + 1))
    return float(hits[good[-1]] / flipped.sum()) if len(good) else 0.0


def _listed(listed: NDArray[np.int64], flipped: NDArray[np.bool_]) -> tuple[float, float]:
    hits = flipped[listed].sum()
    return float(hits / flipped.sum()), float(hits / max(len(listed), 1))


def peer(
    python: str, rows: NDArray[np.float32], labels: list[NDArray[np.int64]]
) -> list[dict[str, list[int]]]:
    """What cleanlab says of the same features and labels."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "data.npz"
        files.write_arrays(place, features=rows, labels=np.stack(labels))
        done = subprocess.run([python, "-c", PEER, str(place)], capture_output=True, text=True, check=True)
    found: list[dict[str, list[int]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--peers", help="a Python with cleanlab and scikit-learn")
    options = parser.parse_args()
    for name, original in sets(options.shared).items():
        figures: dict[str, list[list[float]]] = defaultdict(list)
        for number in range(SPLITS):
            for what, values in measure(original.dealt(number), number, options.peers).items():
                figures[what].append(values)
        counts = [len(original.photos.split(split)) for split in ("train", original.photos.scored_split)]
        print(f"{name}: {counts[0]} train and {counts[1]} test photos, {len(original.photos.labels)} classes")
        for what, of_splits in figures.items():
            _show(what, of_splits)


def measure(one: Labelled, number: int, python: str | None) -> dict[str, list[float]]:
    """All figures of one split, by name, for each way to flip its labels."""
    rows, truth = one.rows("train")
    parts = one.table.slices
    clean = one.accuracy(truth)
    told = left_out.answers(rows, truth, parts=parts)
    figures: dict[str, list[float]] = defaultdict(list)
    plans = [flip(truth, FLIPS * number + each) for each in range(FLIPS)]
    for labels, flipped in plans:
        doubts = suspects.judge(rows, labels, parts=parts)
        order = np.argsort(-doubts.wrong, kind="stable")
        listed = order[doubts.wrong[order] >= suspects.LISTED]
        given, others = told[np.arange(len(labels)), labels], told.copy()
        others[np.arange(len(labels)), labels] = -np.inf
        figures["found at 70 % precision"].append(recall(order, flipped))
        best = np.argsort(given - others.max(axis=1), kind="stable")
        figures["ceiling"].append(recall(best, flipped))
        found, precise = _listed(listed, flipped)
        figures["found in the list"].append(found)
        figures["precision of the list"].append(precise)
        figures["estimated share of wrong labels"].append(doubts.share)
    if python:
        theirs = peer(python, rows[:, parts[0]], [labels for labels, _ in plans])
        for answer, (_, flipped) in zip(theirs, plans, strict=True):
            figures["cleanlab: found at 70 % precision"].append(recall(np.array(answer["order"]), flipped))
            found, precise = _listed(np.array(answer["listed"], np.int64), flipped)
            figures["cleanlab: found in the list"].append(found)
            figures["cleanlab: precision of the list"].append(precise)
    figures["head, clean labels"] = [clean]
    figures["lost: clean labels, down-weighted"] = [clean - one.accuracy(truth, "downweight")]
    for seed, (labels, flipped) in enumerate(plans):
        classes = int(truth.max()) + 1
        worth = (1 - SHARE * classes / (classes - 1)) ** 2
        some = np.random.default_rng(seed).permutation(len(labels)) < worth * len(labels)
        figures["lost: flipped labels"].append(clean - one.accuracy(labels))
        figures["lost: flipped labels, down-weighted"].append(clean - one.accuracy(labels, "downweight"))
        figures["lost: flipped ones left out"].append(clean - one.accuracy(labels, only=~flipped))
        figures["lost: fewer labels, but clean"].append(clean - one.accuracy(truth, only=some))
    return figures


def _show(what: str, of_splits: list[list[float]]) -> None:
    means = np.array([np.mean(values) for values in of_splits])
    stats = extras.load("scipy.stats", extra="train", purpose="the intervals")
    half = float(stats.t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)))
    each = "  ".join(" ".join(f"{value:.1%}" for value in values) for values in of_splits)
    print(f"    {what:36} {means.mean():>6.1%} ± {half:.1%}    {each}", flush=True)


if __name__ == "__main__":
    main()
