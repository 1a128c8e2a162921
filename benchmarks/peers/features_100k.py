"""The features of 100,000 pictures: flat memory, and three kills without a lost or repeated picture.

    python benchmarks/peers/features_100k.py [--count 100000] [--kills 3] [--size 224] [--folder DIR]

The pictures are the solar cells and the ants and bees of ``../shared``, again and again, each copy with eight
bytes more at its end: another file with the same picture (46 kB each, 4.6 GB in DIR). A process of its own
reads the dataset and extracts. It is killed (SIGKILL) when a random number of pictures is done, and started
again. What is on the disk is counted from outside, from the sizes of the files. Lost is a picture that the
process had said was done and that is not on the disk; repeated is one that is there twice. In the end 200 of
them are computed anew, into an empty cache, and compared bit by bit. Exits 1 when something is lost, repeated
or different, or when the memory of the last process grew by 50 MB or more after its first tenth.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgetl import cache
from edgetl.benchmarks import machine
from edgetl.benchmarks.running import memory
from edgetl.demo import solar_csv
from edgetl.progress import SILENT, Progress
from edgetl.training import dataset, features, prepare
from edgetl.training.features.shards import SUFFIX, record_bytes
from edgetl.training.prepare import Prepared

MOST_GROWTH_BYTES = 50_000_000
SAMPLE = 200
HYMENOPTERA = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"


@dataclass
class Life:
    """One process, from its start to its end or its kill."""

    resident: list[tuple[int, int]] = field(default_factory=list)
    """Pictures done and resident bytes, twice a second while it extracts."""
    peak: int = 0
    """Largest resident memory, bytes, the reading of the dataset included."""
    missing: int = 0
    """Pictures that it found still to be done."""
    done: int = 0
    """Pictures it said it had done."""
    seconds: float = 0.0
    """Of extraction."""


class Told(Progress):
    """Prints what is done and what memory is taken as a line of JSON, twice a second."""

    @contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """As :meth:`Progress.step`."""
        done, said, start = 0, 0.0, time.monotonic()

        def tell() -> None:
            figures = {"done": done, "missing": total, "seconds": time.monotonic() - start}
            figures |= {name: memory.resident_bytes(name) for name in ("VmRSS", "VmHWM")}
            print(json.dumps(figures), flush=True)

        def advance(count: int) -> None:
            nonlocal done, said
            done += count
            if time.monotonic() > said + 0.5:
                said = time.monotonic()
                tell()

        yield advance
        if total is not None:
            tell()


def backbone(size: int | None) -> Prepared:
    """EfficientNet-Lite0, from the cache."""
    choice = prepare.choose("efficientnet_lite0", size=size, width=1.0, weights_file=None)
    return prepare.prepare(choice, engine=prepare.choose_engine("auto"), classes=2, progress=SILENT)


def extract(folder: Path, size: int | None) -> None:
    """What the process that is killed does."""
    photos = dataset.read(folder)
    _, unreadable = features.extract(photos.photos, backbone(size), Told())
    if unreadable:
        raise SystemExit(f"{len(unreadable)} pictures cannot be read")


def copy(folder: Path, count: int) -> None:
    """Write so many pictures, half of them train."""
    lines = solar_csv().splitlines()[1:]
    sources = [Path(line.split(",")[0]) for line in lines] + sorted(HYMENOPTERA.glob("*/*/*.jpg"))
    contents = [(path.suffix, path.read_bytes()) for path in sources]
    for number in range(count):
        suffix, content = contents[number % len(contents)]
        place = folder / ("train", "val")[number % 2] / ("a", "b")[number // 2 % 2] / f"{number:07}{suffix}"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content + number.to_bytes(8, "big"))


def live(arguments: argparse.Namespace, data: Path, kill_at: int | None) -> Life:
    """Start the process and let it end, or kill it when it has done so many pictures."""
    command = [sys.executable, __file__, "--child", str(data)]
    command += ["--size", str(arguments.size)] if arguments.size else []
    life = Life()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            told = json.loads(line)
            life.done, life.missing, life.seconds = told["done"], told["missing"], told["seconds"]
            life.resident.append((told["done"], told["VmRSS"]))
            life.peak = told["VmHWM"]
            if kill_at is not None and life.done >= kill_at:
                child.send_signal(signal.SIGKILL)
                kill_at = None
    if child.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"the process ended with code {child.returncode}")
    return life


def on_disk(prepared: Prepared) -> int:
    """Records in the cache, by the sizes of its files."""
    size = record_bytes(max(part.stop for part in prepared.columns.values()))
    shards = (cache.folder() / "features" / prepared.key).glob(f"*/*{SUFFIX}")
    return sum(max(0, shard.stat().st_size - 16) // size for shard in shards)


def differing(data: Path, prepared: Prepared, folder: Path) -> int:
    """How many of a sample are not, to the bit, what a fresh cache gives."""
    photos = dataset.read(data).photos
    chosen = np.random.default_rng(1).permutation(len(photos))[:SAMPLE]
    sample = [photos[number] for number in chosen]
    hashes = [photo.sha256 for photo in sample]
    kept, _ = features.extract(sample, prepared, SILENT)
    os.environ[cache.VARIABLE] = str(folder)
    fresh, _ = features.extract(sample, prepared, SILENT)
    return int((kept.rows(hashes) != fresh.rows(hashes)).any(axis=1).sum())


def main() -> int:
    """Print a line for each life of the process; 1 when something went wrong."""
    parser = argparse.ArgumentParser(description="Features of 100,000 pictures, killed on the way.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--size", type=int, help="pixels; default the backbone's own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, help="where the pictures are, or are to be; default a temporary one"
    )
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        extract(arguments.child, arguments.size)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        return measure(arguments, Path(temporary))


def measure(arguments: argparse.Namespace, temporary: Path) -> int:
    """All of it, with a cache of its own but for the backbone."""
    data = arguments.folder or temporary / "photos"
    copy(data, arguments.count)
    prepared = backbone(arguments.size)
    backbones = temporary / "cache" / "backbones"
    backbones.mkdir(parents=True)
    (backbones / prepared.folder.name).symlink_to(prepared.folder.resolve())
    os.environ[cache.VARIABLE] = str(temporary / "cache")
    what = f"{arguments.count:,} pictures at {prepared.choice.size} pixels"
    print(f"measured on {machine.describe().label}: {what}", flush=True)
    moments = sorted(np.random.default_rng(arguments.seed).random(arguments.kills).tolist())
    lost = 0
    for moment in [*moments, None]:
        before = on_disk(prepared)
        kill_at = None if moment is None else max(1, round(moment * arguments.count) - before)
        life = live(arguments, data, kill_at)
        kept = on_disk(prepared) - before
        lost += max(0, life.done - kept) + abs(arguments.count - before - life.missing)
        first = next(size for done, size in life.resident if done >= life.missing // 10 or done == life.done)
        largest = max(size for _, size in life.resident)
        print(
            f"found {before:>7,} done, did {kept:>7,} at {life.done / max(life.seconds, 1e-9):.0f}/s, "
            f"{'ended' if moment is None else 'killed'}: resident {first / 1e6:.0f} MB after a tenth, "
            f"{largest / 1e6:.0f} MB at most later, {life.peak / 1e6:.0f} MB with the reading of the dataset",
            flush=True,
        )
    repeated = on_disk(prepared) - arguments.count
    wrong = differing(data, prepared, temporary / "fresh")
    compared = min(SAMPLE, arguments.count)
    print(f"lost {lost}, repeated {repeated}, {wrong} of {compared} differ from a fresh cache")
    return 1 if lost or repeated or wrong or largest - first >= MOST_GROWTH_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
