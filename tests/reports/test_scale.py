"""Axes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.reports.scale import LogScale, Scale, few_ticks, log_ticks, ticks

lows = st.floats(min_value=-1e6, max_value=1e6)
lengths = st.floats(min_value=1e-3, max_value=1e6)


@given(lows, lengths, st.integers(min_value=4, max_value=12))
def test_ticks_are_few_even_and_on_the_axis(low: float, length: float, at_most: int) -> None:
    high = low + length
    found = ticks(low, high, at_most=at_most)
    assert 1 <= len(found) <= at_most
    slack = 1e-6 * max(length, abs(low))
    assert all(low - slack <= tick <= high + slack for tick in found)
    steps = {round((after - before) / length, 4) for before, after in itertools.pairwise(found)}
    assert len(steps) <= 2  # rounding may split one value


def test_ticks_are_round() -> None:
    assert ticks(0, 13.7, at_most=5) == (0, 5, 10)
    assert ticks(88, 98, at_most=7) == (88, 90, 92, 94, 96, 98)


def test_a_scale_puts_its_ends_where_it_was_told() -> None:
    scale = Scale(10, 20, 300, 40)
    assert (scale(10), scale(20), scale(15)) == (300, 40, pytest.approx(170))


@given(lows, lengths, st.integers(min_value=4, max_value=6))
def test_few_ticks_are_two_at_least_and_no_more_than_fit(low: float, length: float, at_most: int) -> None:
    assert 2 <= len(few_ticks(low, low + length, at_most=at_most)) <= at_most


def test_a_logarithmic_scale_puts_equal_factors_equally_far_apart() -> None:
    scale = LogScale(1, 100, 0, 80)
    assert (scale(1), scale(10), scale(100)) == pytest.approx((0, 40, 80))
    assert log_ticks(2.5, 120) == (5, 10, 20, 50, 100)
