"""The same batches after a resume, whatever came before."""

import numpy as np
import pytest

from edgetl.training.tuning.batches import Batch, Batches, Table
from edgetl.training.tuning.options import TuningOptions


def table(kind: type[np.generic], photos: int = 11) -> Table:
    random = np.random.default_rng(0)
    shape = (photos + 5, 1 if kind is np.uint8 else 8, 6, 6, 3)
    rows = (255 * random.random(shape)).astype(kind)
    targets = np.eye(3, dtype=np.float32)[np.arange(photos) % 3]
    weights = np.where(np.arange(photos) % 3 == 0, 2.0, 0.5).astype(np.float32)
    return Table(rows, np.arange(5, photos + 5), targets, weights)


def same(one: Batch, other: Batch) -> bool:
    pairs = ((one.rows, other.rows), (one.targets, other.targets), (one.weights, other.weights))
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("kind", [np.uint8, np.float16])
@pytest.mark.parametrize("augment", ["none", "light", "turns", "strong"])
def test_an_epoch_can_be_entered_in_its_middle(kind: type[np.generic], augment: str) -> None:
    options = TuningOptions(augment=augment, batch_size=3, seed=4)
    whole = list(Batches(table(kind), options).of_epoch(2))
    later = list(Batches(table(kind), options).of_epoch(2, first=1))
    assert len(whole) == 3
    assert all(same(one, other) for one, other in zip(whole[1:], later, strict=True))
    assert {batch.rows.dtype for batch in whole} == {np.dtype(np.uint8 if kind is np.uint8 else np.float32)}


def test_epochs_and_seeds_differ() -> None:
    made = [
        next(Batches(table(np.float16), TuningOptions(seed=seed, batch_size=4)).of_epoch(epoch))
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    assert not any(same(one, other) for place, one in enumerate(made) for other in made[:place])


def test_every_photo_but_what_is_left_over_is_seen_once_an_epoch() -> None:
    rows = np.arange(11, dtype=np.float16).reshape(11, 1, 1, 1, 1)
    few = Table(rows, np.arange(11), np.eye(11, dtype=np.float32), np.ones(11, np.float32))
    options = TuningOptions(augment="none", batch_size=5)
    seen = [int(row) for batch in Batches(few, options).of_epoch(0) for row in batch.rows.ravel()]
    assert len(seen) == len(set(seen)) == 10


def test_fewer_photos_than_a_batch_are_one_batch() -> None:
    batches = Batches(table(np.float16, photos=4), TuningOptions(batch_size=32))
    assert (batches.size, batches.steps) == (4, 1)


def test_mixing_keeps_the_say_of_each_class() -> None:
    for batch in Batches(table(np.float16), TuningOptions(augment="strong", batch_size=11)).of_epoch(0):
        said = (batch.targets * batch.weights[:, np.newaxis]).sum(axis=0)
        assert np.allclose(batch.targets.sum(axis=1), 1, atol=1e-5)
        assert said[0] > said[1]  # the class whose photos count four times as much
