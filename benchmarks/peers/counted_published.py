"""Do executed instructions rank models as published latencies of a real Raspberry Pi 4 do?

    PYTHONPATH=tests .venv/bin/python benchmarks/peers/counted_published.py     # needs ../shared, 20 minutes
        [--json FILE] [--counts FILE]

Builds the classifiers of MODELS with random weights, which cost as much as trained ones, converts each to
TFLite in float32 and int8, counts one inference in LiteRT on an emulated Cortex-A72, and holds the counts
against the latencies of ``../shared/data/pi_latency.csv``: TFLite on a Pi 4B with a 64-bit system, four
threads. Prints in how many pairs the order is the same, how far a latency foretold from a count, and one from
multiply-accumulates, is off for models that were left out, and whether counts tell what ``edgetl estimate``
gets wrong.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import additive_fit
import numpy as np
import published_rows
from counting import agreement, boards, plugin

from edgetl import files
from edgetl.benchmarks.estimate.costs import Setting

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MODELS = (
    "efficientnet_lite0_224",
    "efficientnet_lite1_240",
    "mobilenet_v1_0.25_128",
    "mobilenet_v1_0.5_192",
    "mobilenet_v1_0.75_160",
    "mobilenet_v1_1.0_224",
    "mobilenet_v2_0.35_224",
    "mobilenet_v2_0.5_160",
    "mobilenet_v2_0.75_192",
    "mobilenet_v2_1.0_96",
    "mobilenet_v2_1.0_160",
    "mobilenet_v2_1.0_224",
    "mobilenet_v2_1.4_224",
    "mobilenet_v3_large_1.0_224",
    "mobilenet_v3_small_1.0_224",
)
_CALIBRATION = 2  # pictures of noise: steps of int8 change no instruction


def build(name: str) -> Any:
    """The Keras model of a published name, with random weights."""
    import keras

    from edgetl.training import architectures, backbones

    if match := re.fullmatch(r"(efficientnet_lite\d)_(\d+)", name):
        row = backbones.get(match[1])
        return architectures.bare(row, size=int(match[2]), width=1.0, include_imagenet_head=True)
    match = re.fullmatch(r"mobilenet_(v\d)_(?:(large|small)_)?([\d.]+)_(\d+)", name)
    assert match is not None, name
    kind = {"v1": "MobileNet", "v2": "MobileNetV2", "v3": f"MobileNetV3{(match[2] or '').title()}"}[match[1]]
    size, width = int(match[4]), float(match[3])
    # V3's own rescaling is no part of the published graphs.
    plain = {"include_preprocessing": False} if match[1] == "v3" else {}
    return getattr(keras.applications, kind)((size, size, 3), alpha=width, weights=None, **plain)


def convert(name: str) -> dict[str, bytes]:
    """A published model as TFLite, by precision."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model = build(name)
    shape = (1, *model.input_shape[1:])
    noise = np.random.default_rng(0).uniform(0, 255, (_CALIBRATION, *shape)).astype(model.inputs[0].dtype)
    spec = tf.TensorSpec(shape, model.inputs[0].dtype)
    function = tf.function(lambda pixels: model(pixels, training=False)).get_concrete_function(spec)
    frozen = convert_variables_to_constants_v2(function)
    converted = {}
    for precision in agreement.PRECISIONS.values():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        if precision == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([picture] for picture in noise)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
            converter.inference_output_type = tf.uint8
        converted[precision] = converter.convert()
    return converted


def count_files(python: Path, counter: Path, models: Sequence[Path], repeats: int) -> list[dict[str, int]]:
    """Instructions by kind of one inference of each file, in one process of the board."""
    request = {"work": "files", "models": list(map(str, models)), "repeats": repeats}
    _, lines = plugin.run(python, counter, request)
    each = len(lines) // len(models)
    parts = [plugin.between(lines[place * each : (place + 1) * each]) for place in range(len(models))]
    return [
        {kind: round(statistics.median(run[kind] for run in runs)) for kind in plugin.KINDS} for runs in parts
    ]


def main() -> int:
    """Convert, count, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the counts")
    parser.add_argument("--counts", type=Path, help="counts that --json wrote: nothing is counted anew")
    arguments = parser.parse_args()
    if not (SHARED / "pi_latency.csv").is_file():
        parser.error(f"{SHARED}/pi_latency.csv is not there: the comparison needs it")
    if arguments.counts:
        saved = json.loads(arguments.counts.read_text())
    else:
        with boards.explained(parser.exit), tempfile.TemporaryDirectory(prefix="edgetl-counted-") as folder:
            counter, pythons = boards.set_up(["pi4"])
            saved = count_models(pythons["pi4"][0][1], counter, Path(folder))
    if arguments.json:
        files.write_json(arguments.json, saved)
    counts = {(name, precision): kinds for name, both in saved.items() for precision, kinds in both.items()}
    print("Counted on an emulated Cortex-A72, LiteRT, one thread; published latencies of a Pi 4B.\n")
    published = agreement.latencies(SHARED / "pi_latency.csv")
    print(agreement.report(counts, published, agreement.macs(SHARED / "model_specs.csv")))
    print("\n".join(sharpened(counts, published)))
    return 0


def sharpened(
    counts: Mapping[tuple[str, str], Mapping[str, int]], published: Mapping[tuple[str, str], float]
) -> list[str]:
    """Whether a count tells what ``edgetl estimate`` gets wrong; for models that both have not seen."""
    rows = [row for row in published_rows.load()[0] if _is_usual(row.setting)]
    every = published_rows.load()[0]
    errors: dict[tuple[str, str], float] = {}
    for row, error in zip(every, additive_fit.left_out(every, lambda row: row.model), strict=True):
        key = row.model, row.setting.precision
        if row in rows and key in counts and key in published and np.isfinite(error):
            errors[key] = float(np.log(row.latency_s) + error - np.log(published[key]))
    lines = []
    for precision in agreement.PRECISIONS.values():
        known = {key: error for key, error in errors.items() if key[1] == precision}
        left = {
            what: agreement.mean_left(known, told)
            for what, told in (
                ("alone", None),
                ("less its mean error", dict.fromkeys(known, 0.0)),
                (
                    "less what counts tell of it",
                    {
                        key: float(np.log(sum(counts[key].values()) / published[key]) - error)
                        for key, error in known.items()
                    },
                ),
            )
        }
        said = ", ".join(f"{what} {100 * mean:.1f} %" for what, mean in left.items())
        lines.append(
            f"- {precision}, {len(known)} models, mean error of edgetl estimate without them: {said}"
        )
    return lines


def _is_usual(setting: Setting) -> bool:
    """Whether ``agreement.latencies`` takes rows of this setting."""
    where = (setting.board.name, setting.kernels, setting.threads, setting.bits)
    return where == ("Raspberry Pi 4B", "ruy", 4, 64)


def count_models(python: Path, counter: Path, folder: Path) -> dict[str, dict[str, dict[str, int]]]:
    """Instructions by kind, by model and precision."""
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for name in MODELS:
        for precision, content in convert(name).items():
            (folder / f"{precision}.tflite").write_bytes(content)
        places = [folder / f"{precision}.tflite" for precision in agreement.PRECISIONS.values()]
        kinds = count_files(python, counter, places, repeats=1)
        counted[name] = dict(zip(agreement.PRECISIONS.values(), kinds, strict=True))
        print(f"{name}: {[sum(each.values()) for each in kinds]}", file=sys.stderr, flush=True)
    return counted


if __name__ == "__main__":
    sys.exit(main())
