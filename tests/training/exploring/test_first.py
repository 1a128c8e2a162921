"""What to label first: unlike each other, and what a model is unsure of."""

import numpy as np
import pytest

from edgetl.errors import UsageError
from edgetl.training.arrays import Floats, Labels
from edgetl.training.exploring import first, neighbours


def clouds() -> tuple[Floats, Labels]:
    """Five clouds of very different sizes."""
    truth = np.repeat(np.arange(5), (200, 100, 50, 20, 10))
    random = np.random.default_rng(0)
    return (3 * np.eye(5, 20)[truth] + random.normal(0, 0.2, (len(truth), 20))).astype(np.float32), truth


def test_without_a_model_each_cloud_has_a_picture_the_largest_first() -> None:
    points, truth = clouds()
    near = neighbours.nearness(points, seed=0)
    chosen = first.choose(points, near, 5, unsure=None, left_out=np.empty(0, np.int64), seed=0)
    assert truth[chosen].tolist() == [0, 1, 2, 3, 4]


def test_what_is_left_out_is_not_chosen_and_nothing_twice() -> None:
    points, truth = clouds()
    near = neighbours.nearness(points, seed=0)
    left_out = np.flatnonzero(truth == 0)
    chosen = first.choose(points, near, 30, unsure=None, left_out=left_out, seed=0)
    assert set(truth[chosen]) == {1, 2, 3, 4}
    assert len(np.unique(chosen)) == len(chosen) == 30


def test_a_model_that_is_unsure_of_one_cloud_has_most_of_it_labelled() -> None:
    points, truth = clouds()
    near = neighbours.nearness(points, seed=0)
    unsure = np.where(truth == 2, 1.0, 0.0)
    chosen = first.choose(points, near, 10, unsure=unsure, left_out=np.empty(0, np.int64), seed=0)
    assert (truth[chosen] == 2).sum() >= 5
    assert truth[chosen[0]] == 2


def test_fewer_pictures_than_asked_for_are_all_chosen() -> None:
    points = np.eye(4, 20, dtype=np.float32)
    near = neighbours.nearness(points, seed=0)
    chosen = first.choose(points, near, 9, unsure=None, left_out=np.array([2]), seed=0)
    assert chosen.tolist() == [0, 1, 3]


def test_few_pictures_come_in_the_order_of_their_use_too() -> None:
    points = np.eye(4, 20, dtype=np.float32)
    near, none = np.array([0.3, 0.1, 0.4, 0.2]), np.empty(0, np.int64)
    assert first.choose(points, near, 9, unsure=None, left_out=none, seed=0).tolist() == [1, 3, 0, 2]
    unsure = np.array([0.1, 0.2, 0.9, 0.5])
    assert first.choose(points, near, 9, unsure=unsure, left_out=none, seed=0).tolist() == [2, 3, 1, 0]


@pytest.mark.parametrize("wanted", [-1, 0, 201])
def test_other_numbers_are_refused(wanted: int) -> None:
    with pytest.raises(UsageError, match=f"{wanted} pictures to label first are not offered"):
        first.check(wanted)
