"""Wait until a board is cool enough to be measured: ``edgetl bench --wait-cool``."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edgetl.benchmarks.state import Sensors
from edgetl.errors import UsageError
from edgetl.progress import SILENT, Progress

AT_MOST_S = 600.0
"""A Pi without a fan has come down from its limit by then."""
STEADY_S = 30.0
STEADY_C = 1.1
"""Two steps of the coarsest sensor of a Pi, see ``trends.py``."""
_EVERY_S = 1.0


@dataclass(frozen=True)
class Cooling:
    """What waiting came to."""

    waited_s: float
    first_c: float | None
    """Temperature at the start, degrees Celsius; None where the machine tells none."""
    last_c: float | None
    """And when the waiting ended."""
    limit_c: float | None
    """What was asked for; None waited until it was steady."""
    cool: bool | None
    """Whether that was reached; None where the machine tells no temperature."""
    reason: str | None
    """Why it was not, or is unknown."""


STEADY = "steady"


def limit(asked: str | None) -> float | None:
    """What to wait for, in degrees Celsius; None for a steady temperature, or where nothing was asked.

    Raises:
        UsageError: it is neither ``steady`` nor a temperature that a CPU can have.
    """
    if asked is None or asked == STEADY:
        return None
    try:
        degrees = float(asked)
    except ValueError:
        degrees = math.nan
    if not 0 < degrees < 120:
        raise UsageError(f"{asked!r} is nothing to wait for: give degrees Celsius, as 50, or {STEADY}")
    return degrees


def wait_cool(
    limit_c: float | None = None,
    *,
    at_most_s: float = AT_MOST_S,
    read: Callable[[], float | None] | None = None,
    progress: Progress = SILENT,
) -> Cooling:
    """Wait until the CPU is at or below a temperature, or until its temperature is steady.

    Steady means that it fell by no more than 1.1 degrees in 30 s. A board that is steady above the limit
    is not waited for any longer.

    Args:
        limit_c: degrees Celsius; None waits until it is steady.
        at_most_s: seconds after which the waiting ends in any case.
        read: tells the temperature; None asks this machine.
        progress: hears of the temperature and of the end.
    """
    read = Sensors().temperature_c if read is None else read
    start = time.monotonic()
    first = now = read()
    if first is None:
        return Cooling(0.0, None, None, limit_c, None, "this machine tells no temperature")
    told = deque([(start, first)])
    said = start
    asked = "is steady" if limit_c is None else f"is at {limit_c:g} °C"
    with progress.step(f"waiting until the CPU, at {first:.0f} °C, {asked}"):
        while True:
            waited = time.monotonic() - start
            steady = _steady(told, waited)
            if now is None:
                return Cooling(waited, first, None, limit_c, None, "the temperature can no longer be read")
            if (limit_c is None and steady) or (limit_c is not None and now <= limit_c):
                return Cooling(waited, first, now, limit_c, True, None)
            if steady:
                reason = f"the CPU stays at {now:.0f} °C: ask for more, or move the board to a cooler place"
                return Cooling(waited, first, now, limit_c, False, reason)
            if waited >= at_most_s:
                reason = (
                    f"the CPU is still at {now:.0f} °C after {waited:.0f} s: give it a fan, or wait longer"
                )
                return Cooling(waited, first, now, limit_c, False, reason)
            if time.monotonic() - said >= STEADY_S:
                said = time.monotonic()
                progress.note(f"{now:.1f} °C after {waited:.0f} s")
            time.sleep(_EVERY_S)
            if (now := read()) is not None:
                told.append((time.monotonic(), now))


def _steady(told: deque[tuple[float, float]], waited_s: float) -> bool:
    """Whether the temperatures of the last 30 s lie close together; older ones are dropped."""
    while told[-1][0] - told[0][0] > STEADY_S:
        told.popleft()
    degrees = [temperature for _, temperature in told]
    return waited_s >= STEADY_S and max(degrees) - min(degrees) <= STEADY_C
