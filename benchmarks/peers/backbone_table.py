"""Measure parameters and multiply-accumulates of every backbone and hold the table against them.

    python benchmarks/peers/backbone_table.py [NAME ...]

Builds each backbone in Keras at its default size and width 1.0, without weights, and counts. Prints
what it measured; ends with code 1 if a figure of ``edgetl.training.backbones.TABLE`` differs. Where
``../shared/data/model_specs.csv`` is there, the published figures (with their 1,000-class heads) stand
beside ours plus such a head.
"""

import csv
import os
import sys
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from edgetl.training import architectures
from edgetl.training.architectures import counting
from edgetl.training.backbones import TABLE, Backbone

PUBLISHED = Path(__file__).parents[2].parent / "shared/data/model_specs.csv"
ROWS = {
    "efficientnet_lite0": "efficientnet_lite0_224",
    "efficientnet_lite1": "efficientnet_lite1_240",
    "efficientnet_lite2": "efficientnet_lite2_260",
    "mobilenet": "mobilenet_v1_1.0_224",
    "mobilenet_v2": "mobilenet_v2_1.0_224",
    "mobilenet_v3_small": "mobilenet_v3_small_1.0_224",
    "mobilenet_v3_large": "mobilenet_v3_large_1.0_224",
    "efficientnet_b0": "efficientnet_b0_224",
    "efficientnet_v2_b0": "efficientnetv2_b0_224",
    "efficientnet_v2_b1": "efficientnetv2_b1_240",
    "efficientnet_v2_b2": "efficientnetv2_b2_260",
    "efficientnet_v2_b3": "efficientnetv2_b3_300",
    "resnet50": "resnet50_v1.5_224",
}
# Most heads are one dense layer on the features; MobileNetV3 has a wide layer in between.
HIDDEN = {"mobilenet_v3_small": 1024, "mobilenet_v3_large": 1280}


def measure(backbone: Backbone) -> tuple[int, int, int]:
    """Parameters, multiply-accumulates and length of the features."""
    model = architectures.bare(backbone, size=backbone.default_size, width=1.0)
    result = counting.parameters(model), counting.macs(model), int(model.output.shape[-1])
    keras.utils.clear_session()
    return result


def head(backbone: Backbone) -> int:
    """Multiply-accumulates, and within 0.1 % parameters, of the published 1,000-class head."""
    widths = [backbone.features, *([HIDDEN[backbone.name]] if backbone.name in HIDDEN else []), 1000]
    return sum(wide * narrow for wide, narrow in pairwise(widths))


def published() -> dict[str, tuple[float, float]]:
    """MACs and parameters in millions, by name of a backbone."""
    if not PUBLISHED.is_file():
        return {}
    with PUBLISHED.open(newline="", encoding="utf-8") as file:
        figures = {
            row["model"]: (float(row["macs_M"]), float(row["params_M"])) for row in csv.DictReader(file)
        }
    return {name: figures[row] for name, row in ROWS.items() if row in figures}


def main(names: list[str]) -> int:
    """Print one line a backbone; return how many differ from the table."""
    known = published()
    wrong = 0
    print(
        f"{'backbone':20} {'size':>4} {'parameters':>11} {'MACs':>14} {'features':>8}"
        "  with a head: ours / published"
    )
    for name in names or TABLE:
        row = TABLE[name]
        parameters, macs, features = measure(row)
        line = f"{name:20} {row.default_size:4} {parameters:11} {macs:14} {features:8}"
        if name in known:
            more = head(row)
            line += f"  {(macs + more) / 1e6:.0f} / {known[name][0]:g} M MACs"
            line += f", {(parameters + more) / 1e6:.2f} / {known[name][1]:g} M parameters"
        if (parameters, macs, features) != (row.parameters, row.macs, row.features):
            wrong += 1
            line += f"  THE TABLE SAYS {row.parameters}, {row.macs}, {row.features}"
        print(line, flush=True)
    print("the table is right" if not wrong else f"{wrong} rows of the table are wrong")
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
