"""Self-training believes the surest answers of each class, and not the others."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgetl.training.adapting import selftraining
from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.heads import head as heads
from edgetl.training.heads.head import Head


def test_of_each_class_the_same_share_is_believed() -> None:
    answers = np.array([[p, 1 - p] for p in (0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.2, 0.3)], np.float32)
    assert selftraining.sure(answers, 0.5).tolist() == [0, 1, 2, 6]


def test_answers_that_may_as_well_be_another_class_are_never_believed() -> None:
    answers = np.array([[0.4, 0.3, 0.3], [0.2, 0.6, 0.2]], np.float32)
    assert selftraining.sure(answers, 1.0).tolist() == [1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 6), st.floats(0, 1))
def test_no_more_than_the_share_of_a_class_is_believed(
    seed: int, count: int, classes: int, share: float
) -> None:
    answers = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), count).astype(np.float32)
    believed = selftraining.sure(answers, share)
    assert len(np.unique(believed)) == len(believed)
    said = np.bincount(answers.argmax(axis=1), minlength=classes)
    taken = np.bincount(answers[believed].argmax(axis=1), minlength=classes)
    assert (taken <= np.round(share * said)).all()


def test_pictures_that_the_head_is_sure_of_teach_it_what_the_others_are() -> None:
    """Each class has a second feature that train photos lack, and that alone is left in some pictures."""
    random = np.random.default_rng(0)

    def drawn(signs: Labels, strengths: tuple[float, float]) -> Floats:
        rows = random.normal(0, 0.3, (len(signs), 8))
        rows[:, 0] += strengths[0] * signs
        rows[:, 1] += strengths[1] * signs
        return rows.astype(np.float32)

    labels = np.arange(80) % 2
    rows = drawn(2 * labels - 1, (2.0, 0.0))
    both, alone = np.arange(200) % 2, np.arange(200) % 2
    target = np.concatenate([drawn(2 * both - 1, (2.0, 2.0)), drawn(2 * alone - 1, (0.0, 2.0))])
    test = drawn(2 * alone - 1, (0.0, 2.0))

    def solve(rows: Floats, labels: Labels, weights: Doubles, strength: float) -> Head:
        return heads.fit(rows, labels, held_out=None, weights=weights, strengths=(strength,))

    plain = heads.fit(rows, labels, held_out=None)
    trained = selftraining.train(rows, labels, np.ones(80), target, plain, solve)
    assert (plain.probabilities(test).argmax(axis=1) == alone).mean() < 0.7
    assert (trained.probabilities(test).argmax(axis=1) == alone).mean() > 0.95
