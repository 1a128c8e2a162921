"""Copies of photos planted beside them: how many `edgetl check` finds, and how many it claims that are none.

    python benchmarks/peers/planted_duplicates.py ../shared/data [--seeds 3] [--count 70] [--only hymenoptera]

Each seed plants an altered copy of each kind of ``--count`` random photos. The first five kinds are those of
the issue, the rest goes beyond. `moved` are two frames of one photo as a moving camera sees it: cut out at
another place, one turned by 1 to 3 degrees, each with noise of its own; there, similar counts as found.

False pairs are claimed as exact or copy and share no original. Pairs of published photos, and of copies of
such a pair, are counted apart. In the solar cells, many of which were cut from neighbouring wafers of one
ingot, 1,542 pairs reach 0.35; 30 of them, drawn at random at 0.35 to 0.7, were looked at and show the same
grain, some mirrored or turned. In the other two datasets there was none.

`--peers` asks imagehash (phash, distance 8 and below, mirrored too) the same, from a Python that has it:
--peers /path/to/python.
"""

import argparse
import csv
import io
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from edgetl import demo
from edgetl.intervals import wilson
from edgetl.training.checking import duplicates
from edgetl.training.dataset import Photo, hash_all

_PNG, _MAGIC = ".png", b"\x89PNG"
KINDS = ("copied", "re-encoded", "resized", "flipped", "cropped")
BEYOND = ("turned", "brightness", "cropped and re-encoded", "everything", "moved")
PEER = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import imagehash, numpy as np
from PIL import Image
def rows(path):
    with Image.open(path) as image:
        image = image.convert("L")
        turned = (image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        return [imagehash.phash(one).hash.ravel() for one in turned]
paths = json.load(sys.stdin)
with ThreadPoolExecutor(2) as pool:
    both = np.array(list(pool.map(rows, paths))).astype(np.float32) * 2 - 1
near = np.maximum(both[:, 0] @ both[:, 0].T, both[:, 0] @ both[:, 1].T) >= 64 - 2 * 8
print(json.dumps(np.argwhere(np.triu(near | near.T, 1)).tolist()))
"""


def paths_of(name: str, data: Path) -> list[Path]:
    """The photos of a dataset."""
    if name == "solar":
        return [Path(row["path"]) for row in csv.DictReader(io.StringIO(demo.solar_csv()))]
    return sorted((data / name).rglob("*.jpg"))


def saved(image: Image.Image, name: str | None, quality: int = 90) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, name, **({"quality": quality} if name == "JPEG" else {}))
    return buffer.getvalue()


def cropped(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """5 % off each side, or off random sides."""
    width, height = image.size
    cuts = 0.05 * (np.ones(4) if random.random() < 0.5 else random.integers(0, 2, 4))
    cuts[0] = 0.05 if not cuts.any() else cuts[0]
    left, top, right, bottom = cuts.tolist()
    box = (width * left, height * top, width - width * right, height - height * bottom)
    return image.crop(box)


def resized(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """To 0.5 to 0.8 of its size."""
    scale = random.uniform(0.5, 0.8)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def brightened(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Another exposure."""
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.7, 1.3))
    return ImageEnhance.Contrast(image).enhance(random.uniform(0.8, 1.2))


def altered(data: bytes, kind: str, random: np.random.Generator) -> bytes:
    """A copy of a photo."""
    if kind == "copied":
        return data
    opened = Image.open(io.BytesIO(data))
    name, quality = opened.format, int(random.integers(60, 91))
    opened.load()
    image: Image.Image = opened
    if kind == "re-encoded":
        return saved(image, "PNG" if name == "JPEG" and random.random() < 0.3 else "JPEG", quality)
    if kind == "resized":
        return saved(resized(image, random), name)
    if kind == "flipped":
        return saved(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), name)
    if kind == "cropped":
        return saved(cropped(image, random), name)
    if kind == "turned":
        turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
        return saved(image.transpose(turns[random.integers(3)]), name)
    if kind == "brightness":
        return saved(brightened(image, random), name)
    if kind == "cropped and re-encoded":
        return saved(cropped(image, random), "JPEG", quality)
    image = resized(cropped(image, random), random)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return saved(brightened(image, random), "JPEG", quality)


