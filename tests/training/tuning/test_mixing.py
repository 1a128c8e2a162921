"""Mixup and cutmix: labels are mixed as the pictures are."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.training.tuning import mixing


@pytest.mark.parametrize("mix", [mixing.mixup, mixing.cutmix])
@given(seed=st.integers(0, 2**32), side=st.integers(1, 12), alpha=st.floats(0.1, 2.0))
def test_a_picture_holds_as_much_of_each_class_as_its_target_says(
    mix: Callable[..., tuple[np.ndarray, np.ndarray]], seed: int, side: int, alpha: float
) -> None:
    # Each picture is one colour: its class. So the mean of a channel is the share of that class.
    targets = np.eye(3, dtype=np.float32)[[0, 1, 2, 1]]
    rows = np.broadcast_to(targets[:, None, None, :], (4, side, side, 3)).astype(np.float32)
    mixed, labels = mix(rows, targets, alpha, np.random.default_rng(seed))
    assert mixed.dtype == labels.dtype == np.float32
    assert np.allclose(mixed.mean(axis=(1, 2)), labels, atol=1e-5)
    assert np.allclose(labels.sum(axis=1), 1, atol=1e-5)
