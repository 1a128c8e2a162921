"""Count the work of every backbone, so that its latency on a board can be estimated before it is built.

    python benchmarks/peers/backbone_work.py [--check] [NAME ...]

Builds each backbone at each of its widths, converts it with edgetl's own converter, and adds up the operators
of the ``.tflite`` file by how far the feature map they write is shrunk. Nearly all work of a convolutional
network is proportional to the area of those maps, so one file tells the work at every input size; what
happens after the last pooling, or inside squeeze-and-excitation, does not depend on it.

Writes ``benchmarks/reference/backbones.json``; with names, only those entries anew. ``--check`` converts each
at another input size instead, and ends with code 1 where the table is off by more than 3 % of the
multiply-accumulates or of the values written. About 8 minutes on two cores.
"""

import json
import sys
import tempfile
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgetl import files, isolated
from edgetl.benchmarks.estimate import backbones as table
from edgetl.benchmarks.estimate.work import Work, of_tflite
from edgetl.training.backbones import TABLE, Backbone

PLACE = Path(__file__).parents[1] / "reference" / table.NAME
SIZE, OTHER = 256, 192
"""Pixels: of the files that are counted, and of those that check it."""
UNEVEN = ("alexnet", "inception_v3")
"""Without padding, maps shrink by other factors than 2: counted at their own size, a little off elsewhere."""
OFF = 0.03


def write_tflite(name: str, width: float, size: int, folder: Path) -> None:
    """Write the float graph of a backbone with random weights; runs in a child process."""
    from edgetl.converters import graphs
    from edgetl.training import architectures

    row = TABLE[name]
    model = architectures.bare(row, size=size, width=width)
    model.save(folder / "features.keras")
    graphs.write(folder / "features.keras", row.contract(size), ("tflite",), folder)


def converted(row: Backbone, width: float, size: int) -> bytes:
    """The ``.tflite`` file of a backbone."""
    from edgetl.converters.formats import FORMATS

    with tempfile.TemporaryDirectory(prefix="edgetl-") as folder:
        place = Path(folder)
        isolated.call(
            "backbone_work:write_tflite", row.name, width, size, place, doing=f"building {row.name}"
        )
        return (place / FORMATS["tflite"].graph).read_bytes()


def counted(data: bytes, size: int) -> dict[str, Any]:
    """An entry of the table."""
    from ai_edge_litert import schema_py_generated

    from edgetl.converters.anatomy.tflite_graph import Graph

    work, anatomy = of_tflite("features.tflite", data)
    graph = Graph("features.tflite", data, schema_py_generated)
    levels: dict[float, list[float]] = defaultdict(lambda: [0, 0, 0])
    biases = 0
    begun = False
    for found in anatomy.computing:
        _, inputs, outputs = graph.nodes[found.place]
        begun = begun or found.kind == "CONV_2D"
        if not begun:
            continue  # normalisation: an int8 file has none
        shape = [number or 1 for number in graph.shape(outputs[0])]
        height = shape[1] if len(shape) == 4 else 1
        area = height * (shape[2] if len(shape) == 4 else 1)
        level = levels[0.0 if height == 1 else size / height]
        if found.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            level[found.kind == "DEPTHWISE_CONV_2D"] += (found.macs or 0) / area
            biases += graph.size(inputs[2]) or 0 if len(inputs) > 2 else 0
        level[2] += sum(graph.size(index) or 0 for index in outputs) / area
    return {
        "levels": [
            [shrunk, *(round(amount, 3) for amount in amounts)] for shrunk, amounts in sorted(levels.items())
        ],
        "parameters": work.parameters,
        "biases": biases,
        "operators": len(graph.nodes),
        "features": anatomy.outputs[0].shape[-1],
    }


def check(row: Backbone, width: float) -> float:
    """How far the table is off at another size: the largest share of its amounts."""
    size = max(OTHER, row.min_size)
    entry = counted(converted(row, width, size), size)
    # Both leave normalisation out.
    truth = table.added_up([table.Level(*level) for level in entry["levels"]], entry["parameters"], size)
    told = table.work_of(row.name, width, size)
    off = max(_off(told, truth, name) for name in ("conv_macs", "depthwise_macs", "values"))
    print(f"{row.name:20} {width:4g} at {size}: off by {100 * off:.2f} %", flush=True)
    return off


def _off(told: Work, truth: Work, name: str) -> float:
    mine, real = getattr(told, name), getattr(truth, name)
    return abs(mine - real) / max(real, 1) if real else float(mine > 0)


def main(arguments: list[str]) -> int:
    """Count or check; return the exit code."""
    names = [name for name in arguments if name != "--check"] or list(TABLE)
    pairs = [(TABLE[name], width) for name in names for width in TABLE[name].widths]
    if "--check" in arguments:
        return int(max(check(row, width) for row, width in pairs) > OFF)
    old = json.loads(PLACE.read_text("utf-8")) if PLACE.is_file() else {"backbones": {}}
    entries = old["backbones"]
    for row, width in pairs:
        size = row.default_size if row.name in UNEVEN else max(SIZE, row.min_size)
        entries[table.key(row.name, width)] = counted(converted(row, width, size), size)
        print(f"{row.name:20} {width:4g}", flush=True)
        value = {
            "schema": table.SCHEMA,
            "script": "benchmarks/peers/backbone_work.py",
            "date": datetime.now(timezone.utc).date().isoformat(),
            "backbones": entries,
        }
        files.write_text(PLACE, json.dumps(value, indent=None, separators=(",", ":")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
