"""In which order devices are updated: a few first, the others when those are well, none after a failure."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from edgetl.errors import UsageError

T = TypeVar("T")
R = TypeVar("R")


def plan(devices: Sequence[T], canary: int, wave: int) -> list[list[T]]:
    """The waves.

    Args:
        devices: in the order asked for.
        canary: how many go first; 0: no wave of their own.
        wave: how many at a time afterwards.

    Raises:
        UsageError: ``canary`` is negative, or ``wave`` is not above 0.
    """
    if canary < 0:
        raise UsageError(f"canary {canary} is negative: take 0 for no device that goes first")
    if wave < 1:
        raise UsageError(f"wave {wave} is no number of devices at a time: take 1 or more")
    first = [list(devices[:canary])] if canary and devices else []
    rest = range(canary, len(devices), wave)
    return [*first, *(list(devices[start : start + wave]) for start in rest)]


async def roll_out(
    waves: Sequence[Sequence[T]],
    one: Callable[[T, int], Awaitable[R]],
    is_well: Callable[[R], bool],
    untouched: Callable[[T, int], R],
) -> list[R]:
    """Update wave after wave, the devices of one side by side, until one device is not well.

    Args:
        waves: of :func:`plan`.
        one: updates a device, which is given with the number of its wave, from 1; it raises nothing.
        is_well: whether the next wave may begin after this result.
        untouched: the result of a device whose wave did not begin.

    Returns:
        A result for each device, in the order of the waves.
    """
    results: list[R] = []
    going = True
    for number, wave in enumerate(waves, start=1):
        if going:
            done = await _all(one(device, number) for device in wave)
            going = all(map(is_well, done))
            results += done
        else:
            results += [untouched(device, number) for device in wave]
    return results


async def _all(working: Iterable[Awaitable[R]]) -> list[R]:
    """Their results when all have ended, also where this is cancelled: each has its device to leave clean."""
    done = await asyncio.gather(*working, return_exceptions=True)
    results: list[R] = []
    for each in done:
        if isinstance(each, BaseException):
            raise each
        results.append(each)
    return results
