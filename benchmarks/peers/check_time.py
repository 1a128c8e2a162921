"""``edgetl check`` on photos: without features, with them, again, and what a training after it still takes.

python benchmarks/peers/check_time.py [DATA]      # default: ../shared/data/hymenoptera
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run(cache: Path, *words: str | Path) -> float:
    """Seconds of the whole command, process start included; 3 says that the photos have errors."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "edgetl", *words],
        env={**os.environ, "EDGETL_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode not in (0, 3):
        raise SystemExit(f"edgetl {' '.join(map(str, words))} exited {done.returncode}")
    return time.perf_counter() - start


def main() -> None:
    """Run and print the table."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cache, out = place / "cache", ("--out", place / "page.html")
        print(f"without features, empty cache  {run(cache, 'check', data, '--no-features', *out):.2f} s")
        print(f"without features, again        {run(cache, 'check', data, '--no-features', *out):.2f} s")
        print(f"with features, first time      {run(cache, 'check', data, *out):.2f} s")
        print(f"with features, again           {run(cache, 'check', data, *out):.2f} s")
        print(f"edgetl train after it          {run(cache, 'train', data, '--out', place / 'run'):.2f} s")
        alone = run(place / "other", "train", data, "--out", place / "alone")
        print(f"edgetl train without it        {alone:.2f} s")


if __name__ == "__main__":
    main()
