"""Several tasks in one bundle against one bundle each; several labels a photo against the plain way.

``tasks``: solar cells, whether a cell is defective and whether its crystal is mono or poly. One model with
two heads and two models with one each are trained and exported on the same photos. Printed: the accuracy of
each task by either way, on the same test photos, of the trained model and of its int8 file; the bytes of the
files; and the time of a picture, one model's and that of the two one after the other, taken in turn.

``labels``: mosaics of two pictures of ImageNet, one above the other, or of one alone, with the labels of
what is in them; train and test mosaics share no picture. A head with a sigmoid for each label, its thresholds
chosen inside train, against the plain way: a softmax that has learned each mosaic once with each of its
labels, and always answers its two most probable labels.

    python benchmarks/peers/multi_task.py tasks                              # some 10 minutes
    python benchmarks/peers/multi_task.py labels ../shared/data              # 2 minutes
"""

import argparse
import csv
import io
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import edgetl
from edgetl import demo, extras, files, images
from edgetl.manifest import Score, TaskScore
from edgetl.progress import SILENT
from edgetl.runtime.answers import said
from edgetl.runtime.classifier import Classifier
from edgetl.training import dataset, features, prepare
from edgetl.training.columns import Column
from edgetl.training.heads import head, several
from edgetl.training.scoring import several as scoring

VARIANT = "tflite-int8"
COUNTS = {"train": 900, "test": 450}
SIDE = 256
GROUPS = {
    "bird": ((7, 24), (80, 100), (127, 146)),
    "reptile": ((25, 68),),
    "insect": ((69, 79), (300, 326)),
    "dog": ((151, 268),),
    "other mammal": ((102, 106), (147, 150), (269, 299), (327, 388)),
    "food": ((923, 969),),
    "thing": ((398, 922),),
}
"""Of ImageNet's classes, by index, both ends included."""


def main() -> None:
    """Print one of the two comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True)
    tasks = commands.add_parser("tasks")
    tasks.add_argument("--rounds", type=int, default=300)
    tasks.set_defaults(run=lambda options: compare_tasks(options.rounds))
    labels = commands.add_parser("labels")
    labels.add_argument("data", type=Path)
    labels.set_defaults(run=lambda options: compare_labels(options.data))
    options = parser.parse_args()
    options.run(options)


def compare_tasks(rounds: int) -> None:
    """One bundle of two tasks against two bundles."""
    with tempfile.TemporaryDirectory(prefix="edgetl-") as room:
        place = Path(room) / "cells.csv"
        files.write_text(place, solar_csv())
        bundles = {}
        for name in ("state,crystal", "state", "crystal"):
            start = time.perf_counter()
            run = edgetl.train(place, tasks=name, out=Path(room) / name.replace(",", "-"))
            trained = time.perf_counter()
            done = edgetl.export(run.path, formats="tflite", precisions="int8", keep_failing=True)
            bundles[name] = done.bundle
            spent = f"train {trained - start:.0f} s, export {time.perf_counter() - trained:.0f} s"
            (variant,) = done.bundle.manifest.variants
            score = variant.score
            assert score is not None  # export scores every variant
            rows: list[tuple[str, Score | TaskScore]] = [(task.name, task) for task in score.tasks]
            rows = rows or [(name, score)]
            for task, found in rows:
                told = run.metrics["tasks"][task] if len(rows) > 1 else run.metrics
                print(
                    f"{name:<14} {task:<8} float {100 * told['accuracy']['value']:.1f} %, int8 "
                    f"{100 * found.accuracy.value:.1f} % of {found.images}, drop {found.drop.value:+.1f} "
                    f"({found.drop.low:+.1f} to {found.drop.high:+.1f}), agreement "
                    f"{100 * found.agreement:.1f} %; {variant.size_bytes:,} bytes; {spent}"
                )
        size = {name: bundle.variant(VARIANT).size_bytes for name, bundle in bundles.items()}
        two = size["state"] + size["crystal"]
        print(f"bytes: one {size['state,crystal']:,}, two {two:,}, {two / size['state,crystal']:.2f} times")
        picture = next(csv.DictReader(io.StringIO(place.read_text("utf-8"))))
        with (
            edgetl.load(bundles["state,crystal"].path, num_threads=1) as one,
            edgetl.load(bundles["state"].path, num_threads=1) as first,
            edgetl.load(bundles["crystal"].path, num_threads=1) as second,
        ):
            pixels = images.decode(Path(picture["path"]), one.contract)[np.newaxis]
            took = timed([[one], [first, second]], pixels, rounds)
        print(
            f"median of {rounds} pictures, 1 thread: one {1000 * took[0]:.2f} ms, two {1000 * took[1]:.2f} "
            f"ms, {took[1] / took[0]:.2f} times"
        )


def timed(ways: Sequence[Sequence[Classifier]], pixels: NDArray[np.uint8], rounds: int) -> list[float]:
    """Median seconds of each way, taken in turn."""
    taken: list[list[float]] = [[] for _ in ways]
    for number in range(rounds + 20):
        for way, seconds in zip(ways, taken, strict=True):
            start = time.perf_counter()
            for model in way:
                model.engine.run(pixels)
            if number >= 20:
                seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in taken]


def solar_csv() -> str:
    """The demo's dataset with a column for each task."""
    package = extras.load("elpv_dataset", extra="demo", purpose="this benchmark")
    folder = Path(str(package.__file__)).parent / "data"
    table = [line.split() for line in (folder / "labels.csv").read_text("utf-8").splitlines()]
    crystals = {str(folder / name): crystal for name, _, crystal in table}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "state", "crystal", "split"])
    for row in csv.DictReader(io.StringIO(demo.solar_csv())):
        writer.writerow([row["path"], row["label"], crystals[row["path"]], row["split"]])
    return text.getvalue()


