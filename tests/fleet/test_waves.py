import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.errors import UsageError
from edgetl.fleet.waves import plan, roll_out

DEVICES = ["a", "b", "c", "d", "e", "f"]


def test_the_canary_goes_first_and_the_others_follow_by_waves() -> None:
    assert plan(DEVICES, 1, 2) == [["a"], ["b", "c"], ["d", "e"], ["f"]]
    assert plan(DEVICES, 0, 4) == [["a", "b", "c", "d"], ["e", "f"]]
    assert plan(DEVICES, 9, 1) == [DEVICES]


@pytest.mark.parametrize(
    ("canary", "wave", "said"), [(-1, 1, "canary -1"), (1, 0, "wave 0"), (1, -2, "wave -2")]
)
def test_a_wave_has_devices(canary: int, wave: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(DEVICES, canary, wave)


@given(st.lists(st.integers(), unique=True), st.integers(0, 9), st.integers(1, 9))
def test_every_device_has_its_one_wave_in_the_order_asked_for(
    devices: list[int], canary: int, wave: int
) -> None:
    waves = plan(devices, canary, wave)
    assert [device for one in waves for device in one] == devices
    assert all(waves)
    assert all(len(one) <= max(canary, wave) for one in waves)


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 4), st.integers(1, 4))
def test_no_wave_begins_after_a_failure_and_the_others_of_its_wave_are_let_finish(
    well: list[bool], canary: int, wave: int
) -> None:
    waves = plan(range(len(well)), canary, wave)
    begun: list[int] = []
    most = running = 0

    async def one(device: int, number: int) -> str:
        nonlocal running, most
        begun.append(device)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return "well" if well[device] else "ill"

    found = asyncio.run(roll_out(waves, one, "well".__eq__, lambda device, number: "untouched"))
    failing = next(
        (index for index, each in enumerate(waves) if not all(well[one] for one in each)), len(waves)
    )
    touched = [device for each in waves[: failing + 1] for device in each]
    assert begun == touched
    assert found == ["well" if well[one] else "ill" for one in touched] + ["untouched"] * (
        len(well) - len(touched)
    )
    assert most <= max(canary, wave)


@pytest.mark.parametrize("ended_by", ["cancellation", "a fault"])
def test_every_device_of_a_wave_is_let_clean_up_whatever_ends_it(ended_by: str) -> None:
    cleaned: list[str] = []

    async def one(device: str, number: int) -> str:
        if device == "a" and ended_by == "a fault":
            raise LookupError
        try:
            await asyncio.sleep(0.05 if ended_by == "a fault" else 600)
        finally:
            await asyncio.sleep(0.01 if device == "b" else 0)
            cleaned.append(device)
        return "well"

    async def go() -> None:
        rolling = asyncio.ensure_future(roll_out([["a", "b", "c"], ["d"]], one, bool, lambda d, n: ""))
        if ended_by == "cancellation":
            await asyncio.sleep(0.05)
            rolling.cancel()
        await rolling

    with pytest.raises((asyncio.CancelledError, LookupError)):
        asyncio.run(go())
    assert set(cleaned) == ({"b", "c"} if ended_by == "a fault" else {"a", "b", "c"})
