"""edgetl's converters beside the libraries' own defaults: size, time, accuracy, agreement, latency.

    python benchmarks/peers/converters.py          # EfficientNet-Lite0 with its ImageNet head
    python benchmarks/peers/converters.py RUN      # a folder written by edgetl train

Without a run, ``../shared/data/imagenet_even`` is split in two by a fixed seed: 200 pictures of one half
calibrate and the other half scores, then the halves change places, so all 500 are scored. With a run,
its train photos calibrate and its held-out photos score. Each variant is converted from the ``.keras``
file on, and all run in the same engines, in turns, so that a busy machine slows them alike.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edgetl import images, isolated
from edgetl.benchmarks import machine
from edgetl.contract import Contract
from edgetl.converters import calibration
from edgetl.converters.formats import FORMATS
from edgetl.converters.request import ConversionRequest
from edgetl.progress import SILENT
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine
from edgetl.training import architectures, backbones, weights
from edgetl.training.run import Run

SHARED = Path(__file__).parents[2].parent / "shared"
CALIBRATION_IMAGES = 200
THREADS = 1
"""More would also time how the engines' idle threads spin, which differs with whatever else runs."""
ROUNDS, RUNS, DISCARDED = 40, 12, 3


@dataclass(frozen=True)
class Fold:
    """Pictures that calibrate and other pictures that score."""

    calibration: Path
    """``.npy``: uint8 (n, h, w, 3)."""
    pixels: NDArray[np.uint8]
    """uint8 (n, h, w, 3), scored."""
    truth: NDArray[np.int64]
    reference: NDArray[np.float32]
    """float32 (n, classes), what the Keras model says of them."""


@dataclass(frozen=True)
class Job:
    """A model and what to do with it."""

    name: str
    model: Path
    contract: Contract
    folds: tuple[Fold, ...]


Converter = Callable[[Job, Fold, Path], float]
"""Writes a variant into a folder and returns the seconds it took."""


def edgetl_converter(form: str, precision: str) -> Converter:
    """Ours, in a process of its own; its seconds leave out starting that process, as the peers' do."""

    def convert(job: Job, fold: Fold, out: Path) -> float:
        pictures = fold.calibration if precision == "int8" else None
        request = ConversionRequest(
            model=job.model, precision=precision, out=out, calibration=pictures, contract=job.contract
        )
        target = f"{FORMATS[form].module}:convert"
        return float(isolated.call(target, request, doing=f"converting to {form}-{precision}").seconds)

    return convert


def tensorflow_defaults(job: Job, fold: Fold, out: Path) -> float:
    """Google's converter as its guide shows it: DEFAULT optimisation and a representative dataset."""
    start = time.perf_counter()
    network = keras.models.load_model(job.model, compile=False)
    spec = tf.TensorSpec((1, *job.contract.shape), tf.uint8, name="pixels")
    with tempfile.TemporaryDirectory() as scratch:
        network.export(scratch, format="tf_saved_model", verbose=False, input_signature=[spec])
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row] for row in _rows(fold))
        (out / "model.tflite").write_bytes(converter.convert())
    return time.perf_counter() - start


def onnxruntime_defaults(*, per_channel: bool) -> Converter:
    """``quantize_static`` on Keras' own ONNX export, every other argument as it comes."""

    def convert(job: Job, fold: Fold, out: Path) -> float:
        from onnxruntime import quantization

        class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self.rows = _rows(fold)

            def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
                row = next(self.rows, None)
                return None if row is None else {"pixels": row}

        start = time.perf_counter()
        network = keras.models.load_model(job.model, compile=False)
        spec = tf.TensorSpec((1, *job.contract.shape), tf.uint8, name="pixels")
        with tempfile.TemporaryDirectory() as scratch:
            graph = Path(scratch) / "graph.onnx"
            network.export(str(graph), format="onnx", verbose=False, input_signature=[spec])
            quantization.quantize_static(graph, out / "model.onnx", Reader(), per_channel=per_channel)
        return time.perf_counter() - start

    return convert


def nncf_defaults(job: Job, fold: Fold, out: Path) -> float:
    """``nncf.quantize`` on Keras' own OpenVINO export, every argument as it comes."""
    import nncf
    import openvino

    start = time.perf_counter()
    network = keras.models.load_model(job.model, compile=False)
    spec = tf.TensorSpec((1, *job.contract.shape), tf.uint8, name="pixels")
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "graph.xml"
        network.export(str(graph), format="openvino", verbose=False, input_signature=[spec])
        quantized = nncf.quantize(openvino.Core().read_model(graph), nncf.Dataset(list(_rows(fold))))
    openvino.save_model(quantized, out / "model.xml")
    return time.perf_counter() - start


CONVERTERS: tuple[tuple[str, str, Converter], ...] = (
    ("tflite", "float32, edgetl", edgetl_converter("tflite", "float32")),
    ("tflite", "int8, edgetl", edgetl_converter("tflite", "int8")),
    ("tflite", "int8, TensorFlow's defaults", tensorflow_defaults),
    ("onnx", "float32, edgetl", edgetl_converter("onnx", "float32")),
    ("onnx", "int8, edgetl", edgetl_converter("onnx", "int8")),
    ("onnx", "int8, ONNX Runtime's defaults", onnxruntime_defaults(per_channel=False)),
    ("onnx", "int8, the same, per channel", onnxruntime_defaults(per_channel=True)),
    ("openvino", "float32, edgetl", edgetl_converter("openvino", "float32")),
    ("openvino", "int8, edgetl", edgetl_converter("openvino", "int8")),
    ("openvino", "int8, NNCF's defaults", nncf_defaults),
)


