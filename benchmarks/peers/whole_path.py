"""The whole path on two datasets: seconds, accuracy, and how like the trained model every variant answers.

    python benchmarks/peers/whole_path.py [PHOTOS]   # default: ../shared/data/hymenoptera, if it is there

Runs ``edgetl demo`` from an empty cache (solar cells), then trains and exports on the photos of ants and
bees. Exits 1 when the demo takes 5 minutes or falls below 83 %, ants and bees fall below 94 %, a variant
loses more than 1 point, or one agrees with its model on less than 97 % of the pictures.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgetl.benchmarks import machine
from edgetl.bundle import Bundle
from edgetl.reports.units import format_share, format_share_interval, format_size

MOST_SECONDS, MOST_DROP, LEAST_AGREEMENT = 300.0, 1.0, 0.97
LEAST_ACCURACY = {"solar cells": 0.83, "ants and bees": 0.94}


def edgetl(*words: object, cache: Path) -> float:
    """Run a command and give the seconds it took, process start included."""
    start = time.perf_counter()
    environment = {**os.environ, "EDGETL_CACHE": str(cache)}
    # 3 is the gate's exit code: the table below says which variant it was.
    done = subprocess.run(
        [sys.executable, "-m", "edgetl", *map(str, words)],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)
    return time.perf_counter() - start


def report(name: str, run: Path) -> bool:
    """Print a dataset's figures; whether all are within the limits."""
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    accuracy, low, high = (metrics["accuracy"][key] for key in ("value", "low", "high"))
    interval = f"{100 * low:.1f} – {100 * high:.1f} %"
    print(f"{name}: {100 * accuracy:.1f} % of {metrics['images']} {metrics['split']} photos ({interval})")
    good = accuracy >= LEAST_ACCURACY[name]
    variants = Bundle.open(run / f"{run.name}.edgetl").manifest.variants
    for variant in variants:
        score = variant.score
        if score is None:
            sys.exit(f"{variant.name} has no score")
        print(
            f"  {variant.name:<17}{format_size(variant.size_bytes):>9}  "
            f"accuracy {format_share(score.accuracy.value)} ({format_share_interval(score.accuracy)})  "
            f"drop {score.drop.value:+.1f} points  agreement {format_share(score.agreement)}"
        )
        good &= score.drop.value <= MOST_DROP and score.agreement >= LEAST_AGREEMENT
    return good and len(variants) == 6


def main() -> None:
    """Run both and print the table."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"
    photos = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    print(f"measured on {machine.describe().label}")
    with tempfile.TemporaryDirectory() as folder:
        cache, place = Path(folder) / "cache", Path(folder)
        seconds = edgetl("demo", "--out", place / "demo", cache=cache)
        print(f"edgetl demo, empty cache: {seconds:.0f} s")
        good = report("solar cells", place / "demo" / "solar") and seconds < MOST_SECONDS
        if photos.is_dir():
            edgetl("train", photos, "--out", place / "hymenoptera", cache=cache)
            edgetl("export", place / "hymenoptera", cache=cache)
            good &= report("ants and bees", place / "hymenoptera")
        else:
            print(f"ants and bees: skipped, {photos} is not there")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