def compare_labels(data: Path) -> None:
    """A sigmoid for each label against the two most probable of a softmax."""
    with tempfile.TemporaryDirectory(prefix="edgetl-") as room:
        place = write_mosaics(data / "imagenet_even", Path(room))
        photos = dataset.read(place, (Column("label", True),))
        choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
        engine = prepare.choose_engine("auto")
        prepared = prepare.prepare(choice, engine=engine, classes=len(photos.labels), progress=SILENT)
        table, _ = features.extract(photos.photos, prepared, SILENT)
        rows = {split: table.rows([photo.sha256 for photo in photos.split(split)]) for split in COUNTS}
        truth = {split: photos.truth(photos.split(split)).holds for split in COUNTS}
        yes = truth["test"]
        print(
            f"{len(yes)} test mosaics, {yes.sum(axis=1).mean():.2f} labels each; {', '.join(photos.labels)}"
        )
        start = time.perf_counter()
        ours = several.fit(
            rows["train"], truth["train"].astype(np.int64), held_out=None, strengths=head.STRENGTHS
        )
        seconds = time.perf_counter() - start
        scores = ours.probabilities(rows["test"])
        chosen = said(scores, [replace(photos.tasks[0], thresholds=ours.thresholds)])
        print_row(f"sigmoids, thresholds of the best F1 ({seconds:.1f} s)", scores, chosen, yes)
        start = time.perf_counter()
        each, label = np.nonzero(truth["train"])
        plain = head.fit(rows["train"][each], label.astype(np.int64), held_out=None)
        seconds = time.perf_counter() - start
        scores = plain.probabilities(rows["test"])
        order = np.argsort(-scores, axis=1)
        for count in (1, 2):
            top = np.zeros_like(yes)
            top[np.arange(len(yes))[:, None], order[:, :count]] = True
            print_row(f"softmax, the first {count} ({seconds:.1f} s)", scores, top, yes)


def print_row(
    name: str, scores: NDArray[np.float32], chosen: NDArray[np.bool_], yes: NDArray[np.bool_]
) -> None:
    """One way to answer."""
    micro = scoring.micro_f1(chosen, yes)
    mean, _ = scoring.average_precisions(scores, yes)
    exact = (chosen == yes).all(axis=1).mean()
    print(
        f"{name:<48} F1 {100 * micro.value:.1f} % ({100 * micro.low:.1f} to {100 * micro.high:.1f}), all "
        f"right {100 * exact:.1f} %, average precision {100 * mean.value:.1f} % ({100 * mean.low:.1f} to "
        f"{100 * mean.high:.1f})"
    )


def write_mosaics(folder: Path, room: Path) -> Path:
    """Write mosaics and their CSV file; a group is drawn first, then a picture of it."""
    by_group: dict[str, list[Path]] = {name: [] for name in GROUPS}
    for path in sorted(folder.glob("*.jpg")):
        index = int(path.name[:4])
        for name, ranges in GROUPS.items():
            if any(low <= index <= high for low, high in ranges):
                by_group[name].append(path)
    random = np.random.default_rng(0)
    lines = []
    for split, count in COUNTS.items():
        pools = {}
        for name, paths in by_group.items():
            cut = round(0.65 * len(paths))
            shuffled = [paths[n] for n in np.random.default_rng(1).permutation(len(paths))]
            pools[name] = shuffled[:cut] if split == "train" else shuffled[cut:]
        for number in range(count):
            drawn = list(random.choice(list(pools), size=1 + int(random.random() < 0.7)))
            chosen = [pools[name][int(random.integers(len(pools[name])))] for name in drawn]
            picture = room / f"{split}-{number:04}.jpg"
            with files.new_file(picture) as temporary:
                mosaic(chosen).save(temporary, "JPEG", quality=92)
            lines.append([picture.name, ";".join(sorted(set(drawn))), split])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["path", "label", "split"], *lines])
    files.write_text(room / "mosaics.csv", text.getvalue())
    return room / "mosaics.csv"


def mosaic(paths: Sequence[Path]) -> Any:
    """Pictures one above the other, each cut to its share of a square."""
    result = Image.new("RGB", (SIDE, SIDE))
    height = SIDE // len(paths)
    for number, path in enumerate(paths):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        scale = max(SIDE / picture.width, height / picture.height)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
        left, top = (picture.width - SIDE) // 2, (picture.height - height) // 2
        result.paste(picture.crop((left, top, left + SIDE, top + height)), (0, number * height))
    return result


if __name__ == "__main__":
    main()
