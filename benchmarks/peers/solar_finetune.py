"""Fine-tuning against the head alone: solar cells on three splits, and ants and bees.

The solar cells of elpv-dataset (2,624 photos; above 0.5 is defective) are split 75/25 within each class by a
seed, which seeds the training too; the test photos are scored once, by the final model. The dataset's paper
has 88.4 % for VGG-19, fine-tuned on a GPU, on its own 75/25 split (Deitsch et al., Solar Energy 2019).

    python benchmarks/peers/solar_finetune.py [--seeds 3] [--export 1] [--size 300] [--skip-insects]

Prints a line a seed as it is done, then the means. Times are those of whole calls of ``edgetl.train``; the
second one of a seed finds the features of the first in the cache.
"""

import argparse
import csv
import io
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

import edgetl
from edgetl import demo
from edgetl.cli.lines import console_progress
from edgetl.training.run import Run

TEST_SHARE = 0.25
INSECTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"


def split_csv(seed: int) -> str:
    """The solar cells, a quarter of each class drawn by the seed as test photos."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for line in csv.DictReader(io.StringIO(demo.solar_csv())):
        by_label[line["label"]].append(line["path"])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "split"])
    for number, (label, paths) in enumerate(sorted(by_label.items())):
        order = np.random.default_rng((seed, number)).permutation(len(paths))
        tests = set(order[: round(len(paths) * TEST_SHARE)].tolist())
        for place, path in enumerate(sorted(paths)):
            writer.writerow([path, label, "test" if place in tests else "train"])
    return text.getvalue()


def told(name: str, run: Run) -> str:
    """A line about a run."""
    accuracy = run.accuracy
    line = f"{name}: {100 * accuracy.value:.2f} % of {run.metrics['images']}"
    line += f" ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}), {run.description['seconds']:.0f} s"
    tuning = run.description.get("fine_tuning")
    return line if tuning is None else f"{line}; adopted: {tuning['adopted']}, {tuning['why']}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--export", type=int, default=1, help="of how many seeds the int8 files are scored")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--crop", type=float, default=1.0)
    parser.add_argument("--blocks", default="last")
    parser.add_argument("--augment", default="flips")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--keep", type=Path, help="folder for the runs; the default is removed")
    parser.add_argument("--skip-insects", action="store_true")
    wanted = parser.parse_args()
    heads, tuned, drops = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        place = wanted.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        for seed in range(wanted.first_seed, wanted.first_seed + wanted.seeds):
            data = place / f"solar-{seed}.csv"
            data.write_text(split_csv(seed))
            options = {"backbone": wanted.backbone, "size": wanted.size, "crop": wanted.crop, "seed": seed}
            progress = console_progress()
            head = edgetl.train(data, out=place / f"head-{seed}", force=True, progress=progress, **options)
            print(told(f"seed {seed}, head alone", head), flush=True)
            heads.append(head.accuracy.value)
            run = edgetl.train(
                data,
                out=place / f"tuned-{seed}",
                force=True,
                resume=True,
                progress=progress,
                fine_tune=wanted.blocks,
                augment=wanted.augment,
                epochs=wanted.epochs,
                **options,
            )
            print(told(f"seed {seed}, fine-tuned", run), flush=True)
            for entry in run.description["fine_tuning"].get("epochs", ()):
                print(f"    {entry}", flush=True)
            tuned.append(run.accuracy.value)
            if seed - wanted.first_seed < wanted.export:
                exported = edgetl.export(
                    run.path, force=True, precisions=("float32", "int8"), progress=progress
                )
                for variant in exported.bundle.manifest.variants:
                    score = variant.score
                    assert score is not None  # every variant that was made is scored
                    drops.append(score.drop.value)
                    print(
                        f"    {variant.name}: {100 * score.accuracy.value:.2f} %, "
                        f"drop {score.drop.value:+.2f} points, agreement {100 * score.agreement:.1f} %",
                        flush=True,
                    )
        if heads:
            print(
                f"solar cells, mean of {len(heads)} splits: head {100 * statistics.mean(heads):.2f} %, ",
                end="",
            )
            print(f"fine-tuned {100 * statistics.mean(tuned):.2f} %; the paper's VGG-19: 88.4 %")
        if drops:
            print(f"largest drop of an int8 file: {max(drops):+.2f} points")
        if not wanted.skip_insects:
            for backbone in ("efficientnet_lite0", "efficientnet_lite1"):
                run = edgetl.train(INSECTS, out=place / f"insects-{backbone}", force=True, backbone=backbone)
                print(told(f"ants and bees, {backbone}", run), flush=True)


if __name__ == "__main__":
    main()
