"""What training int8 gives where int8 as it comes is over budget, and whether the file is what was trained.

EfficientNet-Lite0 at 128 pixels: its head solved on the photos, as ``edgetl train`` does; and the same
network with its channels scaled unevenly (``hard_model.harden``), which answers alike in float and which one
scale a tensor damages. The rung of the ladder that would mend that by equalising is left out, so that
training alone has to. Prints for each format the int8 file without and with training, and how much the
trained ``.tflite`` answers like the simulation.

    python benchmarks/peers/quantize_aware.py [hymenoptera] [solar]   # both: about 15 minutes of 2 cores

Exits 1 unless every trained ``.tflite`` gives the simulation's top-1 on 99 % of the photos, and the training
of the skewed network brings back half of the points it had lost.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from hard_model import harden
from numpy.typing import NDArray

import edgetl
from edgetl import demo, isolated
from edgetl.benchmarks import machine
from edgetl.converters import calibration, flatbuffer, rounding
from edgetl.converters.aware import reading
from edgetl.converters.aware.operators import RULES, Place
from edgetl.converters.aware.simulation import Simulation
from edgetl.converters.aware.steps import Codes
from edgetl.converters.aware.task import LAYERS, OPTIONS, Outcome, Start, Task
from edgetl.converters.formats import FORMATS
from edgetl.converters.request import ConversionRequest, Recipe
from edgetl.progress import SILENT
from edgetl.runtime import engines
from edgetl.runtime.litert import LiteRTEngine
from edgetl.training.run import Run

SHARED = Path(__file__).resolve().parents[3] / "shared"
SIZE = 128
TRAIN, SCORED = 600, 400
"""Photos at most."""
CALIBRATING = 120
LEAST_ALIKE = 0.99

Answers = NDArray[np.float32]


def main(sets: Sequence[str]) -> int:
    """Print one table a network; 1 when the promises are not kept."""
    print(f"measured on {machine.describe().label}; Lite0 at {SIZE} px, {OPTIONS.epochs} epochs")
    good = True
    with tempfile.TemporaryDirectory(prefix="edgetl-peers-") as folder:
        for name in sets or ("hymenoptera", "solar"):
            room = Path(folder) / name
            room.mkdir()
            run = edgetl.train(_photos(name, room), out=room / "run", size=SIZE, folds="none")
            good &= study(run, name, run.model.resolve(), room / "trained")
            hard = room / "hard.keras"
            harden(keras.models.load_model(run.model, compile=False)).save(hard)
            good &= study(run, f"{name}, skewed", hard, room / "skewed", repaired=True)
    return 0 if good else 1


def study(run: Run, name: str, model: Path, room: Path, *, repaired: bool = False) -> bool:
    """One network: int8 of each format without and with training; whether the promises are kept."""
    room.mkdir()
    train = calibration.stratified(run.dataset.split("train"), TRAIN)
    held_out = calibration.stratified(run.dataset.split(run.dataset.scored_split), SCORED)
    photos, scored = (
        calibration.decode_set(part, run.contract, room / file, what=file, progress=SILENT)
        for part, file in ((train, "train.npy"), (held_out, "scored.npy"))
    )
    np.save(room / "few.npy", photos.load()[:CALIBRATING])
    isolated.call("edgetl.converters.graphs:write", model, run.contract, tuple(FORMATS), room, doing="graphs")
    rounding.write(room / FORMATS["onnx"].graph, room / "few.npy", {"int8": room / LAYERS})
    isolated.call(
        "edgetl.converters.head_correction:write_logits",
        *(room / FORMATS["onnx"].graph, room / "few.npy", room / "logits.npz"),
        doing="logits",
    )
    wanted = _ask(room, "tflite", FORMATS["tflite"].graph, scored.pixels)

    def row(title: str, answers: Answers) -> float:
        right = float((answers.argmax(axis=1) == scored.truth).mean())
        alike = float((answers.argmax(axis=1) == wanted.argmax(axis=1)).mean())
        change = float(np.abs(answers - wanted).mean())
        print(f"| {title} | {right:.1%} | {alike:.1%} | {change:.4f} |", flush=True)
        return right

    print(f"\n{name}: {len(train)} photos to train on, {len(held_out)} scored\n")
    print("| variant | accuracy | agreement | mean change |\n| --- | ---: | ---: | ---: |")
    whole = row("float32", wanted)
    plain = {form: _int8(run, room, form, None, scored.pixels) for form in FORMATS}
    before = {form: row(f"{form}-int8", plain[form]) for form in FORMATS}
    for place in ("work", "tuned"):
        (room / place).mkdir()
    order = np.random.default_rng(0).permutation(len(train))
    task = Task(
        starts=(Start(room / "int8-tflite" / "model.tflite", room),),
        teacher=room / FORMATS["tflite"].graph,
        pixels=photos.pixels,
        truth=photos.truth,
        judging=np.sort(order[: len(train) // 5]),
        scored=scored.pixels,
        folder=room / "work",
        identity=name,
        out=room / "tuned",
        options=OPTIONS,
    )
    outcome: Outcome = isolated.call(
        "edgetl.converters.aware.training:train", task, doing="training", progress=SILENT
    )
    row("simulated, trained", outcome.simulated)
    found = {form: _int8(run, room, form, room / "tuned", scored.pixels) for form in FORMATS}
    after = {form: row(f"{form}-int8, trained", found[form]) for form in FORMATS}
    difference = np.abs(found["tflite"] - outcome.simulated).max(axis=1)
    same = float((found["tflite"].argmax(axis=1) == outcome.simulated.argmax(axis=1)).mean())
    print(
        f"\nthe trained .tflite against the simulation: top-1 alike on {same:.1%}; "
        f"{np.mean(difference < 1e-5):.1%} of the answers the same to 1e-5, the furthest "
        f"{difference.max():.4f} apart"
    )
    other, codes = _differing((room / "trained-tflite" / "model.tflite").read_bytes(), scored.load()[:8])
    print(f"each operator given the file's codes, on 8 photos: {other} of {codes:,} codes differ")
    gained = not repaired or after["tflite"] - before["tflite"] >= (whole - before["tflite"]) / 2
    return same >= LEAST_ALIKE and gained


def _differing(data: bytes, pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """How many codes each operator of the simulation gets wrong when it reads the file's, and of how many."""
    graph = reading.read(data)
    network = Simulation(graph)
    steps = {step.output for step in graph.steps if graph.is_int8(step.output)}
    model = flatbuffer.read(data)
    flatbuffer.graph(model).outputs, model.signatureDefs = sorted(steps), None
    with LiteRTEngine({"model.tflite": flatbuffer.write(model)}, num_threads=1) as engine:
        rows = [engine.run(np.array(picture[np.newaxis])) for picture in pixels]
    held = dict(zip(sorted(steps), map(np.concatenate, zip(*rows, strict=True)), strict=True))
    start = graph.tensors[graph.pixels]
    assert start.zero is not None  # the pixels of an int8 file are codes
    found: dict[int, Any] = {graph.pixels: Codes(pixels.astype(np.float32) - start.zero, start.scale)}
    differing = codes = 0
    for step in graph.steps:
        found[step.output] = RULES[step.kind](Place(network.kernels, network.grids, graph, step, found))
        if step.output in steps:
            # The engine gives what the codes mean.
            wanted = np.rint(held[step.output] / graph.tensors[step.output].scale).astype(np.float32)
            differing += int((wanted != keras.ops.convert_to_numpy(found[step.output].whole)).sum())
            codes += wanted.size
            found[step.output] = Codes(wanted, found[step.output].scale)
    return differing, codes


