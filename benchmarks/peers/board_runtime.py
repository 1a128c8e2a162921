"""What the board's side costs beyond its engine, and beside MediaPipe, on this machine: ratios of one run.

    python benchmarks/peers/board_runtime.py BUNDLE     # one without --embedding: MediaPipe refuses others

1. ``classify(array)`` against the bare engine's set-input, invoke, get-output: the same model, pixels and
   threads, in blocks that take turns.
2. Picture file to label against MediaPipe's ImageClassifier on the same .tflite and the same JPEGs of
   ``../shared/data/hymenoptera``, in blocks that take turns, and on photos of 2 megapixels and more (the same
   ones enlarged); then pictures that are grey, CMYK, palette, 16-bit and turned.
3. ``edgetl run`` on one picture in a fresh process, and what of it edgetl's own imports take.
4. ``classify_many`` against a loop of ``classify`` over the same pictures, in turn.

Exits 1 when a limit is missed.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from PIL import Image

import edgetl
from edgetl.benchmarks import machine
from edgetl.bundle import Bundle
from edgetl.runtime import choosing, engines
from edgetl.runtime.classifier import Classifier
from edgetl.runtime.loaded import Loaded

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"
MOST_OVERHEAD, MOST_OF_MEDIAPIPE, MOST_OF_MEDIAPIPE_LARGE = 1.05, 0.8, 0.5
MOST_COLD_S, MOST_IMPORT_S, LEAST_GAIN = 0.6, 0.06, 1.4
ROUNDS, BLOCK, UNCOUNTED = 300, 20, 5
# Packages that a board has anyway: the rest of what `edgetl run` imports is edgetl's own doing.
GIVEN = {
    "numpy": "import numpy",
    "PIL": "from PIL import Image; Image.preinit()",  # what opening any picture imports
    "ai_edge_litert": "import ai_edge_litert.interpreter",
}
UNWANTED = {"tensorflow", "pandas", "cv2", "scipy", "keras", "matplotlib"}
KEPT: list[object] = []
"""MediaPipe's classifiers, until the process ends."""
Call = Callable[[], object]


def main() -> NoReturn:
    """Print the table; ends with 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="What edgetl's runtime costs on this machine.")
    parser.add_argument("bundle", type=Path)
    path = parser.parse_args().bundle
    print(f"measured on {machine.describe().label}, {engines.available_cores()} cores\n")
    missed = [*overheads(Bundle.open(path)), *cold_start(path), *many(path), *beside_mediapipe(path)]
    print("\n" + ("\n".join(f"MISSED  {line}" for line in missed) or "every limit is met"), flush=True)
    os._exit(1 if missed else 0)  # MediaPipe hangs while it closes a classifier that has failed


# --- 1: classify against the bare engine ---------------------------------------------------------


def overheads(bundle: Bundle) -> list[str]:
    """Median of ``classify(array)`` over the bare engine's, for each engine that runs here."""
    # The photo is of the model's size: cropping and resizing are measured in part 2, and no engine does them.
    contract = replace(bundle.manifest.contract, crop_fraction=1.0)
    bundle = replace(bundle, manifest=replace(bundle.manifest, contract=contract))
    pixels = np.random.default_rng(0).integers(0, 256, contract.shape, np.uint8)
    missed = []
    for variant in bundle.manifest.variants:
        row = choosing.choose(bundle, variant.name)[1]
        files = bundle.model_files(variant)
        for threads in sorted({1, engines.default_threads()}):
            with Classifier(Loaded(bundle, variant, engines.start(row, files, num_threads=threads))) as model:
                bare = BARE[row.name](model.engine, pixels[np.newaxis])
                ours, theirs = in_turn(lambda: model.classify(pixels), bare, ROUNDS)
                same = np.array_equal(model.classify(pixels).probabilities, np.asarray(bare()).ravel())
            a, b = statistics.median(ours), statistics.median(theirs)
            ratio = a / b
            print(
                f"{variant.name:<18} {row.name:<12} {threads} thread{'s' * (threads > 1):<2}"
                f" classify {1e3 * a:6.3f} ms, bare {1e3 * b:6.3f} ms,"
                f" ratio {ratio:.3f}{'' if same else ', OTHER ANSWERS'}"
            )
            if ratio > MOST_OVERHEAD or not same:
                missed.append(f"{variant.name}, {threads} threads: {ratio:.3f} > {MOST_OVERHEAD}")
    return missed


# The engine's own library object: a second one of the same model can lie in memory better or worse, and be
# 3 % faster or slower for it.


def bare_litert(engine: Any, pixels: np.ndarray[Any, Any]) -> Call:
    """LiteRT's own calls."""
    interpreter = engine._interpreter  # noqa: SLF001
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def call() -> object:
        interpreter.set_tensor(source, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return call


def bare_onnxruntime(engine: Any, pixels: np.ndarray[Any, Any]) -> Call:
    """ONNX Runtime's own call."""
    session = engine._session  # noqa: SLF001
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: pixels})[0]


