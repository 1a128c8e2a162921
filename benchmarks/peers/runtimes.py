"""edgetl beside the runtimes themselves: the same model files, pixels and photos, in one run.

    python benchmarks/peers/runtimes.py BUNDLE          # one without --embedding: MediaPipe refuses others

For each variant: edgetl, the bare engine (LiteRT, ONNX Runtime, OpenVINO), and for .tflite TensorFlow's
``tf.lite`` and MediaPipe's ImageClassifier. Every one lives in processes of its own, three after each
other, with one thread, all kept on the same core, and they take turns in blocks, every other round
backwards, so that a machine that drifts drifts for all. Printed for each:

- array: from uint8 pixels of the model's size to its answer;
- file: from a JPEG of ``../shared/data/hymenoptera`` to a label. The bare engines, which have no opinion of
  pictures, get them as their own examples do it: Pillow's ``open``, ``convert`` and ``resize``;
- right: how many of these labels are;
- ready: from before the import of its library to the first answer; memory: resident in the end.

Exits 1 when edgetl's array or picture takes more than 5 % longer than a peer's with the same file, or when
the bare engine answers otherwise. MediaPipe chooses its threads itself, on the one core that all have.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgetl.benchmarks import machine
from edgetl.benchmarks.running import memory
from edgetl.bundle import Bundle
from edgetl.runtime import choosing

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"
PROCESSES, ROUNDS, ARRAYS, UNCOUNTED = 3, 4, 30, 5
MOST_OVERHEAD = 1.05

Pixels = NDArray[np.uint8]
FromArray = Callable[[Pixels], object]
"""uint8 (h, w, 3) to an answer: probabilities, or for MediaPipe what it calls a result."""
FromFile = Callable[[Path], str]


@dataclass(frozen=True)
class Model:
    """A variant's files and what is needed to use them by hand."""

    bundle: Path
    variant: str
    place: Path
    """The model file, or OpenVINO's ``.xml``."""
    size: tuple[int, int]
    """Width and height, pixels."""
    labels: tuple[str, ...]


@dataclass
class Measured:
    """What one peer took."""

    name: str
    engine: str
    array_s: list[float] = field(default_factory=list)
    file_s: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    ready_s: float = 0.0
    resident_bytes: int = 0
    answer: NDArray[np.float32] | None = None
    """float32 (classes,), for one picture of noise; None where the peer hands out no probabilities."""


