"""Wrong labels: how many of those planted are found, and what the head loses to them.

A fifth of the train labels is flipped at random, three times over. Printed for each set: the share of the
flipped labels that is found in the longest list of first suspects with a precision of 70 %; the same in the
list that ``edgetl check`` shows, with its precision; the share of wrong labels as estimated; then the
accuracy on the untouched test photos of a head from clean labels, from flipped ones, and from flipped ones
with suspects down-weighted. ``ceiling`` ranks by a model that was taught the clean labels of all other
photos: what no method that sees only flipped ones should be expected to pass with these features. Suspects
see the last feature map and the blocks, heads read what ``--layers auto`` takes, and the peer gets the last
map.

The solar cells' labels are opinions: experts gave 15 % of the cells a defect of one or two thirds. The set
``solar, sure`` is the rest of them.

    python benchmarks/peers/flipped_labels.py ../shared/data                  # some 5 minutes
    python -m venv /tmp/peers && /tmp/peers/bin/pip install cleanlab scikit-learn
    python benchmarks/peers/flipped_labels.py ../shared/data --peers /tmp/peers/bin/python
"""

import argparse
import csv
import io
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import demo, extras, files
from edgetl.progress import SILENT
from edgetl.training import dataset, features, head, prepare
from edgetl.training.checking import suspects
from edgetl.training.heads import layers
from edgetl.training.heads.solving import rows_of

SHARE, PRECISION, SEEDS = 0.2, 0.7, 3
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

Arrays = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]
"""Features, of the last map and of the blocks, and labels of train, then of test."""


def sets(shared: Path) -> tuple[dict[str, Arrays], dict[str, slice]]:
    """The sets by name, and the columns of the layers."""
    columns: dict[str, slice] = {}
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    engine = prepare.choose_engine("auto")
    with tempfile.TemporaryDirectory() as folder:

        def arrays(data: Path) -> Arrays:
            photos = dataset.read(data)
            ready = prepare.prepare(choice, engine=engine, classes=len(photos.labels), progress=SILENT)
            table, _ = features.extract(photos.photos, ready, SILENT)
            columns.update(ready.columns)
            whole = table.whole
            return (*rows_of(photos, whole, "train"), *rows_of(photos, whole, photos.scored_split))

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
            "hymenoptera": arrays(shared / "hymenoptera"),
            "ImageNet groups": arrays(table_of("groups.csv", groups)),
            "solar": arrays(table_of("solar.csv", solar)),
            "solar, sure": arrays(table_of("sure.csv", sure)),
        }, columns


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
    found, columns = sets(options.shared)
    parts = tuple(columns.values())
    for name, (rows, truth, test_rows, test_truth) in found.items():
        plans = [flip(truth, seed) for seed in range(SEEDS)]

        def read(features: NDArray[np.float32], labels: NDArray[np.int64]) -> slice:
            told, _ = layers.compare(
                lambda part: head.solve(features[:, columns[part]], labels, held_out=None)
            )
            return columns[told.chosen]

        def accuracy(
            labels: NDArray[np.int64],
            weights: NDArray[np.float64] | None = None,
            data: Arrays = (rows, truth, test_rows, test_truth),
        ) -> float:
            chosen = read(data[0], labels)
            solved = head.fit(data[0][:, chosen], labels, held_out=None, weights=weights)
            return float((solved.probabilities(data[2][:, chosen]).argmax(axis=1) == data[3]).mean())

        ours, clean = [], suspects.answers(rows, truth, parts=parts)
        heads = [[accuracy(truth)] * 3]
        for labels, flipped in plans:
            doubts = suspects.judge(rows, labels, parts=parts)
            order = np.argsort(-doubts.wrong, kind="stable")
            listed = np.array(
                [suspect.index for suspect in suspects.find(rows, labels, parts=parts)], np.int64
            )
            given = clean[np.arange(len(labels)), labels]
            others = clean.copy()
            others[np.arange(len(labels)), labels] = -np.inf
            ceiling = recall(np.argsort(given - others.max(axis=1), kind="stable"), flipped)
            ours.append((recall(order, flipped), *_listed(listed, flipped), doubts.share, ceiling))
            heads.append([heads[0][0], accuracy(labels), accuracy(labels, doubts.weights)])
        print(f"{name}: {len(truth)} train and {len(test_truth)} test photos, {truth.max() + 1} classes")
        _show("found at 70 % precision", [row[0] for row in ours])
        _show("ceiling", [row[4] for row in ours])
        _show("found in the list", [row[1] for row in ours])
        _show("precision of the list", [row[2] for row in ours])
        _show("estimated share of wrong labels", [row[3] for row in ours])
        if options.peers:
            theirs = peer(options.peers, rows[:, columns["last"]], [labels for labels, _ in plans])
            pairs = list(zip(theirs, plans, strict=True))
            _show(
                "cleanlab: found at 70 % precision",
                [recall(np.array(found["order"]), flipped) for found, (_, flipped) in pairs],
            )
            lists = [_listed(np.array(found["listed"], np.int64), flipped) for found, (_, flipped) in pairs]
            _show("cleanlab: found in the list", [row[0] for row in lists])
            _show("cleanlab: precision of the list", [row[1] for row in lists])
        _show("head, clean labels", [row[0] for row in heads[1:]])
        _show("head, flipped labels", [row[1] for row in heads[1:]])
        _show("head, suspects down-weighted", [row[2] for row in heads[1:]])


def _show(what: str, values: list[float], form: Callable[[float], str] = "{:.1%}".format) -> None:
    print(f"    {what:36} {form(float(np.mean(values))):>7}    {' '.join(map(form, values))}", flush=True)


if __name__ == "__main__":
    main()
