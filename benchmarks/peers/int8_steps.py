"""What each step towards int8 gives: top-1, agreement and the mean change of a probability.

    edgetl train PHOTOS --out RUN
    python benchmarks/peers/int8_steps.py RUN        # any number of runs, about 2 minutes each

The train photos of a run calibrate and its held-out photos score, in every format.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import isolated
from edgetl.benchmarks import machine
from edgetl.converters import calibration, channel_ranges, rounding
from edgetl.converters.formats import FORMATS
from edgetl.converters.request import ConversionRequest, ConvertedModel, Recipe
from edgetl.progress import SILENT
from edgetl.reports.units import format_share
from edgetl.runtime import engines
from edgetl.training.run import Run

CALIBRATION_IMAGES = 500
STEPS: Mapping[str, tuple[str, Recipe]] = {
    "weights rounded one by one": ("narrow", Recipe(round_weights=False, correct_head=False)),
    "weights rounded by what the layer says": ("narrow", Recipe(correct_head=False)),
    "channels widened near the pixels": ("wide", Recipe(correct_head=False)),
    "head solved for the int8 features": ("wide", Recipe()),
}


def prepare(run: Run, room: Path) -> NDArray[np.int64]:
    """Write pictures, float graphs and weights, with and without widened channels; gives the truth."""
    chosen = calibration.stratified(run.dataset.split("train"), CALIBRATION_IMAGES)
    held_out = run.dataset.split(run.dataset.scored_split)
    calibration.decode_set(chosen, run.contract, room / "calibration.npy", what="train", progress=SILENT)
    scored = calibration.decode_set(
        held_out, run.contract, room / "scored.npy", what="held out", progress=SILENT
    )
    model = run.model.resolve()
    isolated.call("edgetl.converters.graphs:write", model, run.contract, tuple(FORMATS), room, doing="graphs")
    probabilities = isolated.call(
        "edgetl.converters.graphs:predict", model, run.contract, room / "scored.npy", doing="Keras"
    )
    np.save(room / "reference.npy", probabilities)
    graph = room / FORMATS["onnx"].graph
    isolated.call(
        "edgetl.converters.head_correction:write_logits",
        graph,
        room / "calibration.npy",
        room / "logits.npz",
        doing="logits",
    )
    rounding.write(graph, room / "calibration.npy", {"int8": room / "wide.npz"})
    widen = channel_ranges.widen
    channel_ranges.widen = lambda model, pixels: {}  # noqa: ARG005
    rounding.write(graph, room / "calibration.npy", {"int8": room / "narrow.npz"})
    channel_ranges.widen = widen
    return scored.truth


def answers(run: Run, form: str, layers: Path, recipe: Recipe, room: Path) -> NDArray[np.float32]:
    """Convert to int8 and ask it about the held-out photos: float32 (n, classes)."""
    out = Path(tempfile.mkdtemp(dir=room))
    request = ConversionRequest(
        graph=room / FORMATS[form].graph,
        precision="int8",
        out=out,
        calibration=room / "calibration.npy",
        contract=run.contract,
        recipe=recipe,
        logits=room / "logits.npz" if (room / "logits.npz").is_file() else None,
        layers=layers,
    )
    made: ConvertedModel = isolated.call(f"{FORMATS[form].module}:convert", request, doing="converting")
    contents = {name: (out / name).read_bytes() for name in made.files}
    with engines.start(engines.for_format(form), contents) as engine:
        return engine.run(np.load(room / "scored.npy", mmap_mode="r"))[0]


def main() -> int:
    """Print one table for all runs."""
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    print(f"measured on {machine.describe().label}\n")
    print("| run | format | " + " | ".join(STEPS) + " |\n| --- | --- |" + " ---: |" * len(STEPS))
    for path in sys.argv[1:]:
        run = Run.open(path)
        with tempfile.TemporaryDirectory(prefix="edgetl-peers-") as folder:
            room = Path(folder)
            truth = prepare(run, room)
            reference = np.load(room / "reference.npy")
            trained = format_share(float((reference.argmax(1) == truth).mean()))
            for form in FORMATS:
                cells = []
                for layers, recipe in STEPS.values():
                    found = answers(run, form, room / f"{layers}.npz", recipe, room)
                    right = format_share(float((found.argmax(1) == truth).mean()))
                    alike = format_share(float((found.argmax(1) == reference.argmax(1)).mean()))
                    cells.append(f"{right}, {alike}, {np.abs(found - reference).mean():.4f}")
                print(f"| {run.name} ({trained}) | {form} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
