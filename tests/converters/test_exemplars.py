"""Exemplars that travel with ``--embedding``: which pictures, how many, and the same bytes twice."""

import hashlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

import edgetl
from edgetl import isolated
from edgetl.bundle import Bundle
from edgetl.contract import Contract
from edgetl.converters import exemplars as noting
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.calibration import PixelSet, stratified
from edgetl.converters.export import Exported
from edgetl.converters.formats import FORMATS
from edgetl.converters.subject import Subject
from edgetl.manifest import FileEntry
from edgetl.progress import Progress
from edgetl.runtime import engines, teaching
from edgetl.runtime.base import AbstractEngine, Images, Outputs
from edgetl.runtime.teaching import exemplars
from edgetl.runtime.teaching.exemplars import FEWEST, Exemplars
from edgetl.training.dataset import Photo

OPTIONS = ModelOptions.from_values({"normalise": "unit", "resize": "squash"})
CONTRACT = Contract(8, 8, labels=("ant", "bee"))


class Heard(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class Eyes(AbstractEngine):
    """Sees the mean of the picture, ``width`` times, and takes all for bees."""

    name = "eyes"
    width: ClassVar[int] = 4

    def _load(self, files: Any) -> None:
        self.input_shape = CONTRACT.shape

    def _run_one(self, image: Images) -> Outputs:
        features = np.full((1, 1, 1, self.width), image.mean(), np.float32)
        return np.array([[0.3, 0.7]], np.float32), features

    def _free(self) -> None:
        """Nothing to free."""


@pytest.fixture
def eyes(monkeypatch: pytest.MonkeyPatch) -> type[Eyes]:
    monkeypatch.setattr(engines, "start", lambda *_, **__: Eyes({}, num_threads=1))
    monkeypatch.setattr(Eyes, "width", 4)
    return Eyes


def subject(folder: Path, count: int, *, brightest: int = 250) -> Subject:
    """``count`` grey pictures of two classes, each of another brightness."""
    folder.mkdir()
    photos = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.new("RGB", (8, 8), (min(5 + number, brightest),) * 3).save(path)
        # The text makes each file another one.
        path.write_bytes(path.read_bytes() + str(number).encode())
        photos.append(Photo(path, number % 2, "train", hashlib.sha256(path.read_bytes()).hexdigest()))
    return Subject("m", folder, CONTRACT, tuple(photos), (), "test", folder, None, {})


def note(item: Subject, calibrating: PixelSet | None, room: Path, heard: Progress) -> Exemplars | None:
    room.mkdir()
    (room / FORMATS["tflite"].graph).write_bytes(b"graph")
    return noting.note(item, calibrating, FORMATS["tflite"], room, heard, threads=1)


def brightness(found: Exemplars) -> list[int]:
    return [round(float(row[0]) * found.scale) for row in found.features]


def test_pictures_are_taken_evenly_from_the_classes_with_their_labels(
    tmp_path: Path, eyes: type[Eyes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exemplars, "MOST_BYTES", 30 * 2 * eyes.width)
    item = subject(tmp_path / "photos", 80)
    found = note(item, None, tmp_path / "room", Heard())
    assert found is not None
    assert np.bincount(found.labels).tolist() == [15, 15]
    assert found.answers.tolist() == [1] * 30
    chosen = stratified(item.photos, 30)
    assert brightness(found) == [5 + int(photo.path.stem) for photo in chosen]
    np.testing.assert_array_equal(found.labels, [photo.label for photo in chosen])


def test_calibration_pictures_are_not_decoded_again(tmp_path: Path, eyes: type[Eyes]) -> None:
    item = subject(tmp_path / "photos", 40)
    fresh = note(item, None, tmp_path / "fresh", Heard())
    photos = stratified(item.photos, 40)
    values = [5 + int(photo.path.stem) for photo in photos]
    np.save(tmp_path / "c.npy", np.full((40, 8, 8, 3), 1, np.uint8) * np.uint8(values)[:, None, None, None])
    (tmp_path / "photos").rename(tmp_path / "gone")
    again = note(item, PixelSet(tmp_path / "c.npy", photos), tmp_path / "again", Heard())
    assert fresh is not None
    assert again is not None
    np.testing.assert_array_equal(fresh.features, again.features)
    np.testing.assert_array_equal(fresh.labels, again.labels)


def test_few_calibration_pictures_do_not_make_few_exemplars(tmp_path: Path, eyes: type[Eyes]) -> None:
    item = subject(tmp_path / "photos", 60)
    few = PixelSet(tmp_path / "none.npy", stratified(item.photos, 10))
    found = note(item, few, tmp_path / "room", Heard())
    assert found is not None
    assert len(found.labels) == 60


@pytest.mark.parametrize(
    ("count", "width", "brightest", "reason"),
    [
        (
            FEWEST - 1,
            4,
            250,
            f"of {FEWEST - 1} pictures with embeddings of 4 features {FEWEST - 1} may travel",
        ),
        (30, 60_000, 250, "of 30 pictures with embeddings of 60000 features 0 may travel"),
        (30, 4, 0, "its embeddings are no numbers, or zero"),
    ],
)
def test_a_bundle_that_can_be_taught_nothing_says_why(
    tmp_path: Path, eyes: type[Eyes], count: int, width: int, brightest: int, reason: str
) -> None:
    eyes.width = width
    heard = Heard()
    assert note(subject(tmp_path / "p", count, brightest=brightest), None, tmp_path / "room", heard) is None
    assert len(heard.warnings) == 1
    assert "can be taught no classes" in heard.warnings[0]
    assert reason in heard.warnings[0]
    assert noting.write(tmp_path, None) is None


# --- in a bundle ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(solar_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, trained on the photos without edgetl."""
    folder = tmp_path_factory.mktemp("own")
    isolated.call("trained_models:save", solar_photos, folder, doing="training a small model")
    return folder / "own.keras"


def export(own: Path, photos: Path, out: Path) -> Exported:
    return edgetl.export(
        own,
        data=photos,
        options=OPTIONS,
        formats="tflite",
        precisions="float32,int8",
        calibration_images=40,
        max_drop=100,
        min_agreement=0,
        embedding=True,
        out=out,
    )


@pytest.fixture(scope="module")
def exported(own: Path, solar_photos: Path) -> Exported:
    return export(own, solar_photos, own.parent / "cells.edgetl")


def test_exemplars_are_of_pictures_that_were_not_scored(exported: Exported, solar_photos: Path) -> None:
    bundle = exported.bundle
    found = exemplars.read(bundle)
    # All 80 train photos, though 40 calibrate; none of the 60 test photos.
    assert np.bincount(found.labels).tolist() == [40, 40]
    with edgetl.load(bundle.path, "tflite-float32") as model:
        train, test = (
            np.stack([model.classify(path).embedding for path in sorted(solar_photos.glob(f"{split}/*/*"))])
            for split in ("train", "test")
        )
    kept = {row.tobytes() for row in found.features}
    assert kept == {row.tobytes() for row in found.packed(train)}
    assert not kept & {row.tobytes() for row in found.packed(test)}


def test_the_same_model_exported_twice_has_the_same_exemplars(
    exported: Exported, own: Path, solar_photos: Path, tmp_path: Path
) -> None:
    again = export(own, solar_photos, tmp_path / "again.edgetl")
    first, second = (bundle.manifest.exemplars for bundle in (exported.bundle, again.bundle))
    assert isinstance(first, FileEntry)
    assert first == second


@pytest.mark.parametrize("variant", ["tflite-float32", "tflite-int8"])
def test_a_third_class_is_taught_with_a_real_model(
    exported: Exported, solar_photos: Path, variant: str
) -> None:
    bundle: Bundle = exported.bundle
    random = np.random.default_rng(0)
    # Chequered in two colours, finer and coarser; the cells are grey.
    colourful = [
        np.kron(
            random.integers(0, 256, (2, 2, 3)), np.ones((int(random.integers(5, 40)),) * 2 + (1,), int)
        ).astype(np.uint8)
        for _ in range(30)
    ]
    cells = sorted(solar_photos.glob("test/*/*"))
    with edgetl.load(bundle.path, variant) as model:
        before = [model.classify(path).label for path in cells]
        model.teach("chequered", colourful[:15])
        right = [model.classify(picture).label == "chequered" for picture in colourful[15:]]
        assert sum(right) >= 12
        after = [model.classify(path).label for path in cells]
        assert sum(old != new for old, new in zip(before, after, strict=True)) <= 1
    with edgetl.load(bundle.path, variant) as model:
        assert right == [model.classify(picture).label == "chequered" for picture in colourful[15:]]
        model.forget("chequered")
        assert before == [model.classify(path).label for path in cells]
    assert not teaching.place(bundle).exists()
