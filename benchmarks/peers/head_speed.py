"""The head at 50,000 photos x 1,280 features x 100 classes, beside scikit-learn: time, memory, loss.

The features are synthetic and as correlated as real ones: normal, with the covariance of the features that
EfficientNet-Lite0 gives 500 photos of ImageNet, around a centre for each class. Each solver runs in a
process of its own with the same photos; what the features themselves take is told apart. scikit-learn's
LogisticRegression (L-BFGS) is given the strength that edgetl chose, in its own unit, on standardised
features, and stops after 200 steps: its own default is 100.

    python benchmarks/peers/head_speed.py ../shared/data [--photos 50000] [--classes 100]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import files
from edgetl.progress import SILENT
from edgetl.training import dataset, features, prepare
from edgetl.training.heads import head

HELD = 5_000
APART = 0.16  # of the class centres, against a spread of 1: some nine photos in ten are told right
WIDTH = 1280


def covariance(shared: Path) -> NDArray[np.float32]:
    """float32 (k, 1280): a root of the covariance of real features."""
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    engine = prepare.choose_engine("auto")
    prepared = prepare.prepare(choice, engine=engine, classes=2, progress=SILENT)
    paths = sorted((shared / "imagenet_even").iterdir())
    hashes = dataset.hash_all(paths)
    photos = [dataset.Photo(path, 0, "train", sha) for path, sha in zip(paths, hashes, strict=True)]
    table, _ = features.extract(photos, prepared, SILENT)
    rows = np.stack([table[photo.sha256] for photo in photos])
    spectrum, directions = np.linalg.eigh(np.cov(rows.T))
    # 500 photos show 499 directions; the rest gets what the weakest of those have.
    floor = np.sort(spectrum)[-len(rows) + 1]
    return np.asarray((directions * np.sqrt(np.maximum(spectrum, floor))).T, np.float32)


def photos_like(
    root: NDArray[np.float32], count: int, classes: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Synthetic features and labels; made in place, block by block."""
    random = np.random.default_rng(0)
    centres = APART * random.normal(size=(classes, WIDTH)).astype(np.float32)
    labels = random.integers(0, classes, count)
    rows = np.empty((count, WIDTH), np.float32)
    for start in range(0, count, 4096):
        part = labels[start : start + 4096]
        rows[start : start + 4096] = (
            random.normal(size=(len(part), WIDTH)).astype(np.float32) + centres[part]
        ) @ root + 0.5
    return rows, labels


def solve(which: str, root: str, count: int, classes: int, strength: float) -> None:
    """Solve in this process; prints the figures as JSON."""
    rows, labels = photos_like(np.load(root)["root"], count + HELD, classes)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    if which == "edgetl":
        solved = head.fit(rows[:count], labels[:count], held_out=None)
        seconds = time.perf_counter() - start
        probabilities, strength = solved.probabilities(rows[count:]), solved.strength
    else:
        from sklearn.linear_model import LogisticRegression

        centre = rows[:count].mean(axis=0)
        scale = np.float32(np.sqrt(rows[:count].var(axis=0).mean()))
        model = LogisticRegression(C=strength, max_iter=200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged is told below
            model.fit((rows[:count] - centre) / scale, labels[:count])
        seconds = time.perf_counter() - start
        probabilities = model.predict_proba((rows[count:] - centre) / scale)
    after = resource.getrusage(resource.RUSAGE_SELF)
    truth = labels[count:]
    figures = {
        "seconds": seconds,
        "cpu": after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime,
        "more_mb": (after.ru_maxrss - before.ru_maxrss) / 1024,
        "accuracy": float((probabilities.argmax(axis=1) == truth).mean()),
        "loss": float(-np.log(np.maximum(probabilities[np.arange(HELD), truth], 1e-12)).mean()),
        "strength": strength,
    }
    print(json.dumps(figures))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--photos", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=100)
    options = parser.parse_args()
    strength = 1.0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root.npz"
        files.write_arrays(root, root=covariance(options.shared))
        print(f"{options.photos} photos, {WIDTH} features, {options.classes} classes, {HELD} held out")
        for which in ("edgetl", "scikit-learn"):
            command = [sys.executable, __file__, which, root, options.photos, options.classes, strength]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            strength = found["strength"]
            print(
                f"    {which:13} {found['seconds']:7.1f} s ({found['cpu']:.0f} s of CPU), "
                f"{found['more_mb']:6.0f} MB more than the features, "
                f"accuracy {found['accuracy']:.2%}, log loss {found['loss']:.4f}, C = {strength:g}",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in ("edgetl", "scikit-learn"):
        solve(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
