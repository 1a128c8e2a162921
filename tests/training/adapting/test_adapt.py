"""Adapting on features that are made: what helps is adopted, what does not is not, and why is said."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgetl import cache
from edgetl.progress import SILENT, Progress
from edgetl.training import dataset, features, prepare
from edgetl.training.adapting import adapt, batchnorm
from edgetl.training.adapting.target import Target
from edgetl.training.arrays import Floats, Labels
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.features import views
from edgetl.training.features.shards import Writer
from edgetl.training.heads import head as heads
from edgetl.training.prepare import Prepared

WIDTH = 16
Made = Callable[..., tuple[Photo, ...]]


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """A backbone that has no batch normalisation, whose features are in the cache already."""
    monkeypatch.setattr(batchnorm, "adapted", lambda *_, **__: None)
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    place = tmp_path / f"made-{tmp_path.name}"
    place.mkdir()
    (place / prepare.DESCRIPTION).write_text(json.dumps({"features": {"last": WIDTH, "blocks": 0}}))
    return Prepared(choice, place, "openvino")


@pytest.fixture
def made(prepared: Prepared) -> Made:
    """Photos of two classes whose features are drawn: the first two features tell the classes apart."""
    random = np.random.default_rng(0)

    def draw(
        count: int, split: str, *, shift: float = 0.0, labelled: bool = True, apart: float = 1.5
    ) -> tuple[Photo, ...]:
        folder = cache.folder() / "features" / prepared.key / views.get(0).key
        labels: Labels = np.arange(count) % 2
        rows = random.normal(0, 1, (count, WIDTH))
        rows[:, 0] += apart * (2 * labels - 1) + shift
        rows[:, 1] += 3 * shift
        found = []
        with contextlib.closing(Writer(folder)) as writer:
            for row, label in zip(rows.astype(np.float32), labels, strict=True):
                digest = hashlib.sha256(row.tobytes()).hexdigest()
                writer.add(digest, row)
                known = int(label) if labelled else -1
                found.append(Photo(Path(f"/nowhere/{digest[:8]}.jpg"), known, split, digest))
        return tuple(found)

    return draw


def rows_of(photos: tuple[Photo, ...], prepared: Prepared) -> tuple[Floats, Labels]:
    table, _ = features.extract(photos, prepared, SILENT)
    return table.rows([p.sha256 for p in photos]), np.array([p.label for p in photos])


def adapted(
    prepared: Prepared, photos: tuple[Photo, ...], target: Target, **options: Any
) -> tuple[adapt.Adapted, heads.Head]:
    dataset = Dataset(Path("/nowhere"), ("ants", "bees"), photos)
    rows, labels = rows_of(dataset.split("train"), prepared)
    head = heads.fit(rows, labels, held_out=None)
    table, _ = features.extract(photos, prepared, SILENT)
    wanted = TrainConfig(data="", unlabelled="there", **options)
    return adapt.adapt(dataset, prepared, table, head, target, wanted, SILENT), head


def test_moved_features_are_moved_back_and_the_test_photos_of_there_gain(
    prepared: Prepared, made: Made
) -> None:
    photos = made(120, "train") + made(20, "val")
    target = Target(Path("there"), made(80, "unknown", shift=4, labelled=False), made(40, "x", shift=4))
    found, head = adapted(prepared, photos, target)
    told = found.description
    assert told["adopted"] in ("means", "CORAL")
    assert told["why"].startswith(f"{told['adopted']} adopted, better beyond noise: right on ")
    assert told["judged_on"] == "40 labelled pictures of the target"
    assert told["told_from_train"] > 0.95
    assert [method["name"] for method in told["methods"]] == ["means", "CORAL", "self-training"]
    rows, truth = rows_of(made(200, "x", shift=4), prepared)
    before, after = ((one.probabilities(rows).argmax(axis=1) == truth).mean() for one in (head, found.head))
    assert before < 0.6
    assert after > 0.85
    assert head.reject_threshold != found.head.reject_threshold


def test_without_a_shift_the_head_stays_as_it_is(prepared: Prepared, made: Made) -> None:
    photos = made(120, "train") + made(20, "val")
    target = Target(Path("there"), made(80, "unknown", labelled=False), made(40, "x"))
    found, head = adapted(prepared, photos, target)
    assert found.head is head
    assert not found.adopted
    assert found.summary.startswith("unlabelled pictures: nothing adopted: no method beat doing nothing")
    assert len(found.description["methods"]) == 3


def test_without_a_judge_nothing_is_tried_and_the_way_out_is_said(prepared: Prepared, made: Made) -> None:
    photos = made(120, "train") + made(20, "val")
    target = Target(Path("there"), made(80, "unknown", shift=4, labelled=False), made(9, "x", shift=4))
    found, head = adapted(prepared, photos, target)
    assert (found.head, found.description["methods"]) == (head, [])
    assert "9 labelled pictures of the target are too few to judge" in found.description["why"]
    assert "put 10 or more labelled pictures of there into subfolders" in found.description["why"]


def test_val_judges_where_it_looks_like_the_target(prepared: Prepared, made: Made) -> None:
    photos = made(120, "train") + made(60, "val", shift=4) + made(60, "test", shift=4)
    target = Target(Path("there"), made(80, "unknown", shift=4, labelled=False), ())
    found, _ = adapted(prepared, photos, target)
    assert found.adopted
    assert found.description["judged_on"] == "60 val photos, which look like the target"


def test_val_that_looks_like_train_does_not_judge(prepared: Prepared, made: Made) -> None:
    photos = made(120, "train") + made(60, "val") + made(60, "test")
    target = Target(Path("there"), made(80, "unknown", shift=4, labelled=False), ())
    found, _ = adapted(prepared, photos, target)
    assert not found.adopted
    assert "val is not of the target: it is told apart from it in 100 % of pairs" in found.description["why"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"fine_tune": "last"}, "--fine-tune"),
        ({"hidden": 32}, "--hidden"),
        ({"keep_head": True}, "--keep-head"),
    ],
)
def test_what_does_not_go_with_adapting_is_told_and_not_tried(
    options: dict[str, Any], reason: str, solar_photos: Path, hymenoptera: Path
) -> None:
    class Heard(Progress):
        told = ""

        def warn(self, text: str) -> None:
            Heard.told = text

    photos = dataset.read(solar_photos)
    wanted = TrainConfig(data="", unlabelled=str(hymenoptera), **options)
    assert adapt.target_of(wanted, photos, (), Heard()) is None
    assert Heard.told.startswith(f"the head is not adapted to {hymenoptera}: {reason}")
