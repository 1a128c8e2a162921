"""A fine-tuning that is killed at random moments and resumed ends with the same weights, to the bit.

A small one (solar cells at 96 pixels, last blocks) is trained once undisturbed, then again and again from
nothing: SIGKILL at a random moment of the time the first one took, of the whole process group or, every
other time, of the parent alone; then ``--resume`` to the end. Compared are the SHA-256 of the trained
weights, of the curves and of ``model.keras``.

    python benchmarks/peers/kill_finetune.py [--kills 20] [--photos 200] [--epochs 6] [--seed 0]

Prints a line a kill, and exits with 1 when any weights differ. The first run fills the cache
and is not compared.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from edgetl import cache, demo


def photos_csv(count: int) -> str:
    """So many of the solar cells, three quarters of each class train, a quarter test."""
    most = {"train": count * 3 // 8, "test": count // 8}
    taken: Counter[tuple[str, str]] = Counter()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "split"])
    for line in csv.DictReader(io.StringIO(demo.solar_csv())):
        place = (line["split"], line["label"])
        taken[place] += 1
        if taken[place] <= most[line["split"]]:
            writer.writerow([line["path"], line["label"], line["split"]])
    return text.getvalue()


def command(data: Path, out: Path, epochs: int, *more: str) -> list[str]:
    """The training."""
    fixed = ["--size", "96", "--fine-tune", "last", "--augment", "turns", "--force"]
    return [
        *(sys.executable, "-m", "edgetl", "train", str(data), "--out", str(out)),
        *(*fixed, "--epochs", str(epochs), *more),
    ]


def found(out: Path) -> tuple[str, str, str]:
    """What a run ended with: weights, curves and model file."""
    run = json.loads((out / "run.json").read_text("utf-8"))
    curves = hashlib.sha256(json.dumps(run["fine_tuning"]["epochs"]).encode()).hexdigest()
    return run["fine_tuning"]["weights_sha256"], curves, run["model_sha256"]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    chance = np.random.default_rng(wanted.seed)
    same = 0
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "solar.csv", Path(folder) / "run"
        data.write_text(photos_csv(wanted.photos))
        subprocess.run(command(data, out, wanted.epochs), check=True, capture_output=True)  # fills the cache
        start = time.monotonic()
        subprocess.run(command(data, out, wanted.epochs), check=True, capture_output=True)
        took = time.monotonic() - start
        undisturbed = found(out)
        adopted = json.loads((out / "run.json").read_text("utf-8"))["fine_tuning"]["adopted"]
        print(f"undisturbed: {took:.1f} s, weights {undisturbed[0][:16]}, adopted {adopted}", flush=True)
        for number in range(wanted.kills):
            place = Path(folder) / f"killed-{number}"
            moment = chance.uniform(0.1, 1.0) * took
            process = subprocess.Popen(
                command(data, place, wanted.epochs),
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(moment)
            alone = number % 2 == 1
            if process.poll() is None:
                (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
            process.wait()
            left = sorted(path.parent.name for path in (cache.folder() / "tuning").glob("*/*/*.checkpoint"))
            subprocess.run(command(data, place, wanted.epochs, "--resume"), check=True, capture_output=True)
            equal = found(place) == undisturbed
            same += equal
            print(
                f"kill {number + 1} after {moment:5.1f} s ({'parent' if alone else 'group'}), "
                f"checkpoints of {sorted(set(left)) or 'nothing yet'}: "
                f"{'the same weights, curves and model' if equal else f'DIFFERENT: {found(place)}'}",
                flush=True,
            )
    print(f"{same} of {wanted.kills} resumed to the same weights")
    sys.exit(same != wanted.kills)


if __name__ == "__main__":
    main()
