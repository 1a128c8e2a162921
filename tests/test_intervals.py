"""Intervals of shares keep what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.intervals import paired_difference, wilson


@given(st.integers(1, 5000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_holds_the_share_and_stays_between_0_and_1(pair: tuple[int, int]) -> None:
    interval = wilson(*pair)
    assert interval.value == pair[0] / pair[1]
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


@given(st.integers(1, 2000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_is_symmetric(pair: tuple[int, int]) -> None:
    right, wrong = wilson(*pair), wilson(pair[1] - pair[0], pair[1])
    assert math.isclose(right.low, 1 - wrong.high, abs_tol=1e-12)


def test_wilson_gives_the_textbook_figure() -> None:
    # 81 of 263: 0.2553 to 0.3662 (Newcombe, Statistics in Medicine 1998, table I).
    interval = wilson(81, 263)
    assert round(interval.low, 4) == 0.2553
    assert round(interval.high, 4) == 0.3662


@given(st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_no_lost_picture_is_no_difference_but_still_an_interval(pair: tuple[int, int]) -> None:
    interval = paired_difference(0, 0, pair[1])
    assert interval.value == 0
    assert interval.low < 0 < interval.high


@given(st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300)))
def test_swapping_the_two_models_mirrors_the_interval(counts: tuple[int, int, int]) -> None:
    first, second, both = counts
    total = first + second + both + 1
    one, other = paired_difference(first, second, total), paired_difference(second, first, total)
    assert math.isclose(one.low, -other.high, abs_tol=1e-12)
    assert -1 <= one.low <= one.value <= one.high <= 1


def test_the_paired_interval_covers_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(0)
    shares = (0.04, 0.02, 0.94)  # only the first right, only the second, no difference
    counts = random.multinomial(200, shares, size=2000)
    inside = [
        interval.low <= shares[0] - shares[1] <= interval.high
        for interval in (paired_difference(int(a), int(b), 200) for a, b, _ in counts)
    ]
    assert 0.93 <= np.mean(inside) <= 0.98


@pytest.mark.parametrize("arguments", [(-1, 10), (11, 10), (0, 0)])
def test_refuses_what_is_no_share(arguments: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson(*arguments)
