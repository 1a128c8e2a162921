"""Intervals that count processes, not runs: against known values and the truth of simulated benchmarks."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgetl.benchmarks import confidence

times = st.lists(st.floats(min_value=1e-6, max_value=1e3), min_size=1, max_size=20)
several = st.lists(times, min_size=2, max_size=4)


def median(values: NDArray[np.float64]) -> float:
    return float(np.median(values))


def p95(values: NDArray[np.float64]) -> float:
    return float(np.quantile(values, 0.95))


def simulated(
    draw: np.random.Generator,
    processes: int,
    *,
    between: float = 0.003,
    within: float = 0.01,
    slower: float = 1.0,
) -> list[list[float]]:
    """Processes of 100 runs with a median of 1, each a little off as a whole, as real ones are."""
    return [
        (slower * math.exp(draw.normal(0, between)) * np.exp(draw.normal(0, within, 100))).tolist()
        for _ in range(processes)
    ]


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (10, 2.228), (30, 2.042), (1e6, 1.960)],
)
def test_students_quantiles_are_those_of_the_tables(freedom: float, quantile: float) -> None:
    assert confidence.student(freedom) == pytest.approx(quantile, abs=2e-3)


def test_one_process_has_no_interval() -> None:
    assert confidence.interval([[1.0, 2.0]], median) is None
    assert confidence.ratio([[1.0, 2.0]], [[1.0], [2.0]], median) is None
    assert confidence.ratio([[1.0], [2.0]], [[1.0, 2.0]], median) is None


@given(several)
def test_interval_holds_the_statistic_and_no_time_below_zero(processes: list[list[float]]) -> None:
    found = confidence.interval(processes, median)
    assert found is not None
    assert found.value == pytest.approx(median(np.concatenate(processes)))
    assert 0 < found.low <= found.value <= found.high < math.inf


@given(several, st.floats(min_value=1e-3, max_value=1e3))
def test_interval_follows_the_unit(processes: list[list[float]], scale: float) -> None:
    found = confidence.interval(processes, median)
    scaled = confidence.interval([[scale * time for time in group] for group in processes], median)
    assert found is not None
    assert scaled is not None
    assert [scaled.value, scaled.low, scaled.high] == pytest.approx(
        [scale * end for end in (found.value, found.low, found.high)], rel=1e-6
    )


@given(several, several)
def test_ratio_turned_round_is_its_inverse(first: list[list[float]], second: list[list[float]]) -> None:
    there, back = confidence.ratio(first, second, median), confidence.ratio(second, first, median)
    assert there is not None
    assert back is not None
    assert there.value == pytest.approx(1 / back.value)
    assert there.low == pytest.approx(1 / back.high)


def test_two_processes_are_judged_by_the_widest_of_students() -> None:
    # The resamples have the logarithms 0, 1, 1 and 2: variance 1/2, which two processes halve, so error 1.
    found = confidence.interval([[1.0], [math.exp(2.0)]], lambda values: float(np.exp(np.log(values).mean())))
    assert found is not None
    assert math.log(found.high / found.value) == pytest.approx(12.706, abs=1e-3)


def test_a_mean_of_many_processes_has_its_usual_standard_error() -> None:
    logs = np.random.default_rng(0).normal(0, 0.1, 40)
    found = confidence.interval(
        np.exp(logs)[:, None].tolist(), lambda values: float(np.exp(np.log(values).mean()))
    )
    assert found is not None
    usual = 2.023 * logs.std(ddof=1) / math.sqrt(40)
    assert math.log(found.high / found.value) == pytest.approx(usual, rel=0.1)


def test_equal_processes_differ_by_exactly_nothing() -> None:
    found = confidence.ratio([[1.0], [1.0]], [[2.0], [2.0]], median)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))


@pytest.mark.parametrize(("statistic", "least"), [(median, 0.92), (p95, 0.85)])
def test_the_truth_lies_within_although_the_processes_differ(
    statistic: Callable[[NDArray[np.float64]], float], least: float
) -> None:
    draw = np.random.default_rng(1)
    truth = statistic(np.concatenate(simulated(draw, 2000)))
    found = [confidence.interval(simulated(draw, 4), statistic) for _ in range(200)]
    covered = np.mean([interval is not None and interval.low <= truth <= interval.high for interval in found])
    # Three standard errors of 200 benchmarks below what bench_repeatability.py found.
    assert covered >= least - 3 * math.sqrt(least * (1 - least) / 200)


def test_benchmarks_that_are_the_same_are_told_apart_5_times_of_100() -> None:
    draw = np.random.default_rng(2)
    ratios = [confidence.ratio(simulated(draw, 4), simulated(draw, 4), median) for _ in range(200)]
    wrong = np.mean([ratio is not None and not ratio.low <= 1 <= ratio.high for ratio in ratios])
    assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
