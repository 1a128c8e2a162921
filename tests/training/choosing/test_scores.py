"""Scores that are what their papers define, and that put the better features first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from edgetl.training.arrays import Floats, Labels
from edgetl.training.choosing import scores

EVERY = {
    "held out": lambda features, labels: -scores.held_out(features, labels).log_loss,
    "LogME": scores.logme,
    "H-score": scores.h_score,
}


def planted(
    signal: float, *, count: int = 120, width: int = 40, classes: int = 3, seed: int = 0
) -> tuple[Floats, Labels]:
    """Noise with the class in the first few features, as strong as ``signal``."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    features = random.normal(size=(count, width))
    features[:, :classes] += signal * np.eye(classes)[labels]
    return features.astype(np.float32), labels.astype(np.int64)


def evidence_directly(features: Floats, answers: Floats) -> float:
    """Log density of the answers under N(0, F F' / prior + I / noise), maximised by a general optimiser."""
    rows = features.astype(np.float64)
    count = len(rows)

    def minus(logs: np.ndarray) -> float:
        prior, noise = np.exp(logs)
        spread = rows @ rows.T / prior + np.eye(count) / noise
        _, determinant = np.linalg.slogdet(spread)
        return float(
            0.5 * (answers @ np.linalg.solve(spread, answers) + determinant + count * np.log(2 * np.pi))
        )

    found = [minimize(minus, start, method="Nelder-Mead") for start in ([0.0, 0.0], [4.0, 2.0])]
    return -min(float(one.fun) for one in found) / count


@pytest.mark.parametrize(("count", "width"), [(60, 20), (40, 90)])
def test_logme_is_the_largest_evidence_of_a_linear_model(count: int, width: int) -> None:
    features, labels = planted(2.0, count=count, width=width)
    answers = np.eye(3)[labels]
    expected = np.mean([evidence_directly(features, column) for column in answers.T])
    assert scores.logme(features, labels) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("count", "width"), [(90, 20), (40, 90)])
def test_the_h_score_is_the_trace_of_its_definition(count: int, width: int) -> None:
    covariance = pytest.importorskip("sklearn.covariance", reason="scikit-learn is the reference here")
    features, labels = planted(2.0, count=count, width=width)
    rows = features.astype(np.float64)
    shrunk, shrinkage = covariance.ledoit_wolf(rows)
    means = np.stack([rows[labels == label].mean(axis=0) for label in labels]) - rows.mean(axis=0)
    between = means.T @ means / count
    expected = (1 - shrinkage) * np.trace(np.linalg.solve(shrunk, between))
    assert scores.h_score(features, labels) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_more_informative_features_score_higher(name: str) -> None:
    found = [EVERY[name](*planted(signal)) for signal in (0.0, 1.0, 2.0, 4.0)]
    assert found == sorted(found)
    assert found[0] < found[-1]


@settings(max_examples=15)
@given(seed=st.integers(0, 50), scale=st.floats(0.01, 100))
def test_turning_and_scaling_the_features_changes_no_score(seed: int, scale: float) -> None:
    features, labels = planted(1.5, count=45, width=12, seed=seed)
    random = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(random.normal(size=(12, 12)))
    turned = (scale * features.astype(np.float64) @ rotation).astype(np.float32)
    for name, score in EVERY.items():
        assert score(turned, labels) == pytest.approx(score(features, labels), abs=5e-3), name


@settings(max_examples=15)
@given(seed=st.integers(0, 50))
def test_the_order_of_pictures_changes_neither_logme_nor_the_h_score(seed: int) -> None:
    features, labels = planted(1.0, count=40, width=60, seed=seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    for name in ("LogME", "H-score"):
        before, after = EVERY[name](features, labels), EVERY[name](features[order], labels[order])
        assert after == pytest.approx(before, rel=1e-4), name


def test_held_out_answers_come_from_heads_that_never_saw_the_picture() -> None:
    # Labels that nothing tells: whoever had seen the picture would know most of them with 200 features.
    random = np.random.default_rng(1)
    features = random.normal(size=(200, 200)).astype(np.float32)
    labels = random.permutation(np.arange(200) % 2)
    found = scores.held_out(features, labels)
    assert 0.35 < found.accuracy < 0.65
    assert len(found.right) == 200


def test_two_pictures_of_a_class_are_enough() -> None:
    features, _ = planted(3.0, count=6, width=10)
    found = scores.held_out(features, np.array([0, 0, 1, 1, 1, 1]))
    assert np.isfinite(found.log_loss)