def bare_openvino(engine: Any, pixels: np.ndarray[Any, Any]) -> Call:
    """OpenVINO's own call."""
    request = engine._request  # noqa: SLF001
    return lambda: request.infer({0: pixels}, share_inputs=True).to_tuple()[0]


BARE = {"litert": bare_litert, "onnxruntime": bare_onnxruntime, "openvino": bare_openvino}


def in_turn(ours: Call, theirs: Call, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each call, in blocks that take turns, so that a slow moment hits both.

    Not call by call: the threads of the one still spin, waiting for work, while the other runs. The first
    calls of a block do not count.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds // BLOCK):
        for call, seconds in zip((ours, theirs), taken, strict=True):
            for number in range(-UNCOUNTED, BLOCK):
                start = time.perf_counter()
                call()
                if number >= 0:
                    seconds.append(time.perf_counter() - start)
    return taken


# --- 2: beside MediaPipe -------------------------------------------------------------------------


def beside_mediapipe(path: Path) -> list[str]:
    """Seconds from file to label, as the user of each gets them without options."""
    import mediapipe
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    bundle = Bundle.open(path)
    (content,) = bundle.model_files(bundle.variant("tflite-int8")).values()
    options = vision.ImageClassifierOptions(base_options=tasks.BaseOptions(model_asset_buffer=content))
    missed = []
    kept = [vision.ImageClassifier.create_from_options(options)]
    KEPT.append(kept)
    with (
        edgetl.load(path, "tflite-int8", "litert") as ours,
        tempfile.TemporaryDirectory() as temporary,
    ):

        def their_label(file: Path, classifier: Any = kept[0]) -> str:
            answer = classifier.classify(mediapipe.Image.create_from_file(str(file)))
            return str(answer.classifications[0].categories[0].category_name)

        photos = sorted(PHOTOS.rglob("*.jpg"))
        large = enlarged(photos[:24], Path(temporary))
        sets = (
            (f"{len(photos)} photos, median {megapixels(photos):.2f} MP", photos, MOST_OF_MEDIAPIPE),
            (f"{len(large)} photos, median {megapixels(large):.1f} MP", large, MOST_OF_MEDIAPIPE_LARGE),
        )
        for name, files, limit in sets:
            seconds, labels = over_files(files, lambda path: ours.classify(path).label, their_label)
            a, b = map(statistics.median, seconds)
            agree = statistics.mean(x == y for x, y in zip(*labels, strict=True))
            print(
                f"{name}: edgetl ({ours.engine.num_threads} threads) {1e3 * a:.2f} ms, "
                f"MediaPipe {1e3 * b:.2f} ms, ratio {a / b:.2f}; same label {100 * agree:.1f} %"
            )
            if a / b > limit:
                missed.append(f"{name}: {a / b:.2f} of MediaPipe's time > {limit}")
        for kind, file in odd_pictures(photos[0], Path(temporary)).items():
            expected = ours.classify(photos[0]).label
            # A new one each, since after a failure it answers no more; and kept, since it hangs as it closes.
            kept.append(vision.ImageClassifier.create_from_options(options))
            try:
                said = their_label(file, kept[-1])
            except Exception as error:  # noqa: BLE001 - how it fails is the result
                said = f"fails: {str(error).splitlines()[0][:70]}"
            print(f"  {kind:<12} edgetl: {ours.classify(file).label}, MediaPipe: {said}")
            if ours.classify(file).label != expected:
                missed.append(f"the {kind} picture is not {expected}")
    return missed


def over_files(
    files: Sequence[Path], *calls: Callable[[Path], str]
) -> tuple[list[list[float]], list[list[str]]]:
    """Seconds and labels of each call on each file, in blocks that take turns as those of :func:`in_turn`."""
    seconds: list[list[float]] = [[] for _ in calls]
    labels: list[list[str]] = [[] for _ in calls]
    for first in range(0, len(files), BLOCK):
        block = files[first : first + BLOCK]
        for call, taken, said in zip(calls, seconds, labels, strict=True):
            for file in block[:UNCOUNTED]:
                call(file)
            for file in block:
                start = time.perf_counter()
                said.append(call(file))
                taken.append(time.perf_counter() - start)
    return seconds, labels


def enlarged(files: Sequence[Path], folder: Path) -> list[Path]:
    """The photos as a phone or Pi camera would give them: 2, 5, 8 and 12 megapixels, quality 90."""
    made = []
    for number, file in enumerate(files):
        size = ((1632, 1224), (2592, 1944), (3264, 2448), (4000, 3000))[number % 4]
        made.append(folder / f"large-{number}.jpg")
        Image.open(file).convert("RGB").resize(size, Image.Resampling.BICUBIC).save(made[-1], quality=90)
    return made


def odd_pictures(photo: Path, folder: Path) -> dict[str, Path]:
    """One photo in the ways that pictures come."""
    image = Image.open(photo).convert("RGB")
    sixteen = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    turned, tag = Image.Exif(), 0x0112
    turned[tag] = 6  # to be turned a quarter clockwise when shown
    made: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "grey": (image.convert("L"), "grey.jpg", {}),
        "CMYK": (image.convert("CMYK"), "cmyk.jpg", {}),
        "palette": (image.quantize(256), "palette.png", {}),
        "16-bit": (sixteen, "sixteen.png", {}),
        "rotated": (image.transpose(Image.Transpose.ROTATE_90), "turned.jpg", {"exif": turned}),
    }
    for picture, name, more in made.values():
        picture.save(folder / name, **more)
    return {kind: folder / name for kind, (_, name, _) in made.items()}


