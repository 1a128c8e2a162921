"""Waiting for so long, and no longer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(waiting: Awaitable[T], seconds: float) -> T:
    """The result of what is waited for.

    ``asyncio.wait_for`` passes over Ctrl-C before Python 3.12 where the result comes at the same moment.

    Raises:
        TimeoutError: asyncio's; it was not there in time, and was cancelled.
    """
    task = asyncio.ensure_future(waiting)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # it was heard of: asyncio has nothing to complain about
