"""Honest scores are told from dishonest ones, and chance from either."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgetl.training.scoring import calibration


def honest(
    count: int, *, classes: int = 3, seed: int = 0, sureness: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits, and labels drawn with just the probabilities that ``logits / sureness`` say."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2.5, (count, classes))
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) > random.random((count, 1))).argmax(axis=1)
    return logits * sureness, labels


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("sureness", [0.5, 1.0, 2.0, 3.0])
def test_finds_the_temperature_that_the_logits_were_made_with(sureness: float) -> None:
    logits, labels = honest(20_000, sureness=sureness)
    assert calibration.temperature(logits, labels) == pytest.approx(sureness, rel=0.03)


def test_a_few_photos_do_not_say_much_of_the_temperature() -> None:
    found = [calibration.temperature(*honest(12, seed=seed)) for seed in range(40)]
    assert max(found) < 1.6
    assert min(found) > 0.6


def test_the_temperature_stays_in_its_bounds() -> None:
    random = np.random.default_rng(0)
    hopeless = random.normal(0, 50, (3000, 2)), random.integers(0, 2, 3000)
    assert calibration.temperature(*hopeless) == pytest.approx(4.0, rel=1e-2)
    logits, labels = honest(20_000, sureness=0.05)
    assert calibration.temperature(logits, labels) == pytest.approx(0.25, rel=1e-2)


def test_before_is_what_the_logits_say_without_the_temperature() -> None:
    logits, labels = honest(5000, sureness=2.0)
    found = calibration.measure(softmax(logits / 2.0), labels, 2.0)
    reference = calibration.errors(softmax(logits), labels)
    assert found.before.expected == pytest.approx(reference.expected, abs=1e-6)
    assert found.before.log_loss == pytest.approx(reference.log_loss, abs=1e-6)
    assert found.before.expected > 0.05
    assert found.after.expected < 0.02
    assert found.after.log_loss < found.before.log_loss


def test_the_usual_error_is_the_mean_gap_over_15_bins() -> None:
    scores = np.array([0.61, 0.65, 0.95, 0.99])
    right = np.array([True, False, True, True])
    # 0.61 and 0.65 share the bin from 9/15 to 10/15; 0.95 and 0.99 the last.
    found = calibration.bins(scores, right)
    assert [one.images for one in found] == [2, 2]
    probabilities = np.stack([scores, 1 - scores], axis=1).astype(np.float32)
    error = calibration.errors(probabilities, np.where(right, 0, 1)).expected
    assert error == pytest.approx((2 * abs(0.63 - 0.5) + 2 * abs(0.97 - 1)) / 4, abs=1e-6)


def test_the_floor_is_what_honest_scores_show() -> None:
    found = []
    for seed in range(60):
        logits, labels = honest(150, classes=2, seed=seed)
        found.append(calibration.errors(softmax(logits), labels).expected)
    logits, _ = honest(150, classes=2, seed=99)
    floor = calibration.floor(softmax(logits).max(axis=1))
    assert floor.mean == pytest.approx(np.mean(found), rel=0.15)
    assert floor.high == pytest.approx(np.quantile(found, 0.95), rel=0.2)
    assert floor.mean > 0.02


def test_the_debiased_error_is_nearer_to_the_truth_on_few_photos() -> None:
    plain, debiased = [], []
    for seed in range(100):
        logits, labels = honest(150, classes=2, seed=seed)
        one = calibration.errors(softmax(logits), labels)
        plain.append(one.equal_mass)
        debiased.append(one.debiased)
    # The truth is 0.
    assert np.mean(debiased) < 0.5 * np.mean(plain)
    logits, labels = honest(200_000, classes=2, sureness=2.0)
    truth = calibration.errors(softmax(logits), labels).debiased
    few = [
        calibration.errors(softmax(logits), labels)
        for logits, labels in (honest(300, classes=2, seed=seed, sureness=2.0) for seed in range(60))
    ]
    assert np.sqrt(np.mean([one.debiased**2 for one in few])) == pytest.approx(truth, rel=0.1)


@given(st.integers(1, 40), st.integers(0, 20))
def test_errors_are_shares_and_forget_the_order(count: int, seed: int) -> None:
    logits, labels = honest(count, seed=seed)
    found = calibration.errors(softmax(logits), labels)
    for share in (found.expected, found.equal_mass, found.debiased):
        assert 0 <= share <= 1
    rows = np.random.default_rng(seed).permutation(count)
    again = calibration.errors(softmax(logits)[rows], labels[rows])
    assert again.expected == pytest.approx(found.expected, abs=1e-6)
    assert again.debiased == pytest.approx(found.debiased, abs=1e-6)
