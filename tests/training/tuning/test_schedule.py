"""Learning rates over time and depth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.training.tuning import schedule


@given(steps=st.integers(1, 500), peak=st.floats(1e-6, 1.0), warm=st.floats(0, 1))
def test_the_rate_rises_then_falls_and_is_never_above_the_peak(steps: int, peak: float, warm: float) -> None:
    rates = [schedule.rate(step, steps, peak=peak, warm_up_share=warm) for step in range(steps)]
    highest = rates.index(max(rates))
    assert rates[: highest + 1] == sorted(rates[: highest + 1])
    assert rates[highest:] == sorted(rates[highest:], reverse=True)
    assert all(0 < rate <= peak for rate in rates)


def test_warm_up_reaches_the_peak_and_the_end_is_near_nothing() -> None:
    rates = [schedule.rate(step, 100, peak=1.0, warm_up_share=0.1) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] < 0.001


def test_low_layers_learn_slower() -> None:
    assert schedule.shares(3, 0.01) == pytest.approx([0.01, 0.1, 1.0])
    assert schedule.shares(1, 0.01) == [1.0]


def test_layers_are_set_free_from_the_top() -> None:
    shares = [0.25, 0.5, 0.75, 1.0]
    assert schedule.freed(shares, 0, 3) == [0, 0, 0, 1.0]
    assert schedule.freed(shares, 1, 3) == [0, 0, 0.75, 1.0]
    assert schedule.freed(shares, 3, 3) == shares
    assert schedule.freed(shares, 0, 0) == shares
