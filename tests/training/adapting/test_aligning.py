"""Features are moved to where the target's lie, also with few pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import oas

from edgetl.training.adapting import aligning
from edgetl.training.arrays import Floats


def drawn(count: int, width: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Floats:
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(count, width)) @ random.normal(size=(width, width))
    return np.asarray(scale * mixed + shift, np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 12))
def test_covariances_are_shrunk_as_scikit_learn_does(seed: int, count: int, width: int) -> None:
    rows = drawn(count, width, seed)
    expected, _ = oas(rows.astype(np.float64))
    assert aligning.shrunk(rows) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_means_become_those_of_the_target_and_nothing_else_changes() -> None:
    source, target = drawn(50, 8, 0), drawn(40, 8, 1, shift=5)
    moved = aligning.means(source, target)
    assert moved.mean(axis=0) == pytest.approx(target.mean(axis=0), abs=1e-3)
    assert np.cov(moved.T) == pytest.approx(np.cov(source.T), rel=1e-3, abs=1e-3)


def test_coral_gives_the_source_the_covariance_of_the_target() -> None:
    source, target = drawn(4000, 6, 0), drawn(4000, 6, 1, scale=3, shift=5)
    moved = aligning.coral(source, target)
    assert moved.mean(axis=0) == pytest.approx(target.mean(axis=0), abs=1e-2)
    assert np.cov(moved.T) == pytest.approx(np.cov(target.T), rel=0.05, abs=0.5)


def test_coral_of_a_set_and_itself_changes_nothing() -> None:
    rows = drawn(30, 40, 0)
    assert aligning.coral(rows, rows) == pytest.approx(rows, rel=1e-2, abs=1e-2)


@pytest.mark.parametrize("count", [2, 5])
def test_two_pictures_and_features_that_never_vary_are_no_trouble(count: int) -> None:
    source, target = drawn(20, 10, 0), drawn(count, 10, 1)
    source[:, 3] = target[:, 3] = 1
    assert np.isfinite(aligning.coral(source, target)).all()
    assert np.isfinite(aligning.coral(np.ones_like(source), target)).all()
