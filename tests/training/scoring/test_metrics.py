"""Every figure is scikit-learn's, and none depends on the order of photos or classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgetl.intervals import f1_score
from edgetl.training.scoring import metrics

sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")


def answers(
    count: int, classes: int, *, seed: int = 0, skew: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities that are right more often than not, and the truth; every class is there."""
    random = np.random.default_rng(seed)
    shares = np.geomspace(1, skew, classes)
    truth = random.choice(classes, count, p=shares / shares.sum())
    truth[:classes] = np.arange(classes)
    logits = random.normal(0, 1.5, (count, classes))
    logits[np.arange(count), truth] += 2.0
    probabilities = np.exp(logits)
    return (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32), truth


def names(classes: int) -> tuple[str, ...]:
    return tuple(f"class {number}" for number in range(classes))


@pytest.mark.parametrize(("count", "classes", "skew"), [(150, 2, 1.0), (400, 4, 0.1), (900, 12, 0.05)])
def test_every_figure_is_that_of_scikit_learn(count: int, classes: int, skew: float) -> None:
    probabilities, truth = answers(count, classes, skew=skew)
    found = metrics.of(probabilities, truth, names(classes))
    said = probabilities.argmax(axis=1)
    assert found.images == count
    assert found.accuracy.value == pytest.approx(sklearn.accuracy_score(truth, said))
    assert found.balanced_accuracy.value == pytest.approx(sklearn.balanced_accuracy_score(truth, said))
    assert found.macro_f1.value == pytest.approx(sklearn.f1_score(truth, said, average="macro"))
    assert found.weighted_f1.value == pytest.approx(sklearn.f1_score(truth, said, average="weighted"))
    assert found.log_loss.value == pytest.approx(sklearn.log_loss(truth, probabilities), rel=1e-4)
    one_hot = np.eye(classes)[truth]
    assert found.brier.value == pytest.approx(((probabilities - one_hot) ** 2).sum(axis=1).mean(), rel=1e-4)
    assert np.array_equal(found.confusion, sklearn.confusion_matrix(truth, said))
    precision, recall, f1, support = sklearn.precision_recall_fscore_support(truth, said, zero_division=0.0)
    for number, one in enumerate(found.classes):
        assert one.support == support[number]
        assert one.recall is not None
        assert one.f1 is not None
        assert one.recall.value == pytest.approx(recall[number])
        assert (one.precision.value if one.precision else 0.0) == pytest.approx(precision[number])
        assert one.f1.value == pytest.approx(f1[number])
    if classes > 5:
        assert found.top5 is not None
        top5 = sklearn.top_k_accuracy_score(truth, probabilities, k=5)
        assert found.top5.value == pytest.approx(top5)
    else:
        assert found.top5 is None


@given(st.integers(0, 50), st.integers(2, 5))
def test_neither_the_order_of_photos_nor_that_of_classes_matters(seed: int, classes: int) -> None:
    probabilities, truth = answers(60, classes, seed=seed)
    found = metrics.of(probabilities, truth, names(classes))
    random = np.random.default_rng(seed)
    rows = random.permutation(60)
    shuffled = metrics.of(probabilities[rows], truth[rows], names(classes))
    assert shuffled.classes == found.classes
    assert shuffled.macro_f1 == found.macro_f1
    assert shuffled.log_loss.value == pytest.approx(found.log_loss.value)
    order = random.permutation(classes)
    renamed = metrics.of(
        probabilities[:, order], np.argsort(order)[truth], tuple(names(classes)[n] for n in order)
    )
    assert renamed.accuracy == found.accuracy
    assert {one.label: one for one in renamed.classes} == {one.label: one for one in found.classes}
    assert renamed.macro_f1.value == pytest.approx(found.macro_f1.value)
    assert renamed.brier.value == pytest.approx(found.brier.value)


@given(st.integers(0, 40), st.integers(0, 40))
def test_an_f1_score_is_inside_its_interval_and_between_0_and_1(right: int, wrong: int) -> None:
    if right + wrong == 0:
        return
    found = f1_score(right, wrong)
    assert found.value == pytest.approx(2 * right / (2 * right + wrong))
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_class_without_photos_or_answers_has_no_share() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]], np.float32)
    found = metrics.of(probabilities, np.array([0, 1]), names(3))
    assert found.classes[1].precision is None
    assert found.classes[1].recall is not None
    assert found.classes[2].recall is None
    assert found.classes[2].f1 is None
    assert found.balanced_accuracy.value == pytest.approx(0.5)


def test_a_probability_of_0_for_the_right_class_costs_much_and_not_everything() -> None:
    found = metrics.log_losses(np.array([[1.0, 0.0]], np.float32), np.array([1]))
    assert found == pytest.approx([-np.log(1e-12)])
