"""Does memory grow? Classifies a picture 200,000 times in each engine and watches the resident memory.

    python benchmarks/peers/soak.py BUNDLE [--count 200000] [--engines litert,onnxruntime,openvino]

Each engine runs in a process of its own, with one thread, all at the same time. Every classification goes
the whole way, from the bytes of one of eight JPEGs to the label. Growth is counted from the thousandth one
on. Exits 1 when an engine grows by 2 MB or more, or gives another answer at the end than at the start.
"""

import argparse
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

import edgetl
from edgetl.benchmarks import machine
from edgetl.benchmarks.running import memory
from edgetl.bundle import Bundle
from edgetl.runtime import choosing

MOST_GROWTH_BYTES = 2_000_000
FIRST, SAMPLES = 1000, 20


def main() -> int:
    """Print a line for each engine; 1 when one grows."""
    parser = argparse.ArgumentParser(description="Whether memory grows.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--engines", default="litert,onnxruntime,openvino")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(soak(arguments.bundle, arguments.child, arguments.count)))
        return 0
    print(f"measured on {machine.describe().label}: {arguments.count:,} classifications each")
    children = {
        engine: subprocess.Popen([sys.executable, *sys.argv, "--child", engine], stdout=subprocess.PIPE)
        for engine in arguments.engines.split(",")
    }
    missed = 0
    for engine, child in children.items():
        told, _ = child.communicate()
        if child.returncode:
            print(f"{engine:<16} FAILED with code {child.returncode}")
            missed += 1
            continue
        found = json.loads(told)
        grown = [size - found["resident"][0] for size in found["resident"]]
        wrong = "" if found["same"] else ", OTHER ANSWERS AT THE END"
        print(
            f"{engine:<16} {found['variant']:<16} {found['resident'][0] / 1e6:.1f} MB after {FIRST:,}, "
            f"{max(grown) / 1e6:+.2f} MB at most later, {grown[-1] / 1e6:+.2f} MB in the end; "
            f"{1e3 * found['seconds'] / arguments.count:.2f} ms each{wrong}"
        )
        missed += max(grown) >= MOST_GROWTH_BYTES or not found["same"]
    return 1 if missed else 0


def soak(path: Path, engine: str, count: int) -> dict[str, object]:
    """Classify so many pictures and sample the resident memory, bytes."""
    variant, _ = choosing.choose(Bundle.open(path), None, engine)
    pictures = [jpeg(seed) for seed in range(8)]
    resident: list[int] = []
    start = time.perf_counter()
    with edgetl.load(path, variant.name, engine, num_threads=1) as model:
        first = [model.classify(picture).probabilities.tobytes() for picture in pictures]
        for number in range(1, count + 1):
            model.classify(pictures[number % len(pictures)])
            if number == FIRST or (number > FIRST and number % max(1, count // SAMPLES) == 0):
                resident.append(memory.resident_bytes("VmRSS") or 0)
        last = [model.classify(picture).probabilities.tobytes() for picture in pictures]
    seconds = time.perf_counter() - start
    return {"variant": variant.name, "resident": resident, "seconds": seconds, "same": first == last}


def jpeg(seed: int) -> bytes:
    """A noisy picture of 320 x 240."""
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).resize((320, 240), Image.Resampling.BICUBIC).save(data, "JPEG")
    return data.getvalue()


if __name__ == "__main__":
    sys.exit(main())