def megapixels(files: Sequence[Path]) -> float:
    """Median size of the pictures."""
    return statistics.median(np.prod(Image.open(file).size) / 1e6 for file in files)


# --- 3: a fresh process --------------------------------------------------------------------------


def cold_start(path: Path) -> list[str]:
    """Wall time of the command, and the time of the modules that are neither numpy, Pillow nor the engine."""
    photo = min(PHOTOS.rglob("*.jpg"))
    words = [str(Path(sys.executable).with_name("edgetl")), "run", str(path), str(photo), "--json"]
    words += ["--variant", "tflite-int8", "--engine", "litert"]
    walls = []
    for _ in range(11):
        start = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        walls.append(time.perf_counter() - start)
    wall = statistics.median(walls[1:])
    own, bare = statistics.median(own_imports_s(words) for _ in range(5)), bare_python_s()
    print(
        f"edgetl run, one picture, fresh process: {wall:.3f} s "
        f"(first {walls[0]:.3f} s, python -c pass {bare:.3f} s); edgetl's own imports {1e3 * own:.0f} ms"
    )
    missed = [f"edgetl run takes {wall:.2f} s > {MOST_COLD_S} s"] if wall > MOST_COLD_S else []
    if own > MOST_IMPORT_S:
        missed.append(f"edgetl's own imports take {1e3 * own:.0f} ms > {1e3 * MOST_IMPORT_S:.0f} ms")
    return missed


def own_imports_s(words: Sequence[str]) -> float:
    """Self times of the modules the command imports, without Python's start, numpy, Pillow and the engine."""
    started = imported([sys.executable, "-X", "importtime", "-c", "pass"])
    found = imported([sys.executable, "-X", "importtime", *words])
    if unwanted := {name.partition(".")[0] for name in found} & UNWANTED:
        raise SystemExit(f"edgetl run imports {', '.join(sorted(unwanted))}")
    given: set[str] = set()
    for code in GIVEN.values():  # with what each of them imports from the standard library
        given |= set(imported([sys.executable, "-X", "importtime", "-c", code]))
    own = {name: taken for name, taken in found.items() if name not in started and name not in given}
    return sum(taken for name, taken in own.items() if name.partition(".")[0] not in GIVEN) / 1e6


def imported(words: Sequence[str]) -> dict[str, int]:
    """Microseconds of each module itself, as Python tells them."""
    told = subprocess.run(words, check=True, capture_output=True, text=True).stderr
    lines = re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", told, flags=re.MULTILINE)
    return {name: int(taken) for taken, name in lines}


def bare_python_s() -> float:
    """Seconds Python itself takes to start and end."""
    taken = []
    for _ in range(10):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


# --- 4: many pictures ----------------------------------------------------------------------------


def many(path: Path) -> list[str]:
    """Pictures a second of ``classify_many`` and of a plain loop, five rounds in turn."""
    photos = sorted(PHOTOS.rglob("*.jpg"))[:200]
    missed = []
    bundle = Bundle.open(path)
    for variant in bundle.manifest.variants:
        with edgetl.load(path, variant.name) as model:

            def loop() -> list[str]:
                return [model.classify(photo).label for photo in photos]

            def together() -> list[str]:
                return [result.label for result in model.classify_many(photos)]

            same = loop() == together()
            plain: list[float] = []
            overlapped: list[float] = []
            for _ in range(5):
                for call, seconds in ((loop, plain), (together, overlapped)):
                    start = time.perf_counter()
                    call()
                    seconds.append(time.perf_counter() - start)
        gain = statistics.median(plain) / statistics.median(overlapped)
        rates = [len(photos) / statistics.median(seconds) for seconds in (plain, overlapped)]
        print(
            f"{variant.name:<18} loop ({model.engine.num_threads} threads) {rates[0]:.0f} pictures/s, "
            f"classify_many {rates[1]:.0f}: {gain:.2f} times as fast{'' if same else ', OTHER LABELS'}"
        )
        if gain < LEAST_GAIN or not same:
            missed.append(f"classify_many of {variant.name}: {gain:.2f} times < {LEAST_GAIN}")
    return missed


if __name__ == "__main__":
    main()
