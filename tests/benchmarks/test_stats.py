"""The figures: each against a known value, and against rules that hold for every input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks import stats

seconds = st.floats(min_value=1e-6, max_value=1e3)
times = st.lists(seconds, min_size=1, max_size=200)


@given(st.lists(times, min_size=1, max_size=5))
def test_interval_holds_the_median_of_all_and_of_every_process(processes: list[list[float]]) -> None:
    interval = stats.median_interval(processes)
    medians = [stats.median(process) for process in processes]
    assert interval.low <= min(interval.value, *medians)
    assert interval.high >= max(interval.value, *medians)


@given(times)
def test_interval_stays_within_the_samples(values: list[float]) -> None:
    interval = stats.median_interval([values])
    assert min(values) <= interval.low <= interval.high <= max(values)


def test_interval_of_100_runs_ends_at_the_40th_and_61st() -> None:
    # Tables of the binomial interval of the median, such as Hahn and Meeker's A.15, give these ranks.
    interval = stats.median_interval([[float(number) for number in range(1, 101)]])
    assert (interval.low, interval.value, interval.high) == (40.0, 50.5, 61.0)


def test_interval_of_few_runs_is_their_range() -> None:
    interval = stats.median_interval([[3.0, 1.0, 2.0]])
    assert (interval.low, interval.high) == (1.0, 3.0)


def test_interval_of_very_many_runs_is_narrow() -> None:
    interval = stats.median_interval([[float(number) for number in range(100_001)]])
    assert interval.low == pytest.approx(49_690, abs=5)


@pytest.mark.parametrize("count", [7, 30, 60])
def test_interval_covers_the_true_median_95_times_of_100(count: int) -> None:
    draw = np.random.default_rng(count)
    true = np.log(2)  # median of the exponential distribution, which is as skewed as latencies are
    found = [stats.median_interval([draw.exponential(size=count).tolist()]) for _ in range(1000)]
    covered = sum(interval.low <= true <= interval.high for interval in found)
    # Three standard errors below 95 %.
    assert covered >= 929


def test_percentiles_need_as_many_samples_as_wilks_says() -> None:
    assert (stats.samples_needed(0.95), stats.samples_needed(0.99)) == (59, 299)


@given(times)
def test_p95_is_unknown_or_between_median_and_maximum(values: list[float]) -> None:
    p95 = stats.percentile(values, 0.95)
    if len(values) < 59:
        assert p95 is None
    else:
        assert p95 is not None
        assert stats.median(values) <= p95 <= max(values)


def test_spread_of_one_value_is_unknown() -> None:
    assert stats.spread([1.0]) is None


@given(st.lists(seconds, min_size=2, max_size=100))
def test_spread_follows_the_unit(values: list[float]) -> None:
    spread = stats.spread(values)
    assert spread is not None
    assert stats.spread([1000 * value for value in values]) == pytest.approx(1000 * spread)


def test_spread_of_normal_times_is_their_standard_deviation_whatever_interrupts() -> None:
    values = np.random.default_rng(0).normal(10, 1, 10_000)
    values[:100] = 1000
    assert stats.spread(values.tolist()) == pytest.approx(1, rel=0.05)


@given(seconds, st.integers(min_value=stats.STEADY_WINDOW, max_value=50))
def test_equal_times_are_steady(value: float, count: int) -> None:
    assert stats.is_steady([value] * count)


@given(seconds, st.integers(min_value=0, max_value=stats.STEADY_WINDOW - 1))
def test_fewer_times_than_the_window_are_not_steady(value: float, count: int) -> None:
    assert not stats.is_steady([value] * count)


@given(seconds, st.floats(min_value=0.5, max_value=0.99))
def test_falling_times_are_not_steady(first: float, factor: float) -> None:
    assert not stats.is_steady([first * factor**number for number in range(30)])


def test_one_interrupted_run_leaves_the_times_steady() -> None:
    values = [1.0] * stats.STEADY_WINDOW
    values[-2] = 50.0
    assert stats.is_steady(values)
