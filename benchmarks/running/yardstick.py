"""A fixed piece of work beside the inferences: how fast the machine itself was, where nothing else tells it.

A virtual machine has no clock, temperature or throttling bit to read, and its neighbours slow it by some ten
percent for seconds or hours without a trace in ``/proc/stat``. Work that never changes shows it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgetl.benchmarks.running.timing import timed

EVERY_S = 0.02
"""After inferences of so many seconds, one at least, the yardstick is laid on once: some 25 times in each
process of a benchmark that is not told otherwise, and under 2 % of its time on a PC."""
_SIDE = 48
_PRODUCTS = 50


@dataclass(frozen=True)
class Yardstick:
    """What the fixed work took beside the inferences of one process; the two lists run in step."""

    work: str
    """What it is. Seconds of two different works say nothing about each other."""
    taken_s: tuple[float, ...]
    """Seconds of the work."""
    after: tuple[int, ...]
    """How many inferences had been timed by then."""


def beside(infer: Callable[[], float]) -> tuple[Callable[[], float], Callable[[], Yardstick]]:
    """Lay the yardstick beside a function that is timed again and again.

    Args:
        infer: runs once and returns the seconds it took.

    Returns:
        The same function, which now and then does the fixed work after it has taken its own time, and a
        function that tells what the work took so far.
    """
    work = _products()
    work()  # the first is slower: numpy looks up its code
    taken: list[float] = []
    after: list[int] = []
    count = 0
    since = 0.0

    def infer_and_look() -> float:
        nonlocal count, since
        seconds = infer()
        count, since = count + 1, since + seconds
        if since >= EVERY_S:
            since = 0.0
            taken.append(timed(work)[1])
            after.append(count)
        return seconds

    def told() -> Yardstick:
        name = f"{_PRODUCTS} products of {_SIDE} x {_SIDE} float32, numpy {np.__version__}"
        return Yardstick(name, tuple(taken), tuple(after))

    return infer_and_look, told


def _products() -> Callable[[], None]:
    """Small enough for the first cache, and for every BLAS to stay on one thread (48 ** 3 < 2 ** 18)."""
    # numpy.random would add 7 MB to the memory that is measured beside.
    matrix = np.linspace(0.5, 1.5, _SIDE * _SIDE, dtype=np.float32).reshape(_SIDE, _SIDE)
    product = np.empty_like(matrix)

    def work() -> None:
        for _ in range(_PRODUCTS):
            np.dot(matrix, matrix, out=product)

    return work
