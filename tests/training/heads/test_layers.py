"""Which layers a head reads: those whose head answers held-out photos better."""

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from edgetl.errors import UsageError
from edgetl.training import head
from edgetl.training.head import Solved
from edgetl.training.heads import layers

COUNT = 300


def solved_on(columns: NDArray[np.float32], labels: NDArray[np.int64]) -> Solved:
    return head.solve(columns, labels, held_out=None)


def parts(blocks_tell: float, last_tells: float) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]:
    """Features whose first column tells the class, so clearly, and noise."""
    random = np.random.default_rng(5)
    labels = np.arange(COUNT) % 2
    found = {}
    for name, tells in (("last", last_tells), ("blocks", blocks_tell)):
        noise = random.normal(size=(COUNT, 12)).astype(np.float32)
        noise[:, 0] += tells * labels
        found[name] = noise
    return found, labels


@pytest.mark.parametrize(("blocks_tell", "last_tells", "expected"), [(4, 1, "blocks"), (1, 4, "last")])
def test_reads_what_tells_more(blocks_tell: float, last_tells: float, expected: str) -> None:
    rows, labels = parts(blocks_tell, last_tells)
    found, solved = layers.compare(lambda part: solved_on(rows[part], labels))
    assert expected == found.chosen
    assert found.photos == COUNT
    assert np.array_equal(solved_on(rows[expected], labels).head.kernel, solved.head.kernel)
    assert {"last", "blocks"} == set(found.losses)


def test_photos_without_a_say_do_not_choose() -> None:
    rows, labels = parts(4, 1)
    wrong = np.arange(COUNT) % 3 == 0
    given = np.where(wrong, 1 - labels, labels)
    rows["last"][wrong, 0] = 4 * given[wrong]  # as if the map knew the wrong labels

    def chosen(says: NDArray[np.float64]) -> str:
        solve = partial(head.solve, labels=given, held_out=None, weights=1.0 - wrong, judged_by=says)
        return layers.compare(lambda part: solve(rows[part]))[0].chosen

    assert chosen(np.ones(COUNT)) == "last"
    assert chosen(1.0 - wrong) == "blocks"


def test_what_was_found_says_how_often_each_was_right() -> None:
    rows, labels = parts(4, 1)
    told = layers.compare(lambda part: solved_on(rows[part], labels))[0].to_dict()
    assert told["accuracies"]["blocks"] > 0.9 > told["accuracies"]["last"] > 0.5
    assert told["losses"]["blocks"] < told["losses"]["last"]


def test_of_few_photos_all_are_compared_on() -> None:
    assert np.array_equal(np.arange(40), layers.sample(np.arange(40) % 3, seed=1))


def test_of_many_photos_a_sample_is_with_two_of_every_class() -> None:
    labels = np.append(np.zeros(20_000, np.int64), [1, 1, 1, 2, 2])
    places = layers.sample(labels, seed=1)
    assert 5000 <= len(places) <= 5006
    assert np.array_equal(np.unique(places), places)
    assert {0, 1, 2} == set(labels[places].tolist())
    assert min(np.bincount(labels[places])) >= 2


def test_refuses_layers_that_are_not_offered() -> None:
    with pytest.raises(UsageError, match="layers 'first' are not offered: choose auto, last, blocks"):
        layers.check("first")
