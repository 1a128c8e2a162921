"""What must hold of the solver whatever the data: its slope, and what may not change its answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.training.arrays import Doubles, Floats, Labels, Rows
from edgetl.training.heads import logistic
from edgetl.training.heads.held_out import softmax
from edgetl.training.heads.logistic import Basis, Targets

seeds = st.integers(0, 999)


def problem(seed: int, *, count: int = 60, width: int = 8, classes: int = 3) -> tuple[Floats, Labels]:
    """Features that say something of their labels, but not all."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = random.normal(size=(classes, width))
    features = centres[labels] + 1.5 * random.normal(size=(count, width)) + 2.0
    return features.astype(np.float32), labels.astype(np.int64)


def answers(features: Floats, targets: Targets, *, at: Floats, basis: Basis | None = None) -> Doubles:
    """Logits at some rows of the solution, which two ways to it must agree on."""
    basis = basis or Basis.of(features)
    solution = logistic.solve(features, targets, basis, 0.3, tolerance=1e-6)
    return solution.logits(at, basis)


@given(seeds, st.sampled_from([0.0, 0.1]), st.booleans())
def test_the_slope_of_the_loss_is_that_of_finite_differences(
    seed: int, smoothing: float, several: bool
) -> None:
    random = np.random.default_rng(seed)
    classes, count = 4, 5
    values = random.random((count, classes)) < 0.4 if several else random.integers(0, classes, count)
    weights = random.random(count)
    targets = Targets.of(values, classes, weights=weights, smoothing=smoothing)
    logits = random.normal(0, 2, (count, classes)).astype(np.float32)
    _, slope = targets.loss(logits.copy(), slice(0, count))
    step = np.float32(1e-2)
    for row in range(count):
        for column in range(classes):
            around = []
            for sign in (1, -1):
                moved = logits.copy()
                moved[row, column] += sign * step
                around.append(targets.loss(moved, slice(0, count))[0])
            assert slope[row, column] == pytest.approx((around[0] - around[1]) / (2 * step), abs=2e-3)


@given(seeds)
def test_soft_targets_have_the_slope_of_finite_differences_too(seed: int) -> None:
    random = np.random.default_rng(seed)
    soft = random.dirichlet(np.ones(4), size=5).astype(np.float32)
    targets = Targets(np.zeros(5, np.int64), 4, random.random(5), soft=soft)
    logits = random.normal(0, 2, (5, 4)).astype(np.float32)
    _, slope = targets.loss(logits.copy(), slice(0, 5))
    step = np.float32(1e-2)
    for row, column in np.ndindex(5, 4):
        around = []
        for sign in (1, -1):
            moved = logits.copy()
            moved[row, column] += sign * step
            around.append(targets.loss(moved, slice(0, 5))[0])
        assert slope[row, column] == pytest.approx((around[0] - around[1]) / (2 * step), abs=2e-3)


@given(seeds)
def test_certain_soft_targets_are_labels_and_smoothed_ones_smoothed_labels(seed: int) -> None:
    features, labels = problem(seed)
    soft = 0.9 * np.eye(3, dtype=np.float32)[labels] + np.float32(0.1 / 3)
    given = Targets(labels, 3, np.ones(len(labels)), soft=soft)
    first = answers(features, Targets.of(labels, 3, smoothing=0.1), at=features)
    assert np.abs(first - answers(features, given, at=features)).max() < 2e-2


