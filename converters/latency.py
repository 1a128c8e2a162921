"""A quick measurement of all variants side by side, enough to rank them. ``edgetl bench`` measures well."""

import time
from collections.abc import Mapping
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edgetl.runtime.base import AbstractEngine

ROUNDS = 12
_RUNS, _DISCARDED = 4, 1
_SLOW_S = 0.1
"""A slower model is asked once a round, for three rounds."""


def measure(engines: Mapping[str, AbstractEngine], picture: NDArray[np.uint8]) -> dict[str, float]:
    """Median seconds of one inference each, taken in turns, so that a busy moment slows all alike.

    Args:
        engines: started, by the name of the variant.
        picture: uint8 (1, height, width, 3).
    """
    samples: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(ROUNDS):
        for name, engine in engines.items():
            slow = bool(samples[name]) and min(samples[name]) > _SLOW_S
            if slow and number >= 3:
                continue
            times = []
            for _ in range(1 if slow else _RUNS):
                start = time.perf_counter()
                engine.run(picture)
                times.append(time.perf_counter() - start)
            # The first of a turn finds the caches full of the variant before.
            samples[name] += times if slow else times[_DISCARDED:]
    return {name: median(times) for name, times in samples.items()}
