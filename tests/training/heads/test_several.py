"""A head of a task of several labels, and the thresholds from which its labels hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgetl.training.arrays import Floats, Labels
from edgetl.training.heads import head, held_out, several, thresholds

TABLES = hnp.arrays(np.bool_, st.tuples(st.integers(20, 60), st.integers(1, 4)))


def problem(seed: int, count: int = 600) -> tuple[Floats, Labels, NDArray[np.float64]]:
    """Features, labels drawn from known chances, and these chances."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 12)).astype(np.float32)
    logits = features[:, :3] * [2.0, 1.0, 1.5] + [0.0, -1.0, -2.5]
    chances = 1 / (1 + np.exp(-logits))
    return features, (random.random(chances.shape) < chances).astype(np.int64), chances


def test_each_label_is_a_logistic_regression_of_its_own() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    features, yes, _ = problem(0)
    found = several.fit(features, yes, held_out=None, strengths=(0.1,))
    # What the features are scaled by, so that strengths are told for unit variance on average.
    scale = np.sqrt(features.var(axis=0).mean())
    for number in range(3):
        peer = linear.LogisticRegression(C=0.1, tol=1e-8, max_iter=2000).fit(features / scale, yes[:, number])
        expected = peer.decision_function(features / scale) / found.temperature
        actual = (features @ found.kernel + found.bias)[:, number]
        assert np.abs(expected - actual).max() < 0.02


def test_its_probabilities_are_near_the_true_chances() -> None:
    features, yes, _ = problem(1, 3000)
    fresh, _, chances = problem(2, 3000)
    found = several.fit(features, yes, held_out=None, strengths=head.STRENGTHS)
    assert np.abs(found.probabilities(fresh) - chances).mean() < 0.03
    assert found.chosen_on == "3-fold cross-validation"


def test_val_photos_choose_where_there_are_some() -> None:
    features, yes, _ = problem(3)
    val, said, _ = problem(4, 300)
    found = several.fit(features, yes, held_out=(val, said), strengths=head.STRENGTHS)
    assert found.chosen_on == "val"
    expected = thresholds.choose(found.probabilities(val), said > 0)
    assert found.thresholds == pytest.approx(expected, abs=1e-3)


def test_copies_of_a_photo_are_held_out_together() -> None:
    # Labels are chance: what is learnt by heart is of use to copies alone.
    random = np.random.default_rng(0)
    times = np.tile(np.arange(60), 4)
    features = random.normal(size=(60, 200)).astype(np.float32)[times]
    yes = (random.random((60, 2)) < 0.5).astype(np.int64)[times]
    honest, misled = (
        several.fit(features, yes, held_out=None, strengths=(0.001, 1.0), hashes=hashes)
        for hashes in ([f"{number:064x}" for number in times], None)
    )
    assert (honest.strength, misled.strength) == (0.001, 1.0)


def test_of_very_many_photos_some_are_held_out() -> None:
    features, yes, _ = problem(5, 11_000)
    found = several.fit(features, yes, held_out=None, strengths=(0.03, 0.1))
    assert found.chosen_on.endswith("photos held out")


@given(TABLES, st.integers(0, 9))
def test_thresholds_make_f1_as_good_as_any_would(yes: NDArray[np.bool_], seed: int) -> None:
    scores = np.random.default_rng(seed).integers(1, 20, yes.shape).astype(np.float32) / 20

    def f1(said: NDArray[np.bool_], number: int) -> float:
        return float(2 * (said & yes[:, number]).sum() / max(1, said.sum() + yes[:, number].sum()))

    for number, limit in enumerate(thresholds.choose(scores, yes)):
        if min(yes[:, number].sum(), (~yes[:, number]).sum()) < 10:
            continue  # it shares one with the others
        column = scores[:, number]
        every = [f1(column >= edge, number) for edge in np.unique(column)]
        assert f1(column >= limit, number) == pytest.approx(max(every))


@given(TABLES, st.integers(0, 9), st.floats(0.05, 1))
def test_a_wished_precision_is_kept_with_the_most_found(
    yes: NDArray[np.bool_], seed: int, wished: float
) -> None:
    scores = np.random.default_rng(seed).random((len(yes), 1)).astype(np.float32)
    (limit,) = thresholds.choose(scores, yes[:, :1], wished)
    said = scores[:, 0] >= limit
    assert not said.any() or yes[said, 0].mean() >= wished
    lower = [edge for edge in scores[:, 0] if edge < limit]
    assert all(yes[scores[:, 0] >= edge, 0].mean() < wished for edge in lower)


def test_labels_of_few_photos_share_a_threshold() -> None:
    random = np.random.default_rng(0)
    yes = random.random((200, 3)) < [0.3, 0.02, 0.01]
    found = thresholds.choose((0.6 * yes + 0.4 * random.random(yes.shape)).astype(np.float32), yes)
    assert found[1] == found[2] != found[0]


@given(TABLES, st.integers(0, 3))
def test_folds_part_photos_of_several_labels(yes: NDArray[np.bool_], seed: int) -> None:
    masks = held_out.folds(yes.astype(np.int64), seed)
    assert (np.sum(masks, axis=0) == 1).all()
    assert len(masks) >= 2


def test_every_fold_has_the_rare_label() -> None:
    yes = np.zeros((100, 3), np.int64)
    yes[:, 0], yes[:50, 1], yes[:7, 2] = 1, 1, 1
    assert all(yes[mask, 2].any() for mask in held_out.folds(yes, 0))
