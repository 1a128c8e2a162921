"""The map: every picture in a cell of its own, neighbours near each other."""

import numpy as np
import pytest

from edgetl.training.exploring import layout


@pytest.mark.parametrize("count", [1, 2, 4, 5, 7, 60])
def test_no_picture_lies_on_another_or_off_the_map(count: int) -> None:
    points = np.random.default_rng(count).normal(size=(count, 20)).astype(np.float32)
    cells, (rows, columns) = layout.cells(points, seed=0)
    assert cells.shape == (count, 2)
    assert len(np.unique(cells, axis=0)) == count
    assert cells.min() >= 0
    assert (cells < [rows, columns]).all()
    assert min(rows, columns) >= 2


def test_pictures_with_one_component_have_a_map_too() -> None:
    cells, _ = layout.cells(np.arange(8, dtype=np.float32)[:, None], seed=0)
    assert len(np.unique(cells, axis=0)) == 8


def test_clouds_stay_together_and_the_map_is_the_same_each_time() -> None:
    truth = np.repeat(np.arange(3), 30)
    random = np.random.default_rng(0)
    points = (6 * np.eye(3, 20)[truth] + random.normal(0, 0.2, (90, 20))).astype(np.float32)
    cells, grid = layout.cells(points, seed=0)
    away = np.linalg.norm((cells[:, None] - cells[None]).astype(float), axis=2)
    np.fill_diagonal(away, np.inf)
    nearest = np.argsort(away, axis=1)[:, :4]
    assert (truth[nearest] == truth[:, None]).mean() > 0.9
    again, same = layout.cells(points, seed=0)
    assert (again.tolist(), same) == (cells.tolist(), grid)
