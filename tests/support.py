"""What several test files build: pictures, and small bundles that are whole and valid.

Import it as ``import support``: pyproject.toml puts tests/ on pytest's path.
"""

import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgetl import demo, images
from edgetl.bundle import MANIFEST
from edgetl.contract import Contract
from edgetl.manifest import FileEntry, Golden, Interval, Manifest, Score, Variant
from edgetl.runtime.probes import Recipes
from edgetl.tasks import Task

SCORE = Score("val", 100, Interval(0.9, 0.82, 0.95), Interval(0.0, -1.0, 1.0), 0.99)


def scene(width: int = 160, height: int = 120, *, seed: int = 0) -> Image.Image:
    """A smooth colour picture that looks different after any flip or turn."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    noise = np.random.default_rng(seed).normal(0, 2, (height, width, 3))
    planes = np.stack([x, y, 0.5 + 0.4 * np.sin(5 * x + 9 * y * y + seed)], axis=-1)
    return Image.fromarray((255 * planes + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, format_name: str = "JPEG", **options: Any) -> bytes:
    """The picture as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def fake_model(probabilities: Sequence[float], shape: tuple[int, int, int], delay_s: float = 0.0) -> bytes:
    """A model.fake, which answers the same whatever it is shown."""
    return json.dumps(
        {"probabilities": list(probabilities), "shape": list(shape), "delay_s": delay_s}
    ).encode()


def write_bundle(
    folder: Path,
    models: Mapping[str, Mapping[str, bytes]],
    expected: Mapping[str, NDArray[np.float32]],
    contract: Contract,
    *,
    pictures: Sequence[bytes],
    pick: str | None = None,
    reject_threshold: float | None = None,
    tolerance: float = 1e-4,
    tasks: tuple[Task, ...] = (),
    probes: Recipes | None = None,
) -> Path:
    """Write a bundle of given models.

    Args:
        folder: where it is to stand; its parent exists.
        models: the files of each variant by variant name (``tflite-int8``) and file name.
        expected: what each variant answers to ``pictures`` and then ``probes``, float32 (n, classes).
        contract: with its labels.
        pictures: encoded ones, for the self-test.
        pick: the recommended variant; None takes the first.
        probes: mixtures of the pictures; None: the bundle has none, as those of an older edgetl.
    """
    folder.mkdir()

    def entry(path: str, data: bytes) -> FileEntry:
        place = folder / path
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
        return FileEntry(path, hashlib.sha256(data).hexdigest(), len(data))

    variants = []
    for name, files in models.items():
        format_name, _, precision = name.partition("-")
        entries = tuple(entry(f"{name}/{file}", data) for file, data in files.items())
        variants.append(Variant(name, format_name, precision, entries, SCORE, tolerance))
    pixels = np.stack([images.decode(picture, contract) for picture in pictures])
    buffer = io.BytesIO()
    arrays = {"pixels": pixels, "keras": next(iter(expected.values()))[: len(pixels)], **expected}
    if probes is not None:
        arrays["probes"] = probes
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    manifest = Manifest(
        name=folder.stem,
        created="2026-11-21T12:00:00+00:00",
        edgetl="0.1.0",
        contract=contract,
        variants=tuple(variants),
        pick=pick or variants[0].name,
        pick_reason="the smallest whose drop stays under one point",
        reject_threshold=reject_threshold,
        golden=Golden(
            tuple(entry(f"golden/{index}.jpg", picture) for index, picture in enumerate(pictures)),
            entry("golden/expected.npz", buffer.getvalue()),
        ),
        provenance={"backbone": "none", "seed": 0},
        tasks=tasks,
        documents=(entry("labels.txt", ("\n".join(contract.labels) + "\n").encode()),),
    )
    (folder / MANIFEST).write_text(manifest.to_json())
    return folder


def write_fake_bundle(
    folder: Path,
    *,
    labels: Sequence[str] = ("ant", "bee", "cat"),
    probabilities: Sequence[float] = (0.2, 0.7, 0.1),
    size: int = 32,
    variants: Sequence[str] = ("fake-float32",),
    reject_threshold: float | None = None,
    delay_s: float = 0.0,
    tasks: tuple[Task, ...] = (),
) -> Path:
    """Write a bundle for the engine that is always there.

    Args:
        folder: where it is to stand, such as ``tmp_path / "insects.edgetl"``.
        labels: the class names.
        probabilities: the answer to every picture, in the order of the labels.
        size: height and width of the pictures it takes.
        variants: their names; all begin with ``fake-``.
        reject_threshold: as in the manifest.
        delay_s: seconds each inference takes.
        tasks: that the labels are cut into; none: exactly one label holds.
    """
    contract = Contract(size, size, labels=tuple(labels))
    pictures = [encoded(scene(seed=seed)) for seed in range(3)]
    model = {"model.fake": fake_model(probabilities, contract.shape, delay_s)}
    answers = np.tile(np.asarray(probabilities, np.float32), (len(pictures), 1))
    return write_bundle(
        folder,
        dict.fromkeys(variants, model),
        dict.fromkeys(variants, answers),
        contract,
        pictures=pictures,
        reject_threshold=reject_threshold,
        tasks=tasks,
    )


def cells_csv(place: Path) -> Path:
    """A CSV file of 160 photos of solar cells: ``state``, ``crystal`` (some empty) and ``marks``, which has
    any number of labels."""
    package = pytest.importorskip("elpv_dataset", reason="needs the photos of the package elpv-dataset")
    folder = Path(package.__file__).parent / "data"
    rows = [line.split() for line in (folder / "labels.csv").read_text("utf-8").splitlines()]
    crystals = {str(folder / name): crystal for name, _, crystal in rows}
    taken: Counter[tuple[str, str, str]] = Counter()
    lines = ["path,state,crystal,marks,split"]
    for line in csv.DictReader(io.StringIO(demo.solar_csv())):
        split, state, crystal = line["split"], line["label"], crystals[line["path"]]
        taken[split, state, crystal] += 1
        count = taken[split, state, crystal]
        if count <= 20:
            marks = ";".join(["bad"] * (state == "defective") + ["poly"] * (crystal == "poly"))
            said = f"{state},{'' if count % 10 == 0 else crystal},{'?' if count % 10 == 1 else marks}"
            lines.append(f"{line['path']},{said},{split}")
    place.write_text("\n".join(lines) + "\n")
    return place


def solar_photos(folder: Path) -> Path:
    """Copy 140 photos of solar cells into ``{train,test}/{defective,functional}``, 40 and 30 a class."""
    pytest.importorskip("elpv_dataset", reason="needs the photos of the package elpv-dataset")
    counts = {"train": 40, "test": 30}
    taken: Counter[tuple[str, str]] = Counter()
    for line in csv.DictReader(io.StringIO(demo.solar_csv())):
        split, label = line["split"], line["label"]
        if taken[split, label] < counts[split]:
            taken[split, label] += 1
            place = folder / split / label
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(line["path"], place)
    return folder
