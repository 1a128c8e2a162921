"""Axes: round numbers to label, and where they lie."""

import math
from dataclasses import dataclass

_STEPS = (1, 2, 5, 10)


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


@dataclass(frozen=True)
class LogScale:
    """The same with equal factors equally far apart; ``low`` is above 0."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value above 0 lies."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, *, at_most: int = 6) -> tuple[float, ...]:
    """Round values from ``low`` to ``high``, a step of 1, 2 or 5 times a power of ten apart.

    Args:
        low: left or lower end.
        high: above ``low``.
        at_most: how many there is room for, 4 or more: with fewer, none may be round enough.
    """
    least = (high - low) / (at_most - 1)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in _STEPS if factor * power >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(number * step for number in range(first, last + 1))


def few_ticks(low: float, high: float, *, at_most: int = 4) -> tuple[float, ...]:
    """Two or more round values from ``low`` to ``high``, and no more than there is room for.

    Args:
        low: left or lower end.
        high: above ``low``.
        at_most: 4 or more.
    """
    marks = ticks(low, high)  # six at most: their step is at most half of the length
    return marks if len(marks) <= at_most else marks[::2]


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """1, 2 and 5 times the powers of ten from ``low`` to ``high``, both above 0."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = (factor * 10.0**power for power in powers for factor in _STEPS[:3])
    return tuple(value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9))
