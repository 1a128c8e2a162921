"""Which layers a head reads: those whose head answers held-out photos better."""

import contextlib
import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgetl.errors import UsageError
from edgetl.training.dataset import Photo
from edgetl.training.features import FeatureTable
from edgetl.training.features.shards import Writer
from edgetl.training.heads import head, layers
from edgetl.training.heads.head import Solved
from edgetl.training.prepare import Prepared

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
    return found | {"both": np.concatenate(list(found.values()), axis=1)}, labels


@pytest.mark.parametrize(
    ("blocks_tell", "last_tells", "expected"), [(4, 0, "blocks"), (0, 4, "last"), (3, 3, "both")]
)
def test_reads_what_tells_more(blocks_tell: float, last_tells: float, expected: str) -> None:
    rows, labels = parts(blocks_tell, last_tells)
    found, solved = layers.compare(lambda part: solved_on(rows[part], labels))
    assert expected == found.chosen
    assert found.photos == COUNT
    assert np.array_equal(solved_on(rows[expected], labels).head.kernel, solved.head.kernel)
    assert set(layers.NAMES) == set(found.losses)


class Twelve(Prepared):
    """A backbone of 12 numbers of the last map and 12 of the blocks."""

    @property
    def columns(self) -> dict[str, slice]:
        return {"last": slice(0, 12), "blocks": slice(12, 24)}


def kept(folder: Path, rows: NDArray[np.float32]) -> tuple[Prepared, FeatureTable, list[Photo]]:
    """A backbone, its features of photos in a cache, and the photos."""
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(COUNT)]
    photos = [Photo(Path(f"{sha256}.jpg"), 0, "train", sha256) for sha256 in hashes]
    with contextlib.closing(Writer(folder)) as writer:
        for sha256, row in zip(hashes, rows, strict=True):
            writer.add(sha256, row)
    backbone = Twelve(None, folder, "openvino")  # type: ignore[arg-type]  # nothing of it is run
    return backbone, FeatureTable(folder, backbone.columns), photos


def test_a_head_on_both_sees_blocks_that_vary_as_much_as_the_last_map(tmp_path: Path) -> None:
    found, _ = parts(1, 1)
    rows = np.concatenate([found["last"], 9 * found["blocks"]], axis=1)
    backbone, table, photos = kept(tmp_path, rows)
    reading, both = layers.reading("both", backbone, table, photos)
    seen = both.rows([photo.sha256 for photo in photos])
    assert np.isclose(seen[:, :12].var(axis=0).sum(), seen[:, 12:].var(axis=0).sum(), rtol=1e-4)
    assert reading.scales is not None
    assert np.allclose(rows * reading.scales, seen)
    assert layers.reading("last", backbone, table, photos)[0].scales is None


def test_of_many_photos_all_classes_say_how_much_the_blocks_vary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_ENOUGH", COUNT // 3)
    found, _ = parts(1, 1)
    rows = np.concatenate([found["last"], found["blocks"]], axis=1)
    rows[COUNT // 2 :, 12:] *= 9  # as of the second of two classes, listed one after the other
    backbone, table, photos = kept(tmp_path, rows)
    seen = layers.reading("both", backbone, table, photos)[1].rows([photo.sha256 for photo in photos])
    assert np.isclose(seen[:, :12].var(axis=0).sum(), seen[:, 12:].var(axis=0).sum(), rtol=0.2)


def test_a_head_on_scaled_features_answers_the_same_when_it_is_unscaled() -> None:
    rows, labels = parts(1, 1)
    scales = np.linspace(0.1, 3, 24, dtype=np.float32)
    found = replace(solved_on(rows["both"] * scales, labels).head, scales=scales)
    ours, theirs = found.probabilities(rows["both"] * scales), found.unscaled.probabilities(rows["both"])
    assert np.allclose(ours, theirs, atol=1e-5)
    assert found.unscaled.scales is None


def test_photos_without_a_say_do_not_choose() -> None:
    rows, labels = parts(4, 1)
    wrong = np.arange(COUNT) % 3 == 0
    given = np.where(wrong, 1 - labels, labels)
    rows["last"][wrong, 0] = 4 * given[wrong]  # as if the map knew the wrong labels

    def chosen(says: NDArray[np.float64]) -> str:
        solve = partial(head.solve, labels=given, held_out=None, weights=1.0 - wrong, judged_by=says)
        return layers.compare(lambda part: solve(rows[part]))[0].chosen

    assert chosen(np.ones(COUNT)) == "last"
    assert chosen(1.0 - wrong) != "last"


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
    assert 2000 <= len(places) <= 2006
    assert np.array_equal(np.unique(places), places)
    assert {0, 1, 2} == set(labels[places].tolist())
    assert min(np.bincount(labels[places])) >= 2


def test_refuses_layers_that_are_not_offered() -> None:
    with pytest.raises(UsageError, match="layers 'first' are not offered: choose auto, last, blocks, both"):
        layers.check("first")
