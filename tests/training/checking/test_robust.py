"""Outliers stand out however many there are, and values that are all alike have none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.training.checking import robust

finite = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30).map(np.array)


def test_outliers_do_not_hide_each_other() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(size=70), np.full(29, 50.0)])
    far = robust.deviations(values, 0.01)
    assert set(np.flatnonzero(np.abs(far) > robust.OUTLYING)) == set(range(70, 99))


def test_of_normal_values_they_are_standard_deviations() -> None:
    values = np.random.default_rng(1).normal(5.0, 3.0, size=20_000)
    assert robust.deviations(values, 0.01).std() == pytest.approx(1, abs=0.03)


def test_a_small_difference_is_none_where_all_are_alike() -> None:
    values = np.array([10.0] * 99 + [10.4])
    assert np.abs(robust.deviations(values, 0.2)).max() == pytest.approx(2.0)


@given(finite, st.floats(1e-3, 1e3))
def test_the_median_lies_at_zero_and_order_stays(values: np.ndarray, least: float) -> None:
    far = robust.deviations(values, least)
    assert np.isfinite(far).all()
    assert abs(np.median(far)) < 1e-3
    assert (np.diff(far[np.argsort(values)]) >= 0).all()
