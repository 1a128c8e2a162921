"""Groups: as many as there are, none too small, the same each time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.errors import UsageError
from edgetl.progress import SILENT
from edgetl.training.arrays import Floats, Labels
from edgetl.training.exploring import grouping


def clouds(counts: tuple[int, ...], spread: float = 0.3, seed: int = 0) -> tuple[Floats, Labels]:
    """Points around centres that lie 2 or more apart, and which centre each is of."""
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(counts)), counts)
    centres = 2 * np.eye(len(counts), 20)
    return (centres[truth] + random.normal(0, spread, (len(truth), 20))).astype(np.float32), truth


@pytest.mark.parametrize("counts", [(40, 40), (70, 30, 20), (60, 50, 40, 30, 20, 10, 9)])
def test_finds_as_many_groups_as_there_are_the_largest_first(counts: tuple[int, ...]) -> None:
    points, truth = clouds(counts)
    found = grouping.find(points, None, seed=0, progress=SILENT)
    assert np.bincount(found.of).tolist() == list(counts)
    assert [len(np.unique(found.of[truth == cloud])) for cloud in range(len(counts))] == [1] * len(counts)
    assert found.apart
    assert max(found.tried, key=lambda number: found.tried[number]) == len(counts)


def test_one_cloud_is_not_said_to_be_groups_that_stand_apart() -> None:
    points = np.random.default_rng(0).normal(size=(300, 20)).astype(np.float32)
    assert not grouping.find(points, None, seed=0, progress=SILENT).apart


def test_as_many_as_asked_for() -> None:
    points, _ = clouds((80, 80))
    found = grouping.find(points, 4, seed=0, progress=SILENT)
    assert (found.count, found.tried) == (4, {})


@pytest.mark.parametrize("count", [2, 4, 9])
def test_few_pictures_are_one_group(count: int) -> None:
    points, _ = clouds((count, 0))
    found = grouping.find(points, None, seed=0, progress=SILENT)
    assert (found.count, found.silhouette, found.of.tolist()) == (1, None, [0] * count)


def test_a_group_of_fewer_than_training_takes_is_dissolved() -> None:
    points, truth = clouds((40, 40, 3))
    found = grouping.find(points, 3, seed=0, progress=SILENT)
    assert found.count == 2
    assert np.bincount(found.of).min() >= grouping.SMALLEST
    assert len(np.unique(found.of[truth == 0])) == 1


def test_the_most_typical_member_comes_first() -> None:
    points, _ = clouds((40, 40))
    found = grouping.find(points, 2, seed=0, progress=SILENT)
    for group in range(2):
        members = found.members(group)
        away = np.linalg.norm(points[members] - found.centres[group], axis=1)
        assert sorted(away.tolist()) == away.tolist()


@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_every_picture_is_in_a_group_of_no_less_than_five(seed: int, count: int) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    found = grouping.find(points, 5, seed=0, progress=SILENT)
    assert len(found.of) == len(found.distances) == count
    assert found.count == 1 or np.bincount(found.of, minlength=found.count).min() >= grouping.SMALLEST


@pytest.mark.parametrize("wanted", [-1, 0, 1, 61])
def test_other_numbers_of_groups_are_refused(wanted: int) -> None:
    with pytest.raises(UsageError, match=f"{wanted} groups are not offered: choose 2 to 60"):
        grouping.check(wanted)
