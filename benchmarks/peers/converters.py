"""edgetl's converters beside the libraries' own defaults: size, time, accuracy, agreement, latency.

    python benchmarks/peers/converters.py          # EfficientNet-Lite0 with its ImageNet head
    python benchmarks/peers/converters.py RUN      # a folder written by edgetl train
    python benchmarks/peers/converters.py --only onnx   # the rows with this word in them

Without a run, ``../shared/data/imagenet_even`` is split in two by a fixed seed: one half calibrates and the
other scores, then the halves change places, so all 500 are scored. With a run, its train photos calibrate
and its held-out photos score. The libraries convert from the ``.keras`` file on; edgetl's seconds are those
of a variant alone, since its variants share their float graph, whose seconds are printed apart. All run in
the same engines, in turns, so that a busy machine slows them alike.

Exits 1 when edgetl's int8 is slower than a library's own defaults by more than 3 %, or less accurate than
ONNX Runtime's or NNCF's.
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
CALIBRATION_IMAGES = 250
THREADS = 1
"""More would also time how the engines' idle threads spin, which differs with whatever else runs."""
ROUNDS, RUNS, DISCARDED = 40, 12, 3
SLOW_S = 0.05
"""A slower model is timed in the first rounds only."""
MOST_RATIO = 1.03


@dataclass(frozen=True)
class Fold:
    """Pictures that calibrate and other pictures that score."""

    calibration: Path
    """``.npy``: uint8 (n, h, w, 3)."""
    layers: Path
    halves: Path
    logits: Path
    """What edgetl's variants share, made of the calibration pictures."""
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
    graphs: Path
    """Folder with edgetl's float graphs, which its variants share."""
    shared_s: float
    """Seconds that these and one fold's shared work took."""
    folds: tuple[Fold, ...]


Converter = Callable[[Job, Fold, Path], float]
"""Writes a variant into a folder and returns the seconds it took."""


def edgetl_converter(form: str, precision: str) -> Converter:
    """Ours, in a process of its own; its seconds leave out starting that process, as the peers' do."""

    def convert(job: Job, fold: Fold, out: Path) -> float:
        request = ConversionRequest(
            graph=job.graphs / FORMATS[form].graph,
            precision=precision,
            out=out,
            calibration=fold.calibration,
            contract=job.contract,
            layers=fold.halves if precision == "float16" else fold.layers,
            logits=fold.logits if fold.logits.is_file() else None,
        )
        target = f"{FORMATS[form].module}:convert"
        return float(isolated.call(target, request, doing=f"converting to {form}-{precision}").seconds)

    return convert


def shared_work(model: Path, contract: Contract, folder: Path, pictures: list[Path]) -> float:
    """Write the float graphs and what a fold shares; seconds of the graphs and the last fold."""
    start = time.perf_counter()
    isolated.call("edgetl.converters.graphs:write", model, contract, tuple(FORMATS), folder, doing="graphs")
    graphs_s = time.perf_counter() - start
    for number, place in enumerate(pictures):
        start = time.perf_counter()
        graph = folder / FORMATS["onnx"].graph
        isolated.call(
            "edgetl.converters.rounding:write",
            graph,
            place,
            {"int8": folder / f"layers-{number}.npz", "float16": folder / f"halves-{number}.npz"},
            doing="rounding",
        )
        isolated.call(
            "edgetl.converters.head_correction:write_logits",
            graph,
            place,
            folder / f"logits-{number}.npz",
            doing="logits",
        )
    return graphs_s + time.perf_counter() - start


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


def tensorflow(precision: str) -> Converter:
    """Google's converter for the other precisions, as its guides show them."""

    def convert(job: Job, fold: Fold, out: Path) -> float:
        start = time.perf_counter()
        network = keras.models.load_model(job.model, compile=False)
        spec = tf.TensorSpec((1, *job.contract.shape), tf.uint8, name="pixels")
        with tempfile.TemporaryDirectory() as scratch:
            network.export(scratch, format="tf_saved_model", verbose=False, input_signature=[spec])
            converter = tf.lite.TFLiteConverter.from_saved_model(scratch)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if precision == "int16x8":
                converter.representative_dataset = lambda: ([row] for row in _rows(fold))
                converter.target_spec.supported_ops = [
                    tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
                ]
            (out / "model.tflite").write_bytes(converter.convert())
        return time.perf_counter() - start

    return convert