def main() -> int:
    """Print a table for each variant; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="edgetl beside the runtimes themselves.")
    parser.add_argument("bundle", type=Path)
    bundle = Bundle.open(parser.parse_args().bundle)
    photos = sorted(PHOTOS.rglob("*.jpg"))
    if not photos:
        raise SystemExit(f"no photos in {PHOTOS}")
    print(f"measured on {machine.describe().label}; 1 thread, {len(photos)} photos")
    contract = bundle.manifest.contract
    missed = []
    for variant in bundle.manifest.variants:
        row = choosing.choose(bundle, variant.name)[1]
        model = Model(
            bundle.path,
            variant.name,
            bundle.path / variant.files[0].path,
            (contract.width, contract.height),
            tuple(contract.labels),
        )
        peers = {"edgetl": row.name, **PEERS_OF[variant.format]}
        found = [measure(model, peers, photos[part::PROCESSES]) for part in range(PROCESSES)]
        truth = [photo.parent.name for part in range(PROCESSES) for photo in photos[part::PROCESSES]]
        missed += report(variant.name, [together(same) for same in zip(*found, strict=True)], truth)
    print("\n" + ("\n".join(f"MISSED  {line}" for line in missed) or "every limit is met"))
    return 1 if missed else 0


def measure(model: Model, peers: dict[str, str], photos: Sequence[Path]) -> list[Measured]:
    """Start every peer, let them take turns, and end them."""
    context = multiprocessing.get_context("spawn")
    found, pipes, processes = [], [], []
    for name, engine in peers.items():
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(name, model, there), daemon=True)
        process.start()
        there.close()
        ready_s, answer = ask(here, name)
        found.append(Measured(name, engine, ready_s=ready_s, answer=answer))
        pipes.append(here)
        processes.append(process)
    turns = list(zip(found, pipes, strict=True))
    for number, block in enumerate(np.array_split(np.arange(len(photos)), ROUNDS)):
        for one, pipe in turns[:: -1 if number % 2 else 1]:
            pipe.send([photos[place] for place in block])
            array_s, file_s, labels = ask(pipe, one.name)
            one.array_s += array_s
            one.file_s += file_s
            one.labels += labels
    for (one, pipe), process in zip(turns, processes, strict=True):
        pipe.send(None)
        one.resident_bytes = ask(pipe, one.name)
        process.join()
    return found


def together(processes: Sequence[Measured]) -> Measured:
    """What several processes of one peer took: where a model lies in memory is worth some percent."""
    first = processes[0]
    return Measured(
        first.name,
        first.engine,
        [taken for one in processes for taken in one.array_s],
        [taken for one in processes for taken in one.file_s],
        [label for one in processes for label in one.labels],
        statistics.median(one.ready_s for one in processes),
        max(one.resident_bytes for one in processes),
        first.answer,
    )


def ask(pipe: Connection, name: str) -> Any:
    """What the peer sends; ends the script with its error."""
    answer = pipe.recv()
    if isinstance(answer, Exception):
        sys.exit(f"{name} failed: {answer}")
    return answer


def report(variant: str, found: Sequence[Measured], truth: Sequence[str]) -> list[str]:
    """Print a variant's table; what is not as it must be."""
    ours, *others = found
    print(f"\n| {variant} | engine | array | file | right | ready | memory |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for one in found:
        array, file = (ratios(one, ours, name) for name in ("array_s", "file_s"))
        right = statistics.mean(x == y for x, y in zip(one.labels, truth, strict=True))
        print(
            f"| {one.name} | {one.engine} | {array} | {file} | {100 * right:.1f} % | {one.ready_s:.2f} s "
            f"| {one.resident_bytes / 1e6:.0f} MB |",
            flush=True,
        )
    missed = []
    for one in others:
        for name in ("array_s", "file_s"):
            ratio = middle(ours, name) / middle(one, name)
            if ratio > MOST_OVERHEAD:
                missed.append(f"{variant}: {name.removesuffix('_s')} {ratio:.3f} of the time of {one.name}")
        if one.engine == ours.engine and not np.array_equal(one.answer, ours.answer):  # type: ignore[arg-type]
            missed.append(f"{variant}: {one.name} answers otherwise")
    return missed


def ratios(one: Measured, ours: Measured, name: str) -> str:
    """Milliseconds, and how many times edgetl's they are."""
    times = "" if one is ours else f" ({middle(one, name) / middle(ours, name):.2f})"
    return f"{1e3 * middle(one, name):.2f} ms{times}"


def middle(one: Measured, name: str) -> float:
    """The median, seconds."""
    return float(statistics.median(getattr(one, name)))


# --- In the processes -----------------------------------------------------------------------------


def serve(name: str, model: Model, pipe: Connection) -> None:
    """Be one peer: say when it is ready, then measure block after block until None comes."""
    start = time.perf_counter()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what C++ prints
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        from_array, from_file = OPENERS[name](model)
        width, height = model.size
        pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        answer = from_array(pixels)
        ready_s = time.perf_counter() - start
        pipe.send((ready_s, np.ravel(answer) if isinstance(answer, np.ndarray) else None))
        while (photos := pipe.recv()) is not None:
            array_s = [seconds(from_array, pixels)[1] for _ in range(UNCOUNTED + ARRAYS)][UNCOUNTED:]
            for photo in photos[:UNCOUNTED]:
                from_file(photo)
            rows = [seconds(from_file, photo) for photo in photos]
            pipe.send((array_s, [taken for _, taken in rows], [label for label, _ in rows]))
        pipe.send(memory.resident_bytes("VmRSS") or 0)
    except Exception as error:  # noqa: BLE001 - it crosses to the parent
        pipe.send(error)
    pipe.close()
    os._exit(0)  # MediaPipe may hang as it closes


def seconds(call: Callable[[Any], Any], argument: object) -> tuple[Any, float]:
    """What it returns, and the seconds it took."""
    start = time.perf_counter()
    answer = call(argument)
    return answer, time.perf_counter() - start


def as_in_examples(model: Model, infer: Callable[[Pixels], NDArray[np.float32]]) -> FromFile:
    """From file to label around an engine, as its examples do it."""

    def from_file(path: Path) -> str:
        picture = Image.open(path).convert("RGB").resize(model.size)
        return model.labels[int(np.argmax(infer(np.asarray(picture))))]

    return from_file


def open_edgetl(model: Model) -> tuple[FromArray, FromFile]:
    """``classify``, of an array and of a file."""
    import edgetl
    from edgetl.runtime.classifier import Classifier
    from edgetl.runtime.loaded import Loaded

    classifier = edgetl.load(model.bundle, model.variant, num_threads=1)
    # The array goes in as it is, as the others'; the bundle would crop and enlarge it.
    bundle = Bundle.open(model.bundle)
    contract = replace(bundle.manifest.contract, crop_fraction=1.0)
    bundle = replace(bundle, manifest=replace(bundle.manifest, contract=contract))
    exact = Classifier(Loaded(bundle, bundle.variant(model.variant), classifier.engine))
    return (
        lambda pixels: exact.classify(pixels).probabilities,
        lambda path: str(classifier.classify(path).label),
    )


def open_interpreter(model: Model, kind: Any) -> tuple[FromArray, FromFile]:
    """The interpreter that LiteRT and TensorFlow share."""
    interpreter = kind(str(model.place), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def infer(pixels: Pixels) -> NDArray[np.float32]:
        interpreter.set_tensor(source, pixels[np.newaxis])
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(target)[0])

    return infer, as_in_examples(model, infer)


def open_litert(model: Model) -> tuple[FromArray, FromFile]:
    """ai-edge-litert."""
    from ai_edge_litert.interpreter import Interpreter

    return open_interpreter(model, Interpreter)


def open_tensorflow(model: Model) -> tuple[FromArray, FromFile]:
    """TensorFlow's own copy of the interpreter."""
    import tensorflow as tf

    return open_interpreter(model, tf.lite.Interpreter)


def open_onnxruntime(model: Model) -> tuple[FromArray, FromFile]:
    """ONNX Runtime with one thread and its other defaults."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model.place), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def infer(pixels: Pixels) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {name: pixels[np.newaxis]})[0][0])

    return infer, as_in_examples(model, infer)


def open_openvino(model: Model) -> tuple[FromArray, FromFile]:
    """OpenVINO compiled for latency with one thread; float models not in bfloat16."""
    import openvino

    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
    if "int8" not in model.variant:
        options["INFERENCE_PRECISION_HINT"] = "f32"
    request = openvino.Core().compile_model(model.place, "CPU", options).create_infer_request()

    def infer(pixels: Pixels) -> NDArray[np.float32]:
        return np.asarray(request.infer({0: pixels[np.newaxis]}).to_tuple()[0][0])

    return infer, as_in_examples(model, infer)


def open_mediapipe(model: Model) -> tuple[FromArray, FromFile]:
    """MediaPipe's ImageClassifier; it reads the metadata of our file."""
    import mediapipe
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    options = vision.ImageClassifierOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=model.place.read_bytes())
    )
    classifier = vision.ImageClassifier.create_from_options(options)

    def from_array(pixels: Pixels) -> object:
        return classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))

    def from_file(path: Path) -> str:
        answer = classifier.classify(mediapipe.Image.create_from_file(str(path)))
        return str(answer.classifications[0].categories[0].category_name)

    return from_array, from_file


OPENERS: dict[str, Callable[[Model], tuple[FromArray, FromFile]]] = {
    "edgetl": open_edgetl,
    "bare LiteRT": open_litert,
    "tf.lite": open_tensorflow,
    "MediaPipe": open_mediapipe,
    "bare ONNX Runtime": open_onnxruntime,
    "bare OpenVINO": open_openvino,
}
PEERS_OF = {
    "tflite": {"bare LiteRT": "litert", "tf.lite": "TensorFlow", "MediaPipe": "MediaPipe"},
    "onnx": {"bare ONNX Runtime": "onnxruntime"},
    "openvino": {"bare OpenVINO": "openvino"},
}


if __name__ == "__main__":
    sys.exit(main())
