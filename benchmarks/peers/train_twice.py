"""``edgetl train`` on photos twice: from an empty cache, and with a warm one.

python benchmarks/peers/train_twice.py [DATA]      # default: ../shared/data/hymenoptera
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def train(data: Path, out: Path, cache: Path) -> tuple[float, dict[str, float]]:
    """Seconds of the whole command, process start included, and the accuracy it reports."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "edgetl", "train", data, "--out", out],
        env={**os.environ, "EDGETL_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - start
    return seconds, json.loads((out / "metrics.json").read_text("utf-8"))["accuracy"]


def main() -> None:
    """Run and print the table."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        cold, accuracy = train(data, Path(folder) / "cold", cache)
        warm, again = min(
            (train(data, Path(folder) / f"warm-{number}", cache) for number in range(3)),
            key=lambda run: run[0],
        )
    print(f"first run {cold:.2f} s, accuracy {100 * accuracy['value']:.1f} %")
    print(f"warm run  {warm:.2f} s (best of 3), accuracy {100 * again['value']:.1f} %")
    print(f"warm is {cold / warm:.1f} times faster")


if __name__ == "__main__":
    main()