def frames(data: bytes, random: np.random.Generator) -> tuple[bytes, bytes]:
    """What a moving camera sees at two moments."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    shift = random.uniform(0.02, 0.08, 2) * random.choice([-1, 1], 2) * (width, height)
    angle = random.uniform(1, 3) * random.choice([-1, 1])
    moved = image.rotate(angle, Image.Resampling.BICUBIC, translate=(round(shift[0]), round(shift[1])))
    moved = ImageEnhance.Brightness(moved).enhance(random.uniform(0.9, 1.1))
    seen = []
    for frame in (image, moved):
        part = frame.crop((width * 2 // 25, height * 2 // 25, width * 23 // 25, height * 23 // 25))
        noisy = np.asarray(part, np.float32) + random.normal(0, 3, (part.height, part.width, 3))
        seen.append(saved(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), "JPEG", 88))
    return seen[0], seen[1]


def plant(paths: list[Path], count: int, seed: int, folder: Path) -> tuple[list[Path], list[int], list[str]]:
    """Photos with planted ones behind them, the number of the original of each, and its kind."""
    random = np.random.default_rng(seed)
    photos, owners, kinds = list(paths), list(range(len(paths))), ["published"] * len(paths)

    def add(data: bytes, owner: int, kind: str) -> None:
        place = folder / f"{len(photos)}{_PNG if data.startswith(_MAGIC) else '.jpg'}"
        place.write_bytes(data)
        photos.append(place)
        owners.append(owner)
        kinds.append(kind)

    for kind in (*KINDS, *BEYOND[:-1]):
        for owner in random.permutation(len(paths))[:count].tolist():
            add(altered(paths[owner].read_bytes(), kind, random), owner, kind)
    for owner in random.permutation(len(paths))[:count].tolist():
        for frame in frames(paths[owner].read_bytes(), random):
            add(frame, owner, "moved")
    return photos, owners, kinds


def pairs_of(
    groups: tuple[duplicates.Group, ...], numbers: dict[Path, int], kinds: str
) -> set[tuple[int, int]]:
    """Pairs of photos in one group."""
    chosen = (group for group in groups if group.kind in kinds.split())
    return {
        pair
        for group in chosen
        for pair in itertools.combinations(sorted(numbers[photo.path] for photo in group.photos), 2)
    }


def tally(
    claims: set[tuple[int, int]], loose: set[tuple[int, int]], owners: list[int], kinds: list[str]
) -> Counter[str]:
    """Found and planted of each kind, and pairs that are neither planted nor of two published photos."""
    told: Counter[str] = Counter()
    first = kinds.index("copied")
    for number in range(first, len(owners)):
        kind = kinds[number]
        if kind == "moved":
            if kinds[:number].count("moved") % 2 == 0:
                told[f"{kind} planted"] += 1
                told[f"{kind} found"] += (number, number + 1) in claims | loose
            continue
        told[f"{kind} planted"] += 1
        told[f"{kind} found"] += (owners[number], number) in claims
    # A copy of a published near duplicate of the same photo is as real as that is.
    known = {tuple(sorted((owners[a], owners[b]))) for a, b in claims | loose if max(a, b) < first}
    for a, b in claims:
        if owners[a] != owners[b]:
            pair = tuple(sorted((owners[a], owners[b])))
            told["published pairs" if pair in known else "false pairs"] += 1
    return told


def main() -> int:
    """Print a table for each dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--count", type=int, default=70)
    parser.add_argument("--only", choices=("hymenoptera", "solar", "imagenet_even"))
    parser.add_argument("--peers", help="a Python with imagehash")
    chosen = parser.parse_args()
    for name in [chosen.only] if chosen.only else ["hymenoptera", "solar", "imagenet_even"]:
        told: dict[str, Counter[str]] = {"edgetl": Counter(), "imagehash": Counter()}
        seconds = dict.fromkeys(told, 0.0)
        total = 0
        for seed in range(chosen.seeds):
            with tempfile.TemporaryDirectory() as folder:
                photos, owners, kinds = plant(paths_of(name, chosen.data), chosen.count, seed, Path(folder))
                total += len(photos)
                start = time.perf_counter()
                known = [
                    Photo(path, 0, "train" if kind == "published" else "test", digest)
                    for path, digest, kind in zip(photos, hash_all(photos), kinds, strict=True)
                ]
                groups = duplicates.find(known)
                seconds["edgetl"] += time.perf_counter() - start
                numbers = {path: number for number, path in enumerate(photos)}
                claims = pairs_of(groups, numbers, "exact copy")
                told["edgetl"] += tally(claims, pairs_of(groups, numbers, "similar"), owners, kinds)
                if chosen.peers:
                    start = time.perf_counter()
                    done = subprocess.run(
                        [chosen.peers, "-c", PEER],
                        input=json.dumps([str(path) for path in photos]),
                        capture_output=True,
                        text=True,
                        check=True,
                    )
                    seconds["imagehash"] += time.perf_counter() - start
                    theirs = {(int(a), int(b)) for a, b in json.loads(done.stdout)}
                    told["imagehash"] += tally(theirs, set(), owners, kinds)
        print(f"\n## {name}, {chosen.seeds} seeds, {total // chosen.seeds} photos\n")
        for tool in [tool for tool in told if seconds[tool]]:
            print(f"| {tool} | found | 95 % interval |\n| --- | ---: | ---: |")
            lines = told[tool]
            for kind in (*KINDS, *BEYOND):
                share = wilson(lines[f"{kind} found"], lines[f"{kind} planted"])
                print(
                    f"| {kind} | {lines[f'{kind} found']} of {lines[f'{kind} planted']} | "
                    f"{100 * share.low:.1f} to {100 * share.high:.1f} % |"
                )
            right = sum(lines[f"{kind} found"] for kind in (*KINDS, *BEYOND))
            false = wilson(lines["false pairs"], max(1, lines["false pairs"] + right))
            print(
                f"| false pairs among claims | {lines['false pairs']} | {100 * false.low:.2f} to "
                f"{100 * false.high:.2f} % |\n"
                f"| pairs of published photos, and of their copies | {lines['published pairs']} | |\n\n"
                f"{seconds[tool] / chosen.seeds:.1f} s a seed\n",
                flush=True,
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
