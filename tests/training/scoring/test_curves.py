"""The curves are those of scikit-learn, and short."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.training.scoring import curves


def scored(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.beta(4, 2, count).round(3)
    return scores, random.random(count) < scores


def test_average_precision_is_that_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")
    scores, right = scored(500)
    found = curves.precision_recall("a", scores, right)
    assert found.average_precision == pytest.approx(sklearn.average_precision_score(right, scores))
    assert found.points[-1][0] == 1.0
    assert found.points[-1][1] == pytest.approx(right.mean())
    assert len(found.points) <= 60


@given(st.integers(1, 300), st.integers(0, 20))
def test_answering_less_ends_with_all_answered_at_the_accuracy(count: int, seed: int) -> None:
    scores, right = scored(count, seed)
    points = curves.selective(scores, right)
    assert points[-1] == (1.0, pytest.approx(right.mean()))
    shares = [share for share, _ in points]
    assert shares == sorted(shares)
    assert len(points) <= 60


def test_photos_of_one_score_are_accepted_together() -> None:
    points = curves.selective(np.array([0.9, 0.9, 0.5]), np.array([True, False, True]))
    assert points == ((pytest.approx(2 / 3), 0.5), (1.0, pytest.approx(2 / 3)))


def test_histograms_count_every_photo() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(12), 200).astype(np.float32)
    truth = random.integers(0, 12, 200)
    found = curves.of(probabilities, truth, tuple("abcdefghijkl"), np.array([0.0, 0.31, 1.0]))
    assert sum(found.right) + sum(found.wrong) == 200
    assert found.unknown is not None
    assert [place for place, count in enumerate(found.unknown) if count] == [0, 6, 19]
    assert found.precision_recall == ()  # of more than ten classes none is drawn
