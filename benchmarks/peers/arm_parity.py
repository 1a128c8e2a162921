"""What an emulated Raspberry Pi computes, beside what this x86-64 machine computes, with the same files.

    make test-arm                                                       # once, sets up the boards
    PYTHONPATH=tests .venv/bin/python benchmarks/peers/arm_parity.py    # needs ../shared, about 12 minutes
        [--pi pi4,pi5] [--suite bookworm] [--bundle BUNDLE]

Decodes 50 photos of ants and bees, ten of them made grey, CMYK, palette, 16-bit and turned by EXIF, and runs
them in every engine with one thread, on both sides. Exits 1 when a limit of ROWS is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT.parent / "shared" / "data" / "hymenoptera" / "val"
EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Row:
    """A variant in an engine, and how near it must come to x86."""

    engine: str
    variant: str
    pictures: int
    """Float models, and OpenVINO, take seconds a picture under emulation: fewer of them."""
    reference: str
    """The engine on x86; tflite-runtime's users have a bundle that LiteRT scored."""
    same_embedding: bool = False
    """Whether the second output must be the same to the bit: up to there an int8 variant counts in integers.
    Its head is float, and a sum in another order ends in another last bit."""
    most_difference: float | None = None
    """Of any output, embedding included."""
    least_agreement: float = 1.0
    needs_dot_product: bool = False


ROWS = (
    Row("litert", "tflite-int8", 50, "litert", same_embedding=True, most_difference=1e-6),
    Row("litert", "tflite-float32", 10, "litert", most_difference=1e-5),
    Row("onnxruntime", "onnx-int8", 50, "onnxruntime", least_agreement=0.98),
    Row("onnxruntime", "onnx-float32", 10, "onnxruntime", most_difference=1e-5),
    Row("openvino", "openvino-float32", 10, "openvino", most_difference=5e-5),
    Row("openvino", "openvino-int8", 10, "openvino", least_agreement=0.98, needs_dot_product=True),
    Row("tflite-runtime", "tflite-int8", 50, "litert", least_agreement=0.98),
    Row("tflite-runtime", "tflite-float32", 10, "litert", most_difference=1e-5),
)
COLUMNS = (
    "engine",
    "variant",
    "pictures",
    "all outputs the same",
    "same embedding",
    "values that differ",
    "probability moved by",
    "any output moved by",
    "same top-1",
)
Answers = dict[str, NDArray[Any]]


def write_pictures(folder: Path) -> list[Path]:
    """Copy 40 photos, and make ten of others in the ways that decoders differ in."""
    photos = sorted(PHOTOS.glob("*/*.jpg"))[::3][:50]
    makers: list[Callable[[Image.Image, Path], None]] = [
        lambda image, path: image.convert("L").save(path.with_suffix(".grey.jpg")),
        lambda image, path: image.convert("CMYK").save(path.with_suffix(".cmyk.jpg")),
        lambda image, path: image.quantize(64).save(path.with_suffix(".palette.png")),
        lambda image, path: deep(image).save(path.with_suffix(".deep.png")),
        lambda image, path: image.save(path.with_suffix(".turned.jpg"), exif=turned()),
    ]
    for number, photo in enumerate(photos):
        place = folder / f"{number:02}-{photo.name}"
        if number % 5:
            place.write_bytes(photo.read_bytes())
        else:
            with Image.open(photo) as image:
                makers[number // 5 % len(makers)](image, place)
    return sorted(folder.iterdir())


def deep(image: Image.Image) -> Image.Image:
    """The photo in grey of 16 bits."""
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    return Image.fromarray(grey * 257 - grey % 7)


def turned() -> Image.Exif:
    """EXIF that says the camera was held upright."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    return exif


def answer(request: dict[str, Any], out: Path) -> None:
    """Decode and run; what both sides do. Writes pixels, and each row's outputs (pictures, values)."""
    from edgetl import images
    from edgetl.bundle import Bundle
    from edgetl.runtime import engines

    bundle = Bundle.open(request["bundle"])
    contract = bundle.manifest.contract
    answers: Answers = {}
    for place, path in enumerate(request["pictures"]):
        # In full size: the contract's own decoding may shrink a JPEG while it decodes it.
        with Image.open(path) as image:
            answers[f"decoded {place}"] = np.asarray(image)
    answers["pixels"] = pixels = np.stack([images.decode(path, contract) for path in request["pictures"]])
    for engine, name, count in request["rows"]:
        variant = bundle.variant(name)
        row = engines.for_format(variant.format, engine)
        with engines.start(row, bundle.model_files(variant), num_threads=1) as model:
            outputs = [model.run(pixels[place : place + 1]) for place in range(count)]
        for number in range(len(outputs[0])):
            answers[f"{engine} {name} {number}"] = np.concatenate([parts[number] for parts in outputs])
    np.savez(out, **answers)  # type: ignore[arg-type]


def ask(python: Path | str, request: dict[str, Any], folder: Path) -> Answers:
    """Let a Python answer, in a process of its own."""
    question, out = folder / "request.json", folder / "answers.npz"
    question.write_text(json.dumps(request))
    environment = dict(os.environ)
    if python != sys.executable:
        environment.pop("PYTHONPATH", None)
    command = [str(python), str(Path(__file__)), "--answer", str(question), str(out)]
    subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL)
    with np.load(out) as loaded:
        return dict(loaded)


