"""When the measuring process stops warming up, and when it has measured enough."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import TypeAlias

import pytest

from edgetl.benchmarks.running import timing

Taking: TypeAlias = Callable[[Callable[[int], float]], Callable[[], float]]


@pytest.fixture
def run_taking(monkeypatch: pytest.MonkeyPatch) -> Taking:
    """Make a run that takes as long as the given function of its number says, by a clock of its own."""
    clock = SimpleNamespace(now=0.0, runs=0)
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def taking(seconds: Callable[[int], float]) -> Callable[[], float]:
        def run() -> float:
            took = seconds(clock.runs)
            clock.runs += 1
            clock.now += took
            return took

        return run

    return taking


def test_quick_runs_warm_up_for_a_fifth_of_a_second(run_taking: Taking) -> None:
    times, steady = timing.warm_up(run_taking(lambda number: 0.001))
    assert (len(times), steady) == (pytest.approx(200, abs=10), True)


def test_a_clock_that_rises_slowly_under_quick_runs_is_noticed(run_taking: Taking) -> None:
    # Ten runs in a row never differ by 2 %, but those of a fifth of a second do, until the clock is up.
    def rising(number: int) -> float:
        return 0.001 * max(1.0, 1.5 - 0.0005 * number)

    times, steady = timing.warm_up(run_taking(rising))
    assert steady
    assert len(times) > 900
    assert times[-1] < 0.00105


def test_warm_up_goes_on_while_times_fall(run_taking: Taking) -> None:
    times, steady = timing.warm_up(run_taking(lambda number: max(0.05, 0.2 * 0.9**number)))
    assert steady
    assert times[-5:] == [0.05] * 5


def test_warm_up_of_times_that_never_settle_ends_after_five_seconds(run_taking: Taking) -> None:
    times, steady = timing.warm_up(run_taking(lambda number: 0.03 * 1.05 ** (number % 60)))
    assert steady is False
    assert 5 <= sum(times) < 7


def test_every_run_of_the_warm_up_is_kept(run_taking: Taking) -> None:
    times, _ = timing.warm_up(run_taking(lambda number: 0.009 + 1e-6 * number))
    assert times == [0.009 + 1e-6 * number for number in range(len(times))]


def test_a_model_too_slow_to_tell_is_neither_steady_nor_unsteady(run_taking: Taking) -> None:
    times, steady = timing.warm_up(run_taking(lambda number: 2.0))
    assert (len(times), steady) == (3, None)


def test_runs_and_seconds_are_both_kept(run_taking: Taking) -> None:
    run = run_taking(lambda number: 0.01)
    assert len(timing.repeat(run, 50, 0.1, None)) == 50
    assert len(timing.repeat(run, 1, 0.995, None)) == 100


def test_a_limit_ends_runs_that_are_too_slow(run_taking: Taking) -> None:
    assert len(timing.repeat(run_taking(lambda number: 1.0), 50, 3.0, 4.0)) == 4


def test_one_run_is_measured_at_least(run_taking: Taking) -> None:
    assert len(timing.repeat(run_taking(lambda number: 1.0), 1, 0.0, 0.0)) == 1
