"""Waiting for a board to cool, by a clock and a thermometer of the test's own."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from edgetl.benchmarks.board import cooling
from edgetl.benchmarks.board.cooling import Cooling, wait_cool
from edgetl.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(s=0.0)

    def sleep(seconds: float) -> None:
        now.s += seconds

    monkeypatch.setattr(cooling, "time", SimpleNamespace(monotonic=lambda: now.s, sleep=sleep))
    return now


Waiting = Callable[..., Cooling]


@pytest.fixture
def wait(clock: SimpleNamespace) -> Waiting:
    """Wait on a board that comes down from 80 degrees to the temperature of its room."""

    def wait_on(limit_c: float | None = None, *, room: float = 40.0, **options: float) -> Cooling:
        return wait_cool(limit_c, read=lambda: room + (80 - room) * math.exp(-clock.s / 60), **options)

    return wait_on


def test_waits_until_the_temperature_asked_for(wait: Waiting) -> None:
    found = wait(55.0)
    assert found.cool
    assert found.last_c == pytest.approx(55, abs=1)
    assert found.waited_s == pytest.approx(60 * math.log(40 / 15), abs=1)


def test_without_a_temperature_waits_until_it_is_steady(wait: Waiting) -> None:
    found = wait()
    assert found.cool
    assert found.last_c is not None
    assert found.last_c < 43
    assert found.waited_s > 60


def test_a_cool_board_is_not_waited_for(wait: Waiting) -> None:
    assert wait(80.0).waited_s == 0


def test_a_board_that_stays_warmer_is_not_waited_for_to_the_end(wait: Waiting) -> None:
    found = wait(50.0, room=60.0)
    assert found.cool is False
    assert found.waited_s < cooling.AT_MOST_S
    assert found.reason is not None
    assert found.reason.startswith("the CPU stays at 6")


def test_waiting_has_an_end(wait: Waiting) -> None:
    found = wait(45.0, at_most_s=20.0)
    assert (found.cool, found.waited_s) == (False, 20.0)
    assert found.reason == "the CPU is still at 69 °C after 20 s: give it a fan, or wait longer"


def test_a_machine_without_a_thermometer_is_not_waited_for(clock: SimpleNamespace) -> None:
    found = wait_cool(50.0, read=lambda: None)
    assert (found.cool, found.waited_s, found.first_c) == (None, 0.0, None)
    assert found.reason == "this machine tells no temperature"


def test_a_thermometer_that_goes_away_ends_the_waiting(clock: SimpleNamespace) -> None:
    found = wait_cool(50.0, read=lambda: 70.0 if clock.s < 5 else None)
    assert (found.cool, found.reason) == (None, "the temperature can no longer be read")


def test_the_temperature_is_said_meanwhile(clock: SimpleNamespace) -> None:
    notes: list[str] = []
    progress = Progress()
    progress.note = notes.append  # type: ignore[method-assign]
    wait_cool(50.0, read=lambda: 80 - clock.s / 4, progress=progress)
    assert notes == ["72.5 °C after 30 s", "65.0 °C after 60 s", "57.5 °C after 90 s"]
