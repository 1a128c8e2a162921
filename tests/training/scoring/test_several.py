"""Scores of photos with any number of labels, held against scikit-learn's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgetl.intervals import wilson
from edgetl.training.photo import Photo
from edgetl.training.scoring import bootstrap, several

peer: Any = pytest.importorskip("sklearn.metrics")
TABLES = hnp.arrays(np.bool_, st.tuples(st.integers(4, 30), st.integers(2, 4)))
LABELS = ("cat", "dog", "fox", "owl")


def answered(yes: NDArray[np.bool_], seed: int) -> NDArray[np.float32]:
    """Probabilities that are more often right than not."""
    random = np.random.default_rng(seed)
    return (0.4 * yes + 0.6 * random.random(yes.shape)).astype(np.float32)


def measured(
    yes: NDArray[np.bool_], probabilities: NDArray[np.float32], root: Path = Path("photos")
) -> several.SeveralMetrics:
    width = yes.shape[1]
    return several.measure(
        [Photo(root / f"{n}.jpg", 0, "test", f"{n:064x}") for n in range(len(yes))],
        probabilities,
        yes,
        LABELS[:width],
        (0.5,) * width,
        temperature=1.0,
        train_micro_f1=1.0,
        split="test",
        root=root,
        seed=0,
    )


@given(TABLES, st.integers(0, 20))
def test_figures_are_those_of_scikit_learn(yes: NDArray[np.bool_], seed: int) -> None:
    probabilities = answered(yes, seed)
    found, said = measured(yes, probabilities), probabilities >= 0.5
    assert found.exact.value == pytest.approx(peer.accuracy_score(yes, said))
    assert found.decisions.value == pytest.approx(1 - peer.hamming_loss(yes, said))
    if yes.any() or said.any():
        assert found.micro_f1.value == pytest.approx(
            peer.f1_score(yes, said, average="micro", zero_division=0)
        )
    known = [n for n in range(yes.shape[1]) if yes[:, n].any() or said[:, n].any()]
    each = [peer.f1_score(yes[:, n], said[:, n], zero_division=0) for n in known]
    assert found.macro_f1.value == pytest.approx(np.mean(each) if each else 0.0)
    for number, row in enumerate(found.labels):
        if row.average_precision is not None:
            expected = peer.average_precision_score(yes[:, number], probabilities[:, number])
            assert row.average_precision.value == pytest.approx(expected)
        assert (row.average_precision is None) == (not yes[:, number].any())


@given(TABLES, st.integers(0, 20))
def test_every_interval_holds_its_value(yes: NDArray[np.bool_], seed: int) -> None:
    found = measured(yes, answered(yes, seed))
    intervals = [found.micro_f1, found.macro_f1, found.mean_average_precision, found.exact, found.decisions]
    intervals += [row.average_precision for row in found.labels if row.average_precision is not None]
    for interval in intervals:
        assert -1e-9 <= interval.low <= interval.value <= interval.high <= 1 + 1e-9


def test_of_one_label_each_f1_is_accuracy_and_its_interval_wilsons() -> None:
    random = np.random.default_rng(0)
    truth, guess = random.integers(0, 4, 400), random.integers(0, 4, 400)
    guess = np.where(random.random(400) < 0.8, truth, guess)
    eye = np.eye(4, dtype=np.bool_)
    found, expected = several.micro_f1(eye[guess], eye[truth]), wilson(int((truth == guess).sum()), 400)
    assert found.value == pytest.approx(expected.value)
    assert found.low == pytest.approx(expected.low, abs=0.01)
    assert found.high == pytest.approx(expected.high, abs=0.01)


def test_the_interval_of_f1_holds_the_truth_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(0)

    def drawn(count: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        yes = random.random((count, 5)) < [0.5, 0.3, 0.3, 0.2, 0.1]
        return np.where(random.random(yes.shape) < 0.15, ~yes, yes), yes

    said, yes = drawn(400_000)
    truth = 2 * (said & yes).sum() / (said.sum() + yes.sum())
    inside = 0
    for seed in range(200):
        found = several.micro_f1(*drawn(120), seed=seed)
        inside += found.low <= truth <= found.high
    assert 0.90 <= inside / 200 <= 0.99


def test_no_error_at_all_is_not_proof_of_perfection() -> None:
    yes = np.arange(40)[:, np.newaxis] % 4 == np.arange(4)
    found, low = measured(yes, yes.astype(np.float32)), wilson(40, 40).low
    for interval in (found.micro_f1, found.macro_f1, found.mean_average_precision, found.decisions):
        assert (interval.low, interval.value, interval.high) == (low, 1.0, 1.0)
    # Of a label alone the photos that have it count.
    assert all(row.average_precision == wilson(10, 10) for row in found.labels)


def test_the_interval_holds_the_truth_where_errors_are_rare() -> None:
    random, held = np.random.default_rng(0), 0
    for seed in range(200):
        yes = np.eye(2, dtype=np.bool_)[random.integers(0, 2, 40)]
        said = yes ^ (random.random((40, 1)) < 0.02)
        found = several.micro_f1(said, yes, seed=seed)
        held += found.low <= 0.98 <= found.high
    assert held / 200 >= 0.95


def test_a_difference_of_ratios_is_paired() -> None:
    """The same answers twice differ by nothing, however few they are."""
    random = np.random.default_rng(0)
    right = (random.random((60, 1)) < 0.7).astype(float)
    found = bootstrap.of_ratios(
        np.hstack([right, right]), np.ones((60, 2)), lambda ratios: ratios[:, 0] - ratios[:, 1]
    )
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_the_hardest_are_surely_wrong_and_named_by_all_their_labels() -> None:
    yes = np.array([[1, 1], [0, 0], [1, 0], [0, 1]], np.bool_)
    probabilities = np.array([[0.9, 0.8], [0.97, 0.1], [0.4, 0.2], [0.1, 0.9]], np.float32)
    found = measured(yes, probabilities).hardest
    assert [(hard.path, hard.label, hard.answer) for hard in found] == [
        ("1.jpg", "none", "cat"),
        ("2.jpg", "cat", "none"),
    ]
    assert found[0].score == pytest.approx(0.97)
    assert found[1].score == pytest.approx(0.6)


def test_honest_probabilities_have_little_calibration_error() -> None:
    random = np.random.default_rng(0)
    chances = random.random((4000, 3)).astype(np.float32)
    yes = random.random(chances.shape) < chances
    assert measured(yes, chances).expected_calibration_error < 0.02
    assert measured(yes, chances**3).expected_calibration_error > 0.1
