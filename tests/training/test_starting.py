"""``--from RUN``: the backbone of an earlier training, value for value, and its head where it is kept."""

import csv
import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import edgetl
from edgetl.errors import RunError, UsageError
from edgetl.progress import SILENT, Progress
from edgetl.training import features, prepare, starting
from edgetl.training.config import TrainConfig
from edgetl.training.heads.solving import rows_of
from edgetl.training.run import Run


@pytest.fixture(scope="module")
def fewer_photos(solar_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 photos a class and split of the ones the run was trained on, its classes' names unchanged."""
    file = tmp_path_factory.mktemp("fewer") / "cells.csv"
    taken: dict[tuple[str, int], int] = {}
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(["path", "label", "split"])
    for photo in solar_run.dataset.photos:
        key = (photo.split, photo.label)
        taken[key] = taken.get(key, 0) + 1
        if taken[key] <= 12:
            writer.writerow([photo.path, solar_run.contract.labels[photo.label], photo.split])
    file.write_text(rows.getvalue())
    return file


@pytest.fixture(scope="module")
def started(solar_run: Run, fewer_photos: Path) -> Run:
    return edgetl.train(fewer_photos, out=fewer_photos.parent / "started", from_run=str(solar_run.path))


def test_the_backbone_is_the_runs_to_the_last_value(solar_run: Run, started: Run) -> None:
    before = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    start = starting.start_of(TrainConfig(data="", from_run=str(solar_run.path)))
    assert start is not None
    engine = solar_run.description["features"]["engine"]
    tables = []
    for choice in (before, start.choice):
        ready = prepare.prepare(choice, engine=engine, classes=2, progress=SILENT)
        tables.append(features.extract(started.dataset.photos, ready, SILENT)[0])
    first, second = (rows_of(started.dataset, table, "train")[0] for table in tables)
    assert np.array_equal(first, second)


def test_the_new_run_says_where_it_started(solar_run: Run, started: Run) -> None:
    weights = started.description["weights"]
    assert weights["kind"] == "run"
    assert weights["source"] == f"run {solar_run.name}, from {solar_run.description['weights']['source']}"
    assert weights["licence"] == "Apache-2.0"
    assert started.description["backbone"] == solar_run.description["backbone"]
    assert started.description["head"]["chosen_on"] == "5-fold cross-validation"


def test_a_kept_head_answers_as_the_run_does(solar_run: Run, fewer_photos: Path, tmp_path: Path) -> None:
    kept = edgetl.train(fewer_photos, out=tmp_path / "kept", from_run=str(solar_run.path), keep_head=True)
    assert kept.description["head"]["chosen_on"].startswith("kept from cells, ")
    assert _values(kept) == _values(solar_run)


def test_a_run_that_reads_the_blocks_can_be_started_from(fewer_photos: Path, tmp_path: Path) -> None:
    blocks = edgetl.train(fewer_photos, out=tmp_path / "blocks", layers="blocks")
    kept = edgetl.train(fewer_photos, out=tmp_path / "kept", from_run=str(blocks.path), keep_head=True)
    assert kept.description["head"]["layers"] == "blocks"
    assert _values(kept) == _values(blocks)
    anew = edgetl.train(fewer_photos, out=tmp_path / "anew", from_run=str(blocks.path), layers="blocks")
    assert anew.metrics["confusion"] == blocks.metrics["confusion"]


def test_a_run_of_another_crop_is_gone_on_with_at_that_crop(fewer_photos: Path, tmp_path: Path) -> None:
    whole = edgetl.train(fewer_photos, out=tmp_path / "whole", crop=1.0)
    for crop, expected in ((None, 1.0), (0.9, 0.9)):
        start = starting.start_of(TrainConfig(data="", from_run=str(whole.path), crop=crop))
        assert start is not None
        assert expected == start.choice.contract.crop_fraction


def test_a_head_of_fewer_classes_keeps_their_answers(solar_run: Run) -> None:
    start = starting.start_of(TrainConfig(data="", from_run=str(solar_run.path)))
    assert start is not None
    both, one = start.head(("defective", "functional")), start.head(("functional",))
    assert np.array_equal(one.kernel[:, 0], both.kernel[:, 1])
    assert one.bias[0] == both.bias[1]
    turned = start.head(("functional", "defective"))
    assert np.array_equal(turned.kernel, both.kernel[:, ::-1])


class Listener(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def tuned(run: Run) -> starting.Start:
    """A start from the run as if its backbone had learned its train photos."""
    start = starting.start_of(TrainConfig(data="", from_run=str(run.path)))
    assert start is not None
    return replace(start, run=replace(run, description={**run.description, "fine_tuning": {"adopted": True}}))


def test_photos_that_the_backbone_has_learned_are_told_where_they_score(solar_run: Run) -> None:
    known = [photo for photo in solar_run.dataset.photos if photo.split == "train"]
    turned = replace(solar_run.dataset, photos=tuple(replace(photo, split="test") for photo in known[:7]))
    listener, wanted = Listener(), TrainConfig(data="", folds="5")
    assert tuned(solar_run).advise(turned, wanted, listener)
    assert listener.warnings[0].startswith(
        f"{solar_run.path} has learned 7 photos of val and test, so they score too well: give the splits of"
    )
    assert listener.warnings[1].startswith("no cross-validation: ")


def test_photos_that_judge_a_fine_tuning_must_be_new_to_the_backbone(solar_run: Run) -> None:
    photos, listener = solar_run.dataset, Listener()
    with pytest.raises(UsageError, match="by which this fine-tuning would be judged: give the photos a val"):
        tuned(solar_run).advise(photos, TrainConfig(data="", fine_tune="last"), listener)
    assert tuned(solar_run).advise(photos, TrainConfig(data=""), listener)
    assert "the scores will be surer than they should be" in listener.warnings[0]
    val = tuple(
        replace(photo, split="val") if place % 2 and photo.split == "test" else photo
        for place, photo in enumerate(photos.photos)
    )
    listener = Listener()
    assert tuned(solar_run).advise(
        replace(photos, photos=val), TrainConfig(data="", fine_tune="last"), listener
    )
    assert not listener.warnings


def test_a_backbone_that_was_not_fine_tuned_knows_no_photo(solar_run: Run) -> None:
    start = starting.start_of(TrainConfig(data="", from_run=str(solar_run.path)))
    assert start is not None
    listener = Listener()
    assert not start.advise(solar_run.dataset, TrainConfig(data=""), listener)
    assert start.advise(solar_run.dataset, TrainConfig(data="", keep_head=True), listener)
    assert not listener.warnings


def test_a_head_with_a_hidden_layer_is_not_kept(solar_run: Run, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(solar_run.path, tmp_path / "run"))
    told = json.loads((copy / "run.json").read_text())
    told["head"]["hidden"] = 64
    (copy / "run.json").write_text(json.dumps(told))
    with pytest.raises(UsageError, match="has a hidden layer, and --keep-head keeps a linear one"):
        starting.start_of(TrainConfig(data="", from_run=str(copy), keep_head=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 160}, "was trained at 224 pixels, and --from keeps to that, not 160: leave --size out"),
        ({"backbone": "mobilenet_v2"}, "has the backbone efficientnet_lite0, not mobilenet_v2"),
        ({"backbone": "auto"}, "has the backbone efficientnet_lite0, not auto"),
        ({"width": 0.5}, "has width 1, not 0.5"),
        ({"weights": "some.h5"}, "--from has the weights already: leave --weights out"),
    ],
)
def test_refuses_another_backbone_before_the_slow_work(
    solar_run: Run, solar_photos: Path, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        edgetl.train(solar_photos, out=tmp_path / "run", from_run=str(solar_run.path), **options)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_refuses_labels_that_the_kept_head_does_not_know(solar_run: Run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number, photo in enumerate(solar_run.dataset.photos[:40]):
        place = photos / ("functional" if number % 2 else "hot spot")
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo.path, place)
    with pytest.raises(
        UsageError, match=r"--keep-head cannot answer hot spot: .* knows defective, functional"
    ):
        edgetl.train(photos, out=tmp_path / "run", from_run=str(solar_run.path), keep_head=True)


def test_refuses_to_keep_the_head_of_no_run_and_to_start_from_none(
    solar_photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="name it with --from RUN"):
        edgetl.train(solar_photos, out=tmp_path / "run", keep_head=True)
    with pytest.raises(RunError, match="does not exist; write one with edgetl train"):
        edgetl.train(solar_photos, out=tmp_path / "run", from_run=str(tmp_path / "nowhere"))


def test_a_file_that_holds_no_weights_is_refused(solar_run: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(solar_run.path, tmp_path / "cells"))
    (folder / "model.keras").write_bytes(b"no zip")
    with pytest.raises(RunError, match="is no Keras file with weights"):
        starting._weights(replace(solar_run, path=folder))


def _values(run: Run) -> list[tuple[str, bytes]]:
    """Every array of a run's Keras file."""
    found: list[tuple[str, bytes]] = []

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((name, np.asarray(item).tobytes()))

    with (
        zipfile.ZipFile(run.model) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file,
    ):
        file.visititems(visit)
    return found
