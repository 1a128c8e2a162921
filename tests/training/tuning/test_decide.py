"""Adopted beyond noise alone."""

import numpy as np
from numpy.typing import NDArray

from edgetl.training.tuning.decide import decide


def answers(truth: NDArray[np.int64], skill: float, seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return skill * np.eye(2)[truth] + random.normal(0, 1, (len(truth), 2))


def test_a_model_that_is_better_on_many_photos_is_adopted() -> None:
    truth = np.random.default_rng(0).integers(2, size=400)
    decision = decide(answers(truth, 1.0, 1), answers(truth, 2.0, 2), truth, seed=0)
    assert decision.adopted
    assert decision.tuned_accuracy > decision.head_accuracy
    assert decision.why.startswith("better beyond noise: right on ")


def test_the_same_gain_on_few_photos_is_not() -> None:
    truth = np.tile([0, 1], 4)
    head = answers(truth, 1.0, 1)
    decision = decide(head, head + 0.1 * answers(truth, 1.0, 5), truth, seed=0)
    assert not decision.adopted
    assert decision.photos == 8


def test_two_models_of_equal_worth_are_seldom_told_apart() -> None:
    adopted = 0
    for trial in range(60):
        truth = np.random.default_rng(trial).integers(2, size=150)
        pair = (answers(truth, 1.5, 1000 + trial), answers(truth, 1.5, 2000 + trial))
        adopted += decide(*pair, truth, seed=trial).adopted
    assert adopted <= 6  # 5 % of 60 by chance; more than 6 would happen once in 50


def test_scores_that_improve_while_fewer_answers_are_right_are_no_reason() -> None:
    truth = np.zeros(100, np.int64)
    head = np.tile([0.02, 0.0], (100, 1))
    tuned = np.tile([3.0, 0.0], (100, 1))
    tuned[:5] = [0.0, 0.1]
    decision = decide(head, tuned, truth, seed=0)
    assert decision.p_loss < 0.05
    assert not decision.adopted
    assert decision.p_accuracy == 1.0