def lite0_on_imagenet(folder: Path) -> Job:
    """EfficientNet-Lite0 as its authors published it, and 500 pictures in two folds."""
    backbone = backbones.get("efficientnet_lite0")
    network = architectures.build(
        backbone,
        size=backbone.default_size,
        width=1.0,
        weights=weights.find(backbone, 1.0, None),
        include_imagenet_head=True,
    )
    model = folder / "model.keras"
    network.save(model)
    contract = backbone.contract()
    pictures = sorted((SHARED / "data/imagenet_even").glob("*.jpg"))
    if not pictures:
        raise SystemExit(f"no pictures in {SHARED / 'data/imagenet_even'}: give a run instead")
    pixels = np.stack([images.decode(picture, contract) for picture in pictures])
    truth = np.array([int(picture.name.split("_")[0]) for picture in pictures])
    halves = np.array_split(np.random.default_rng(1).permutation(len(pictures)), 2)
    folds = []
    for number, (calibrating, scored) in enumerate((halves, halves[::-1])):
        place = folder / f"calibration-{number}.npy"
        np.save(place, pixels[calibrating[:CALIBRATION_IMAGES]])
        folds.append(Fold(place, pixels[scored], truth[scored], _keras(network, pixels[scored])))
    return Job("EfficientNet-Lite0, ImageNet", model, contract, tuple(folds))


def from_run(path: str, folder: Path) -> Job:
    """A trained run: its own train photos calibrate, its held-out photos score."""
    run = Run.open(path)
    chosen = calibration.stratified(run.dataset.split("train"), CALIBRATION_IMAGES)
    held_out = run.dataset.split(run.dataset.scored_split)
    sets = {
        name: calibration.decode_set(photos, run.contract, folder / f"{name}.npy", what=name, progress=SILENT)
        for name, photos in (("calibration", chosen), ("scored", held_out))
    }
    scored = sets["scored"]
    pixels = np.array(scored.load())
    reference = _keras(keras.models.load_model(run.model, compile=False), pixels)
    fold = Fold(sets["calibration"].pixels, pixels, scored.truth, reference)
    return Job(f"run {run.name}", run.model.resolve(), run.contract, (fold,))


def measure(job: Job, folder: Path) -> None:
    """Convert, score and time every variant, and print the table."""
    rows: list[dict[str, Any]] = []
    for number, (form, words, convert) in enumerate(CONVERTERS):
        hits = agreeing = count = 0
        for turn, fold in enumerate(job.folds):
            out = folder / f"{number}-{turn}"
            out.mkdir()
            with redirect_stdout(sys.stderr):  # the libraries' chatter is no part of the table
                seconds = convert(job, fold, out)
            files = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
            engine = engines.start(engines.for_format(form), files, num_threads=THREADS)
            answers = engine.run(fold.pixels)[0].argmax(axis=1)
            hits += int((answers == fold.truth).sum())
            agreeing += int((answers == fold.reference.argmax(axis=1)).sum())
            count += len(answers)
        rows.append(
            {
                "name": f"{form} {words}",
                "bytes": sum(map(len, files.values())),
                "seconds": seconds,
                "accuracy": hits / count,
                "agreement": agreeing / count,
                "engine": engine,
            }
        )
    latencies = _latencies([row["engine"] for row in rows], job.folds[0].pixels[:1])
    truth = np.concatenate([fold.truth for fold in job.folds])
    trained = np.concatenate([fold.reference.argmax(axis=1) for fold in job.folds])
    print(f"{job.name}: {len(truth)} pictures scored, Keras {(trained == truth).mean():.1%} top-1")
    print(f"{_machine()}, {THREADS} thread\n")
    print("| variant | size | conversion | top-1 | agreement | latency, median |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row, latency_s in zip(rows, latencies, strict=True):
        print(
            f"| {row['name']} | {row['bytes'] / 1e6:.1f} MB | {row['seconds']:.1f} s | {row['accuracy']:.1%} "
            f"| {row['agreement']:.1%} | {1e3 * latency_s:.2f} ms |"
        )


def _rows(fold: Fold) -> Iterator[NDArray[np.uint8]]:
    for picture in np.load(fold.calibration, mmap_mode="r"):
        yield np.array(picture[np.newaxis])


def _keras(network: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(network.predict(pixels, batch_size=32, verbose=0), np.float32)


def _latencies(started: list[AbstractEngine], picture: NDArray[np.uint8]) -> list[float]:
    """Median seconds of one inference each, taken in turns."""
    samples: list[list[float]] = [[] for _ in started]
    for _ in range(ROUNDS):
        for engine, kept in zip(started, samples, strict=True):
            times = []
            for _ in range(RUNS):
                start = time.perf_counter()
                engine.run(picture)
                times.append(time.perf_counter() - start)
            # The first few share the cores with threads of the engine before that still spin.
            kept += times[DISCARDED:]
    return [float(np.median(kept)) for kept in samples]


def _machine() -> str:
    here = machine.describe()
    return f"{here.label}, {here.cores} cores"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="edgetl-peers-") as scratch:
        room = Path(scratch)
        measure(from_run(sys.argv[1], room) if len(sys.argv) > 1 else lite0_on_imagenet(room), room)
