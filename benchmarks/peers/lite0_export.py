"""EfficientNet-Lite0 with its ImageNet head through ``edgetl export``: what int8 costs, and the minutes.

    python benchmarks/peers/lite0_export.py      # needs ../shared/data/imagenet_even, about 5 minutes

1. int8 in all three formats on the 500 pictures, in two folds: one half calibrates, the other scores.
2. All formats in float32, float16 and int8, every one verified on all 500 pictures (ants and bees of
   ``../shared/data/hymenoptera``, two of the thousand classes, calibrate): seconds of the whole command.

Exits 1 when a format drops more than 0.6 points, agrees on less than 93 %, or the command takes 90 s.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgetl.benchmarks import machine
from edgetl.training import architectures, backbones, weights

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MOST_DROP, LEAST_AGREEMENT, MOST_SECONDS = 0.6, 0.93, 90.0
ANTS, BEES = 310, 309
"""Their places among ImageNet's classes."""


def write_csv(file: Path, rows: list[tuple[Path, int, str]]) -> None:
    """A dataset of paths, labels and splits."""
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["path", "label", "split"])
        writer.writerows(rows)


def save_lite0(file: Path) -> float:
    """Save the network and give its crop fraction."""
    backbone = backbones.get("efficientnet_lite0")
    network = architectures.build(
        backbone,
        size=backbone.default_size,
        width=1.0,
        weights=weights.find(backbone, 1.0, None),
        include_imagenet_head=True,
    )
    network.save(file)
    return backbone.contract().crop_fraction


def export(room: Path, data: Path, precisions: str, crop_fraction: float) -> tuple[Any, float]:
    """Run the command; what it printed as JSON, and its seconds from start to end of the process."""
    out = room / f"{data.stem}.edgetl"
    words = ["export", room / "lite0.keras", "--data", data, "--labels", room / "labels.txt", "--out", out]
    words += ["--crop-fraction", crop_fraction, "--precisions", precisions, "--keep-failing", "--json"]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "edgetl", *map(str, words)], stdout=subprocess.PIPE, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)
    return json.loads(done.stdout), seconds


def main() -> int:
    """Print both tables; 1 when a limit is broken."""
    pictures = sorted((SHARED / "imagenet_even").glob("*.jpg"))
    if not pictures:
        raise SystemExit(f"no pictures in {SHARED / 'imagenet_even'}")
    truth = [int(picture.name.split("_")[0]) for picture in pictures]
    print(f"measured on {machine.describe().label}\n")
    with tempfile.TemporaryDirectory(prefix="edgetl-peers-") as folder:
        room = Path(folder)
        crop = save_lite0(room / "lite0.keras")
        (room / "labels.txt").write_text("".join(f"{number}\n" for number in range(1000)), encoding="utf-8")
        halves = np.array_split(np.random.default_rng(1).permutation(len(pictures)), 2)
        counts: dict[str, np.ndarray] = {}
        for turn, (calibrating, scored) in enumerate((halves, halves[::-1])):
            rows = [(pictures[place], truth[place], "train") for place in calibrating]
            rows += [(pictures[place], truth[place], "test") for place in scored]
            write_csv(room / f"fold{turn}.csv", rows)
            found, _ = export(room, room / f"fold{turn}.csv", "int8", crop)
            for row in found["scored"]:
                score, images = row["variant"]["score"], row["variant"]["score"]["images"]
                shares = np.array([score["accuracy"]["value"], score["drop"]["value"], score["agreement"]])
                name = row["variant"]["name"]
                counts[name] = counts.get(name, np.zeros(4)) + np.array([*(shares * images), images])
        print("| int8, 500 pictures in two folds | top-1 | drop, points | agreement |")
        print("| --- | ---: | ---: | ---: |")
        good = True
        for name, (right, drop, agreeing, images) in counts.items():
            print(f"| {name} | {right / images:.1%} | {drop / images:+.1f} | {agreeing / images:.1%} |")
            good &= drop / images <= MOST_DROP and agreeing / images >= LEAST_AGREEMENT
        rows = [(picture, number, "test") for picture, number in zip(pictures, truth, strict=True)]
        for kind, number in (("ants", ANTS), ("bees", BEES)):
            found_here = sorted((SHARED / "hymenoptera" / "train" / kind).glob("*.jpg"))
            rows += [(picture, number, "train") for picture in found_here]
        write_csv(room / "all.csv", rows)
        _, seconds = export(room, room / "all.csv", "float32,float16,int8", crop)
        print(f"\nall nine variants, each verified on {len(pictures)} pictures: {seconds:.1f} s")
        good &= seconds < MOST_SECONDS
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
