"""Odd pictures are those that no other is like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.training.exploring import neighbours


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_nearness_is_the_mean_distance_of_the_nearest_five(seed: int, count: int) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    expected = np.sort(away, axis=1)[:, 1:6].mean(axis=1)
    assert neighbours.nearness(points, seed=0) == pytest.approx(expected, abs=1e-3)


def test_of_very_many_a_sample_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).normal(size=(900, 4)).astype(np.float32)
    exact = neighbours.nearness(points, seed=0)
    monkeypatch.setattr(neighbours, "_COMPARED", 450)
    sampled = neighbours.nearness(points, seed=0)
    # Half of the points are 2 ** (1 / 4) times as far from each other in four dimensions.
    assert np.median(sampled / exact) == pytest.approx(2**0.25, rel=0.1)


def test_a_picture_far_from_all_others_is_odd_and_the_rest_is_not() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(200, 20)).astype(np.float32)
    points[17] += 30
    points[40] += 60
    assert neighbours.odd(neighbours.nearness(points, seed=0)).tolist() == [40, 17]


def test_of_few_pictures_none_is_called_odd() -> None:
    points = np.eye(10, dtype=np.float32)
    points[0] *= 100
    assert neighbours.odd(neighbours.nearness(points, seed=0)).tolist() == []
