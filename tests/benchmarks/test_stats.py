"""The figures: each against a known value, and against rules that hold for every input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks import stats

seconds = st.floats(min_value=1e-6, max_value=1e3)
times = st.lists(seconds, min_size=1, max_size=200)


@given(st.lists(times, min_size=1, max_size=5))
def test_interval_holds_the_median_of_all_runs(processes: list[list[float]]) -> None:
    interval = stats.median_interval(processes)
    assert interval.value == stats.median([time for process in processes for time in process])
    assert interval.low <= interval.value <= interval.high


def test_interval_takes_in_what_another_process_would_give() -> None:
    # Runs that agree to a thousandth, in processes that differ by a hundredth.
    processes = [[level * (1 + number / 1e5) for number in range(100)] for level in (1.0, 1.01, 1.02)]
    interval = stats.median_interval(processes)
    pooled = stats.median_interval([[time for process in processes for time in process]])
    assert interval.value == pooled.value
    assert interval.high - interval.low > 2 * (pooled.high - pooled.low)


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


def test_p95_of_several_processes_has_an_interval_and_p99_of_few_runs_has_none() -> None:
    processes = [[level + number / 1000 for number in range(50)] for level in (1.0, 1.01, 1.02)]
    interval = stats.percentile_interval(processes, 0.95)
    assert interval is not None
    assert interval.value == stats.percentile([time for process in processes for time in process], 0.95)
    assert interval.low < interval.value < interval.high
    assert stats.percentile_interval(processes, 0.99) is None
    assert stats.percentile_interval([processes[0] + processes[1]], 0.95) is None


def test_ratios_are_those_of_the_figures() -> None:
    first = [[1.0 + number / 1000 for number in range(60)]] * 2
    second = [[1.1 * time for time in process] for process in first]
    for ratio in (stats.median_ratio(first, second), stats.percentile_ratio(first, second, 0.95)):
        assert ratio is not None
        assert ratio.value == pytest.approx(1.1)
    assert stats.percentile_ratio(first, second, 0.99) is None


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


@given(times)
def test_median_absolute_deviation_is_half_of_the_distances(values: list[float]) -> None:
    deviation = stats.median_absolute_deviation(values)
    distances = sorted(abs(value - stats.median(values)) for value in values)
    assert distances[0] <= deviation <= distances[-1]
    assert sum(distance <= deviation for distance in distances) >= len(values) / 2


def test_outliers_are_those_of_the_rule() -> None:
    # Median 5, median absolute deviation 2: 3.5 / 0.6745 * 2 = 10.4 from the median is the limit.
    values = [3.0, 4.0, 5.0, 6.0, 7.0, 2.0, 8.0, 15.3, 15.5]
    assert (stats.median(values), stats.median_absolute_deviation(values)) == (6.0, 2.0)
    assert stats.outliers([*values[:-1], 16.3]) == 0
    assert stats.outliers([*values[:-1], 16.5]) == 1


def test_outliers_are_unknown_where_most_values_are_equal() -> None:
    assert stats.outliers([1.0, 1.0, 1.0, 2.0]) is None
    assert stats.outliers([]) is None


def test_interrupted_runs_are_outliers_and_few_others_are() -> None:
    values = np.random.default_rng(0).normal(10, 1, 1000)
    values[:20] = 100
    found = stats.outliers(values.tolist())
    assert found is not None
    # 0.05 % of normal times are beyond 3.5 standard deviations.
    assert 20 <= found <= 25


@given(st.lists(seconds, min_size=3, max_size=50))
def test_outliers_do_not_depend_on_the_unit(values: list[float]) -> None:
    assert stats.outliers(values) == stats.outliers([4.0 * value for value in values])


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
