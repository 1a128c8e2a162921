"""Axes: round numbers to label, and where they lie."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A linear axis laid over a part of a length, both in any unit."""

    low: float
    high: float
    start: float
    """Where ``low`` lies; in charts a percentage of the width, or pixels from the top."""
    end: float

    def __call__(self, value: float) -> float:
        """Where a value lies."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, *, at_most: int = 6) -> tuple[float, ...]:
    """Round values from ``low`` to ``high``, a step of 1, 2 or 5 times a power of ten apart.

    Args:
        low: left or lower end.
        high: above ``low``.
        at_most: how many there is room for, 4 or more: with fewer, none may be round enough.
    """
    least = (high - low) / (at_most - 1)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(number * step for number in range(first, last + 1))