def compare(row: Row, here: Answers, there: Answers, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The cells of a row, and the limits it misses; pictures that change their label are printed."""
    prefix, ours = f"{row.reference} {row.variant} ", f"{row.engine} {row.variant} "
    pairs = [(here[name][: row.pictures], there[ours + name.removeprefix(prefix)])
             for name in sorted(here) if name.startswith(prefix)]  # fmt: skip
    differing = sum(int((one != other).sum()) for one, other in pairs)
    values = sum(one.size for one, _ in pairs)
    same_rows = np.all([(one == other).reshape(row.pictures, -1).all(axis=1) for one, other in pairs], axis=0)
    same_embedding = len(pairs) > 1 and all(np.array_equal(one, other) for one, other in pairs[1:])
    largest = max(float(np.abs(one - other).max()) for one, other in pairs)
    probabilities = pairs[0]
    moved = float(np.abs(probabilities[0] - probabilities[1]).max())
    tops = [side.argmax(axis=1) for side in probabilities]
    agreement = float((tops[0] == tops[1]).mean())
    for place in np.flatnonzero(tops[0] != tops[1]).tolist():
        here_now, there_now = (np.round(side[place], 4).tolist() for side in probabilities)
        print(f"  {row.engine} {row.variant}: {names[place]} becomes {there_now}, on x86 {here_now}")
    missed = []
    if row.same_embedding and not same_embedding:
        missed.append("has another embedding")
    if row.most_difference is not None and largest > row.most_difference:
        missed.append(f"differs by more than {row.most_difference:g}")
    if agreement < row.least_agreement:
        missed.append(f"agrees on less than {100 * row.least_agreement:g} %")
    cells = [row.engine, row.variant, f"{row.pictures}", f"{int(same_rows.sum())}"]
    cells.append("yes" if same_embedding else "no")
    cells += [f"{100 * differing / values:.3g} %", f"{moved:.1e}", f"{largest:.1e}", f"{100 * agreement:g} %"]
    return cells, missed


def pixels_differ(here: Answers, there: Answers, names: Sequence[str]) -> list[str]:
    """The pictures that are decoded or resized to other pixels there."""
    return [
        name
        for place, name in enumerate(names)
        if not np.array_equal(here[f"decoded {place}"], there[f"decoded {place}"])
        or not np.array_equal(here["pixels"][place], there["pixels"][place])
    ]


def report(rows: Sequence[Row], here: Answers, there: Answers, names: Sequence[str]) -> int:
    """Print what differs, as a table, and return how many limits are missed."""
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- | --- |' + ' ---: |' * (len(COLUMNS) - 2)}")
    failures = 0
    for row in rows:
        cells, missed = compare(row, here, there, names)
        failures += len(missed)
        print(f"| {' | '.join(cells)} |{'  MISSED: ' * bool(missed)}{'; '.join(missed)}")
    different = pixels_differ(here, there, names)
    print(f"\npixels: {len(names) - len(different)} of {len(names)} pictures become the same bytes")
    print("".join(f"  other pixels: {name}\n" for name in different), end="", flush=True)
    return failures + len(different)


def main() -> int:
    """Ask both sides and print what differs; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pi", default="pi4,pi5")
    parser.add_argument("--suite", default="bookworm", help="the one whose Python is 3.11 has tflite-runtime")
    parser.add_argument("--bundle", type=Path, help="default: the bundle of `make test-arm`")
    arguments = parser.parse_args()
    if not PHOTOS.is_dir():
        parser.error(f"{PHOTOS} is not there: the comparison needs its photos")

    from arm import folders, packages, userland, workstation
    from arm.__main__ import installations
    from arm.boards import BOARDS

    boards = [BOARDS[name] for name in arguments.pi.split(",")]
    with folders.alone(folders.cache()):
        bundle = arguments.bundle or workstation.bundle()
        wheel = workstation.wheel()
        places = [userland.make(board, arguments.suite) for board in boards]
        installed = [
            (place, each, packages.install(place, each.extras, wheel))
            for place in places
            for each in installations(place.board.name, place.suite)
        ]
    failures = 0
    with tempfile.TemporaryDirectory(prefix="edgetl-parity-") as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        pictures = write_pictures(folder / "pictures")

        def request(rows: set[tuple[str, str, int]]) -> dict[str, Any]:
            return {"bundle": str(bundle), "pictures": list(map(str, pictures)), "rows": sorted(rows)}

        here = ask(
            sys.executable, request({(row.reference, row.variant, row.pictures) for row in ROWS}), folder
        )
        for place, each, python in installed:
            rows = [
                row
                for row in ROWS
                if row.engine in each.engines and place.board.has_dot_product >= row.needs_dot_product
            ]
            there = ask(python, request({(row.engine, row.variant, row.pictures) for row in rows}), folder)
            print(f"\n{place.board.model}, {place.board.cpu}, emulated: {place.label}; one thread\n")
            failures += report(rows, here, there, [picture.name for picture in pictures])
    print(f"\n{failures} limits missed" if failures else "\nevery limit is kept")
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--answer"]:
        answer(json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3]))
    else:
        sys.exit(main())
