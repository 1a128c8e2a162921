"""The corrected head undoes what int8 does to the features, and no more."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgetl.converters.head_correction import correct
from edgetl.converters.request import HeadWeights
from edgetl.training.heads.head import softmax


def setting(seed: int) -> tuple[HeadWeights, NDArray[np.float64], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    table = random.normal(1, 1, (200, 12)) @ random.normal(size=(12, 30))
    head = HeadWeights(
        random.normal(size=(30, 3)).astype(np.float32), random.normal(size=3).astype(np.float32)
    )
    return head, table, table @ head.kernel + head.bias


def error(head: HeadWeights, seen: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float(np.abs(softmax(seen @ head.kernel + head.bias) - wanted).mean())


def test_equal_features_leave_the_answers_as_they_are() -> None:
    head, table, logits = setting(0)
    same = correct(head, logits, table)
    assert np.allclose(table @ same.kernel + same.bias, table @ head.kernel + head.bias, atol=1e-2)


@given(st.integers(0, 50))
def test_shifted_and_noisy_features_answer_more_like_the_float_model(seed: int) -> None:
    head, table, logits = setting(seed)
    random = np.random.default_rng(seed + 1)
    gain, shift = random.uniform(0.6, 1.4, table.shape[1]), random.normal(size=table.shape[1])
    noisy = gain * table + shift + 0.1 * random.normal(size=table.shape)
    wanted = softmax(logits)
    # Solved on one half of the pictures, judged on the other.
    corrected = correct(head, logits[:100], noisy[:100])
    assert error(corrected, noisy[100:], wanted[100:]) < error(head, noisy[100:], wanted[100:])


def test_mean_logits_become_those_of_the_float_model() -> None:
    head, table, logits = setting(3)
    shifted = table + np.linspace(-2, 2, table.shape[1])
    corrected = correct(head, logits, shifted)
    before = logits.mean(axis=0)
    after = (shifted @ corrected.kernel + corrected.bias).mean(axis=0)
    assert np.allclose(before, after, atol=1e-3)


def test_a_head_with_far_more_features_than_pictures_needs_no_memory_for_their_products() -> None:
    random = np.random.default_rng(11)
    found = random.normal(1, 1, (12, 100_352))
    head = HeadWeights((random.normal(size=(100_352, 3)) / 300).astype(np.float32), np.zeros(3, np.float32))
    wanted = found @ head.kernel + 0.5
    # A matrix of features by features would be 80 GB.
    corrected = correct(head, wanted, found + random.normal(0, 0.01, found.shape))
    assert corrected.kernel.shape == (100_352, 3)
    assert np.allclose(found @ corrected.kernel + corrected.bias, wanted, atol=0.05)
