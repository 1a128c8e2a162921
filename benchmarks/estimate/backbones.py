"""The latency and size of a backbone that nobody has built yet, at any input size, from a table of its work.

``benchmarks/peers/backbone_work.py`` counted the operators of each backbone's ``.tflite`` file. They are
added up here at another input size: nearly all of them cost in proportion to the area of the map they write.
"""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

from edgetl.benchmarks.estimate import boards
from edgetl.benchmarks.estimate.predicting import Estimate, on_board
from edgetl.benchmarks.estimate.work import Work
from edgetl.errors import UsageError

NAME = "backbones.json"
SCHEMA = 1
VARIANT = "tflite-int8"
"""What is estimated: the fastest that published rows say anything about."""

_EDGE = 1e-6
"""299 / (299 / 147) must count as 147 rows and not as 148."""
# What an int8 file has beside its weights, fitted to edgetl's own exports (docs/choosing.md): a 32-bit bias
# with a scale for each channel, and what names and shapes take for each operator.
_BYTES_A_BIAS, _BYTES_AN_OPERATOR = 28, 450


@dataclass(frozen=True)
class Level:
    """All operators that write maps of one size."""

    shrunk: float
    """How many times smaller than the input the map is, on each side; 0: it is 1 x 1 at every input size."""
    conv_macs: float
    """Multiply-accumulates at each position of the map."""
    depthwise_macs: float
    values: float
    """Numbers written at each position."""


@dataclass(frozen=True)
class BackboneWork:
    """What one backbone costs at one width."""

    levels: tuple[Level, ...]
    parameters: int
    """Weights and biases, batch normalisation folded into them."""
    biases: int
    operators: int
    features: int
    """Length of its feature vector."""


def key(name: str, width: float) -> str:
    """Names an entry of the table: ``mobilenet_v2 0.75``."""
    return f"{name} {width:g}"


def work_of(name: str, width: float, size: int) -> Work:
    """The work of a backbone without a head, for one picture.

    Args:
        name: of a row of ``edgetl.training.backbones``.
        width: its multiplier.
        size: height and width of the input, pixels.

    Raises:
        UsageError: the table does not have it.
    """
    entry = _entry(name, width)
    return added_up(entry.levels, entry.parameters, size)


def added_up(levels: Iterable[Level], parameters: int, size: int) -> Work:
    """The work of all levels at an input size in pixels."""
    conv = depthwise = values = 0.0
    for level in levels:
        area = math.ceil(size / level.shrunk - _EDGE) ** 2 if level.shrunk else 1
        conv += area * level.conv_macs
        depthwise += area * level.depthwise_macs
        values += area * level.values
    return Work(round(conv), round(depthwise), round(values), parameters)


def size_bytes(name: str, width: float, classes: int) -> int:
    """About how large the ``.tflite`` file is in int8, with a head in float32, as export leaves a small one.

    Args:
        name: of the backbone.
        width: its multiplier.
        classes: of the head.

    Raises:
        UsageError: the table does not have it.
    """
    entry = _entry(name, width)
    body = entry.parameters - entry.biases + _BYTES_A_BIAS * entry.biases
    return body + _BYTES_AN_OPERATOR * entry.operators + 4 * classes * (entry.features + 1)


def estimate_backbone(
    name: str, width: float, size: int, board: str, *, classes: int, threads: int | None = None
) -> Estimate:
    """Estimate how long a classifier on this backbone takes in int8, from published latencies of others.

    Args:
        name: of the backbone.
        width: its multiplier.
        size: height and width of the input, pixels.
        board: key of a board.
        classes: of the head.
        threads: of the engine; None for as many as the board has cores.

    Raises:
        UsageError: an unknown board, a backbone that is not in the table, or one so unlike the published
            models that nothing is known of it.
    """
    chosen = boards.find(board)
    work = work_of(name, width, size)
    features = _entry(name, width).features
    head = Work(conv_macs=features * classes, values=2 * classes, parameters=(features + 1) * classes)
    return on_board(chosen, f"{name} at {size} pixels", VARIANT, work + head, threads or chosen.cores)


def _entry(name: str, width: float) -> BackboneWork:
    known = _table()
    if key(name, width) not in known:
        raise UsageError(
            f"{name} at width {width:g} is not in the table of backbones, so nothing can be said of its "
            "latency: train it without a limit, and measure it with edgetl bench"
        )
    return known[key(name, width)]


@functools.cache
def _table() -> Mapping[str, BackboneWork]:
    value = json.loads((resources.files("edgetl.benchmarks") / "reference" / NAME).read_text("utf-8"))
    return {
        name: BackboneWork(
            tuple(Level(*level) for level in entry["levels"]),
            entry["parameters"],
            entry["biases"],
            entry["operators"],
            entry["features"],
        )
        for name, entry in value["backbones"].items()
    }