def _photos(name: str, room: Path) -> Path:
    if name == "hymenoptera":
        return SHARED / "data" / "hymenoptera"
    (room / "solar.csv").write_text(demo.solar_csv(), encoding="utf-8")
    return room / "solar.csv"


def _int8(run: Run, room: Path, form: str, tuned: Path | None, pixels: Path) -> Answers:
    """Convert to int8 as the ladder does, and ask the file: float32 (n, classes)."""
    out = room / f"{'int8' if tuned is None else 'trained'}-{form}"
    out.mkdir()
    request = ConversionRequest(
        graph=room / FORMATS[form].graph,
        precision="int8",
        out=out,
        calibration=room / "few.npy",
        contract=run.contract,
        recipe=Recipe(correct_head=tuned is None or form != "tflite"),
        logits=room / "logits.npz" if (room / "logits.npz").is_file() else None,
        layers=room / LAYERS,
        tuned=tuned,
    )
    isolated.call(f"{FORMATS[form].module}:convert", request, doing="converting")
    return _ask(out, form, FORMATS[form].files[0], pixels)


def _ask(folder: Path, form: str, file: str, pixels: Path) -> Answers:
    names = FORMATS[form].files
    contents = {name: (folder / (file if name == names[0] else name)).read_bytes() for name in names}
    with engines.start(engines.for_format(form), contents, num_threads=2) as engine:
        images = np.load(pixels, mmap_mode="r")
        return np.concatenate([engine.run(np.array(image[np.newaxis]))[0] for image in images])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
