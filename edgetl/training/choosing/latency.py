"""How long a candidate takes: estimated for a board, or measured here."""

import statistics
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgetl.benchmarks.estimate import backbones as known
from edgetl.benchmarks.estimate import boards
from edgetl.errors import UsageError
from edgetl.training.prepare import BackboneChoice, Prepared

_WARM_UP, _RUNS = 3, 25


@dataclass(frozen=True)
class Latency:
    """Seconds of one picture, without decoding it."""

    seconds: float
    """The estimate, or the median of what was measured."""
    low_s: float
    """Lower end of an 80 % interval; of what was measured, the 10th percentile."""
    high_s: float
    """Upper end; the 90th percentile."""
    kind: Literal["estimated", "measured"]
    where: str
    """The board's name, or ``this machine``."""


def estimated(choice: BackboneChoice, board: str, classes: int) -> Latency | None:
    """What int8 would take on a board, in LiteRT on all cores; None where nothing is known of such networks.

    Raises:
        UsageError: there is no such board.
    """
    boards.find(board)
    try:
        found = known.estimate_backbone(choice.name, choice.width, choice.size, board, classes=classes)
    except UsageError:
        return None
    return Latency(found.latency_s, found.low_s, found.high_s, "estimated", found.board)


def measured(prepared: Prepared) -> Latency:
    """What the engine that computes the features takes here: float32, with its own choice of threads."""
    with prepared.start() as engine:
        engine.warm_up(_WARM_UP)
        picture = np.full((1, *engine.input_shape), 128, np.uint8)
        seconds = []
        for _ in range(_RUNS):
            start = time.perf_counter()
            engine.run(picture)
            seconds.append(time.perf_counter() - start)
    low, high = np.quantile(seconds, (0.1, 0.9))
    return Latency(statistics.median(seconds), float(low), float(high), "measured", "this machine")