@given(seeds)
def test_the_order_of_the_photos_does_not_matter(seed: int) -> None:
    features, labels = problem(seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    first = answers(features, Targets.of(labels, 3), at=features)
    second = answers(features[order], Targets.of(labels[order], 3), at=features)
    assert np.abs(first - second).max() < 2e-2


@given(seeds, st.booleans())
def test_a_weight_of_two_is_a_photo_given_twice(seed: int, balanced: bool) -> None:
    features, labels = problem(seed)
    twice = np.random.default_rng(seed).random(len(labels)) < 0.3
    basis = Basis.of(features)  # of the same photos, since twice-given ones would move it
    weighted = Targets.of(labels, 3, balanced=balanced, weights=1.0 + twice)
    repeated = np.concatenate([labels, labels[twice]])
    first = answers(features, weighted, at=features, basis=basis)
    second = answers(
        np.concatenate([features, features[twice]]),
        Targets.of(repeated, 3, balanced=balanced),
        at=features,
        basis=basis,
    )
    assert np.abs(first - second).max() < 2e-2


@given(seeds)
def test_a_weight_of_zero_is_a_photo_left_out(seed: int) -> None:
    features, labels = problem(seed)
    kept = np.random.default_rng(seed).random(len(labels)) < 0.7
    basis = Basis.of(features)
    first = answers(features, Targets.of(labels, 3, weights=kept.astype(float)), at=features, basis=basis)
    second = answers(features[kept], Targets.of(labels[kept], 3), at=features, basis=basis)
    assert np.abs(first - second).max() < 2e-2


@given(seeds, st.floats(0.01, 100))
def test_neither_the_unit_nor_the_zero_of_the_features_matters(seed: int, factor: float) -> None:
    features, labels = problem(seed)
    moved = (features * factor - factor).astype(np.float32)
    first = answers(features, Targets.of(labels, 3), at=features)
    second = answers(moved, Targets.of(labels, 3), at=moved)
    assert np.abs(softmax(first) - softmax(second)).max() < 1e-2


@given(seeds, st.integers(1, 70))
def test_features_in_blocks_give_what_they_give_at_once(seed: int, size: int) -> None:
    features, labels = problem(seed)
    blocks = Rows(
        (60, 8), lambda: (features[start : start + size] for start in range(0, len(features), size))
    )
    assert np.array_equal(blocks.take(labels == 1), features[labels == 1])
    basis = Basis.of(blocks)
    assert np.allclose(basis.variances, Basis.of(features).variances, rtol=1e-3)
    first = logistic.solve(blocks, Targets.of(labels, 3), basis, 0.3, tolerance=1e-6)
    second = logistic.solve(features, Targets.of(labels, 3), basis, 0.3, tolerance=1e-6)
    assert np.abs(first.logits(features, basis) - second.logits(features, basis)).max() < 2e-2


@given(seeds)
def test_sigmoids_for_several_labels_are_separate_regressions(seed: int) -> None:
    features, labels = problem(seed)
    several = np.stack([labels == 0, labels != 1], axis=1)
    basis = Basis.of(features)
    together = answers(features, Targets.of(several, 2), at=features, basis=basis)
    for column in range(2):
        alone = answers(features, Targets.of(several[:, [column]], 1), at=features, basis=basis)
        assert np.abs(together[:, column] - alone[:, 0]).max() < 2e-2


def test_smoothing_makes_the_answers_less_sure_and_no_less_right() -> None:
    features, labels = problem(1, count=300)
    plain, smooth = (
        softmax(answers(features, Targets.of(labels, 3, smoothing=share), at=features))
        for share in (0.0, 0.2)
    )
    assert smooth.max(axis=1).mean() < plain.max(axis=1).mean() - 0.05
    assert (smooth.argmax(axis=1) == plain.argmax(axis=1)).mean() > 0.95


def test_balancing_gives_the_rare_class_as_much_say_as_the_common_one() -> None:
    labels = np.array([0] * 30 + [1] * 10)
    targets = Targets.of(labels, 2, balanced=True)
    assert targets.weights[labels == 0].sum() == pytest.approx(targets.weights[labels == 1].sum())
    assert targets.total == pytest.approx(40)
    several = Targets.of(np.stack([labels == 1, labels == 0], axis=1), 2, balanced=True)
    assert several.weights[labels == 1, 0].sum() == pytest.approx(several.weights[labels == 0, 0].sum())
    assert several.total == pytest.approx(40)
