import asyncio

import pytest

from edgetl.remote.patience import within


async def ready(value: str) -> str:
    await asyncio.sleep(0)
    return value


async def failing() -> str:
    raise OSError("broken")


def test_what_comes_in_time_is_the_result() -> None:
    assert asyncio.run(within(ready("here"), 10)) == "here"
    with pytest.raises(OSError, match="broken"):
        asyncio.run(within(failing(), 10))


def test_what_does_not_is_cancelled() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(within(endless(), 0.01))
    assert ended == ["cleaned up"]


def test_a_cancellation_is_heeded_also_when_the_result_comes_at_the_same_moment() -> None:
    async def go() -> str:
        result = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(within(result, 10))
        await asyncio.sleep(0.01)
        result.set_result("here")
        waiting.cancel()
        return str(await waiting)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go())
