"""Intervals hold the truth about as often as they say."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from edgetl.training.scoring import bootstrap


def figures(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Balanced accuracy and macro-F1, straight from their definitions."""
    right = np.diag(confusion)
    recall = right / confusion.sum(axis=1)
    return np.array([recall.mean(), (2 * right / (confusion.sum(axis=0) + confusion.sum(axis=1))).mean()])


@pytest.mark.parametrize(
    ("sizes", "accuracies"),
    [((70, 83), (0.93, 0.97)), ((30, 30), (0.98, 0.98)), ((40, 60, 25), (0.7, 0.9, 0.8))],
)
def test_intervals_of_a_confusion_matrix_hold_the_truth_95_times_in_100(
    sizes: tuple[int, ...], accuracies: tuple[float, ...]
) -> None:
    classes, random = len(sizes), np.random.default_rng(1)
    chances = np.repeat((1 - np.array(accuracies))[:, np.newaxis] / (classes - 1), classes, axis=1)
    np.fill_diagonal(chances, accuracies)
    truth = figures(np.array(sizes)[:, np.newaxis] * chances)
    held = np.zeros(2)
    for number in range(150):
        drawn = np.stack([random.multinomial(size, row) for size, row in zip(sizes, chances, strict=True)])
        found = bootstrap.of_confusion(drawn, seed=number)
        for place, interval in enumerate((found.balanced_accuracy, found.macro_f1)):
            held[place] += interval.low <= truth[place] <= interval.high
    # 0.9 and 1 are what 150 sets tell from 0.95 in 99 of 100 cases, on the lower side.
    assert (held / 150 >= 0.9).all()


def test_bca_is_that_of_scipy() -> None:
    values = np.random.default_rng(3).exponential(size=80)
    ours = bootstrap.of_means(values[:, np.newaxis], np.zeros(80, np.int64))[0]
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    width = reference.high - reference.low
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(reference.low, abs=0.06 * width)
    assert ours.high == pytest.approx(reference.high, abs=0.06 * width)


def test_strata_keep_their_sizes() -> None:
    # Within each class all photos are alike: stratified sets do not differ.
    values = np.repeat([0.0, 1.0], (30, 10))[:, np.newaxis]
    found = bootstrap.of_means(values, np.repeat([0, 1], (30, 10)))[0]
    assert (found.low, found.value, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_no_error_at_all_is_not_proof_of_perfection() -> None:
    found = bootstrap.of_confusion(np.diag([20, 20]))
    assert found.macro_f1.value == found.macro_f1.high == 1.0
    assert found.macro_f1.low == pytest.approx(0.912, abs=0.001)  # Wilson's for 40 of 40


def test_many_kinds_of_errors_take_little_memory_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    confusion = np.bincount(random.integers(0, 60 * 60, 3000), minlength=60 * 60).reshape(60, 60)
    whole = bootstrap.of_confusion(confusion)
    monkeypatch.setattr(bootstrap, "_CHUNK", 20_000)
    assert bootstrap.of_confusion(confusion) == whole
    cells = np.flatnonzero(confusion)
    layout = bootstrap._Layout(cells // 60, cells % 60, confusion.sum(axis=1).astype(np.float64))
    tracemalloc.start()
    layout.jackknife(confusion.ravel()[cells].astype(np.float64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(cells) ** 2  # bytes: far from a number for each pair of cells


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=3, max_size=3))
def test_a_figure_is_inside_its_interval(rows: list[list[int]]) -> None:
    confusion = np.array(rows)
    if confusion.sum() == 0:
        return
    found = bootstrap.of_confusion(confusion)
    for interval in (found.balanced_accuracy, found.macro_f1, found.weighted_f1):
        assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_is_the_same_for_the_same_seed() -> None:
    confusion = np.array([[20, 4], [3, 30]])
    assert bootstrap.of_confusion(confusion, seed=2) == bootstrap.of_confusion(confusion, seed=2)
    assert bootstrap.of_confusion(confusion, seed=2) != bootstrap.of_confusion(confusion, seed=3)