def onnxruntime_float16(job: Job, fold: Fold, out: Path) -> float:  # noqa: ARG001
    """``onnxruntime.transformers.float16``, which computes in float16 too."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    start = time.perf_counter()
    model = onnx.load(job.graphs / FORMATS["onnx"].graph)
    halved = convert_float_to_float16(model, keep_io_types=True)
    (out / "model.onnx").write_bytes(halved.SerializeToString())
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
    *(
        (row.name, f"{precision}, edgetl", edgetl_converter(row.name, precision))
        for row in FORMATS.values()
        for precision in row.precisions
    ),
    ("tflite", "int8, TensorFlow's defaults", tensorflow_defaults),
    ("tflite", "float16, TensorFlow", tensorflow("float16")),
    ("tflite", "dynamic, TensorFlow", tensorflow("dynamic")),
    ("tflite", "int16x8, TensorFlow", tensorflow("int16x8")),
    ("onnx", "int8, ONNX Runtime's defaults", onnxruntime_defaults(per_channel=False)),
    ("onnx", "int8, the same, per channel", onnxruntime_defaults(per_channel=True)),
    ("onnx", "float16, ONNX Runtime", onnxruntime_float16),
    ("openvino", "int8, NNCF's defaults", nncf_defaults),
)
DEFAULTS = {
    "tflite int8, edgetl": "tflite int8, TensorFlow's defaults",
    "onnx int8, edgetl": "onnx int8, ONNX Runtime's defaults",
    "openvino int8, edgetl": "openvino int8, NNCF's defaults",
}
"""Whose latency and accuracy edgetl's are held against."""


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
    places = [folder / "calibration-0.npy", folder / "calibration-1.npy"]
    for place, calibrating in zip(places, halves, strict=True):
        np.save(place, pixels[calibrating[:CALIBRATION_IMAGES]])
    shared_s = shared_work(model, contract, folder, places)
    folds = tuple(
        Fold(
            place,
            folder / f"layers-{number}.npz",
            folder / f"halves-{number}.npz",
            folder / f"logits-{number}.npz",
            pixels[scored],
            truth[scored],
            _keras(network, pixels[scored]),
        )
        for number, (place, scored) in enumerate(zip(places, halves[::-1], strict=True))
    )
    return Job("EfficientNet-Lite0, ImageNet", model, contract, folder, shared_s, folds)


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
    calibrating = sets["calibration"].pixels
    shared_s = shared_work(run.model.resolve(), run.contract, folder, [calibrating])
    fold = Fold(
        calibrating,
        folder / "layers-0.npz",
        folder / "halves-0.npz",
        folder / "logits-0.npz",
        pixels,
        scored.truth,
        reference,
    )
    return Job(f"run {run.name}", run.model.resolve(), run.contract, folder, shared_s, (fold,))


def measure(job: Job, folder: Path, only: str) -> bool:
    """Convert, score and time every variant, and print the tables; whether edgetl keeps its promises."""
    rows: list[dict[str, Any]] = []
    for number, (form, words, convert) in enumerate(CONVERTERS):
        if only not in f"{form} {words}":
            continue
        hits = agreeing = count = 0
        for turn, fold in enumerate(job.folds):
            out = folder / f"{number}-{turn}"
            out.mkdir()
            try:
                with redirect_stdout(sys.stderr):  # the libraries' chatter is no part of the table
                    seconds = convert(job, fold, out)
            except Exception as error:  # noqa: BLE001 - that a library cannot do it is a result
                print(f"{form} {words}: {str(error).strip().splitlines()[-1]}", flush=True)
                break
            files = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
            engine = engines.start(engines.for_format(form), files, num_threads=THREADS)
            answers = engine.run(fold.pixels)[0].argmax(axis=1)
            hits += int((answers == fold.truth).sum())
            agreeing += int((answers == fold.reference.argmax(axis=1)).sum())
            count += len(answers)
        if not count:
            continue
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
    print(f"{_machine()}, {THREADS} thread; edgetl's shared work {job.shared_s:.1f} s\n")
    print("| variant | size | conversion | top-1 | agreement | latency, median |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row, latency_s in zip(rows, latencies, strict=True):
        row["latency_s"] = latency_s
        print(
            f"| {row['name']} | {row['bytes'] / 1e6:.1f} MB | {row['seconds']:.1f} s | {row['accuracy']:.1%} "
            f"| {row['agreement']:.1%} | {1e3 * latency_s:.2f} ms |"
        )
    named = {row["name"]: row for row in rows}
    print("\n| edgetl's int8 against the library's defaults | latency, ratio | top-1, points |")
    print("| --- | ---: | ---: |")
    good = True
    for ours, theirs in DEFAULTS.items():
        if not {ours, theirs} <= set(named):
            continue
        ratio = named[ours]["latency_s"] / named[theirs]["latency_s"]
        gain = 100 * (named[ours]["accuracy"] - named[theirs]["accuracy"])
        print(f"| {ours} | {ratio:.3f} | {gain:+.1f} |")
        good &= ratio <= MOST_RATIO and (gain >= 0 or ours.startswith("tflite"))
    return good


def _rows(fold: Fold) -> Iterator[NDArray[np.uint8]]:
    for picture in np.load(fold.calibration, mmap_mode="r"):
        yield np.array(picture[np.newaxis])


def _keras(network: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(network.predict(pixels, batch_size=32, verbose=0), np.float32)


def _latencies(started: list[AbstractEngine], picture: NDArray[np.uint8]) -> list[float]:
    """Median seconds of one inference each, taken in turns."""
    samples: list[list[float]] = [[] for _ in started]
    for number in range(ROUNDS):
        for engine, kept in zip(started, samples, strict=True):
            if number and min(kept) > SLOW_S:
                continue
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
        run, only = (sys.argv[1:2], "") if sys.argv[1:2] != ["--only"] else ([], sys.argv[2])
        job = from_run(run[0], room) if run else lite0_on_imagenet(room)
        sys.exit(0 if measure(job, room, only) else 1)
