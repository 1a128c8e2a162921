"""Every photo is held out once, copies together; and what cross-validation says of its worth is true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgetl.errors import UsageError
from edgetl.training.heads import head as heads
from edgetl.training.scoring import folds
from edgetl.training.scoring.cross_validation import cross_validate


@given(st.integers(2, 8), st.integers(0, 9), st.lists(st.integers(2, 30), min_size=2, max_size=4))
def test_every_photo_is_held_out_once_and_classes_evenly(count: int, seed: int, sizes: list[int]) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    masks = folds.stratified(labels, count, seed)
    assert len(masks) == min(count, *sizes)
    assert (np.sum(masks, axis=0) == 1).all()
    for label in range(len(sizes)):
        held = [int((labels[mask] == label).sum()) for mask in masks]
        assert max(held) - min(held) <= 1
        assert min(held) >= 1


def test_copies_of_a_photo_share_a_fold() -> None:
    copies = np.repeat(np.arange(30), 3)
    labels = np.repeat([0, 1], 45)
    masks = folds.stratified(labels, 5, 0, copies_of=copies)
    for mask in masks:
        assert np.isin(copies[mask], copies[~mask]).sum() == 0
    assert (np.sum(masks, axis=0) == 1).all()


def test_auto_cross_validates_where_few_photos_are_scored() -> None:
    assert folds.wanted("auto", 153) == 5
    assert folds.wanted("auto", 200) == 0
    assert folds.wanted("none", 10) == 0
    assert folds.wanted("10", 5000) == 10


@pytest.mark.parametrize("choice", ["1", "21", "many", "-3", ""])
def test_refuses_other_numbers_of_folds(choice: str) -> None:
    with pytest.raises(UsageError, match="are not offered: choose auto, none or 2 to 20"):
        folds.wanted(choice, 100)


def pictures(count: int, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    labels = np.arange(count) % 2
    features = random.normal(size=(count, 6)) + 1.4 * labels[:, np.newaxis] * (np.arange(6) < 2)
    return features.astype(np.float32), labels.astype(np.int64)


def test_the_interval_holds_how_right_such_heads_are() -> None:
    random = np.random.default_rng(0)
    new, truth = pictures(2000, random)
    held = []
    for seed in range(24):
        features, labels = pictures(84, random)
        hashes = [str(number) for number in range(84)]
        found = cross_validate(features, labels, hashes, ("a", "b"), count=3, class_weights="none", seed=seed)
        whole = heads.fit(features, labels, held_out=None, strengths=(0.03,), seed=seed)
        accuracy = (whole.probabilities(new).argmax(axis=1) == truth).mean()
        held.append(found.accuracy.low <= accuracy <= found.accuracy.high)
        assert found.images == 84
        assert np.mean(found.by_fold) == pytest.approx(found.accuracy.value)
    assert np.mean(held) >= 0.83  # what 24 tell from 0.95 in 99 of 100 cases


def test_copies_do_not_flatter() -> None:
    # Labels are chance, so nothing can be learnt; but each photo is there four times.
    random = np.random.default_rng(4)
    features = np.repeat(random.normal(size=(30, 60)), 4, axis=0).astype(np.float32)
    labels = np.repeat(random.permutation(np.arange(30) % 2), 4)
    hashes = [str(number // 4) for number in range(120)]
    options = {"count": 5, "class_weights": "none", "seed": 0}
    honest = cross_validate(features, labels, hashes, ("a", "b"), **options)
    flattered = cross_validate(features, labels, list(map(str, range(120))), ("a", "b"), **options)
    assert flattered.accuracy.value > 0.9
    assert honest.accuracy.value < 0.7


def test_a_sample_has_so_many_of_each_class_or_all_of_it() -> None:
    labels = np.repeat([0, 1, 2], [30_000, 40, 3])
    places = folds.sample(labels, 500, 20, np.random.default_rng(0))
    found = np.bincount(labels[places])
    assert found[0] <= 500
    assert found[1] >= 20
    assert found[2] == 3
    assert np.array_equal(np.unique(places), places)
