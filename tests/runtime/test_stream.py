"""Frames of a source and what a model says of them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import encoded, scene, write_fake_bundle

import edgetl
from edgetl.bundle import Bundle
from edgetl.errors import ImageError, UsageError
from edgetl.images import Source
from edgetl.runtime.base import AbstractEngine, Images, Outputs
from edgetl.runtime.classifier import Classifier
from edgetl.runtime.loaded import Loaded
from edgetl.runtime.sources import AbstractSource, Frame
from edgetl.runtime.stream import stream

FloatRows = NDArray[np.float32]


class Shown(AbstractSource):
    """Gives pictures, and notes what is asked of it."""

    def __init__(self, *pictures: Source, live: bool = True) -> None:
        self.live = live
        self.asked = 0
        self.closed = False
        self._pictures = pictures

    def _next(self) -> Frame | None:
        if self.closed or self.asked == len(self._pictures):
            return None
        self.asked += 1
        return Frame(f"picture {self.asked}", self._pictures[self.asked - 1], self.asked - 1, 0.0)

    def close(self) -> None:
        self.closed = True


class Reddish(AbstractEngine):
    """Answers (1 - red, red), red being that of the first pixel, 0 to 1."""

    name = "fake"

    def _load(self, files: Mapping[str, bytes]) -> None:
        self.input_shape = (32, 32, 3)

    def _run_one(self, image: Images) -> Outputs:
        red = float(image[0, 0, 0, 0]) / 255
        return (np.array([[1 - red, red]], np.float32),)

    def _free(self) -> None:
        pass


def of_red(red: float) -> Source:
    return np.full((32, 32, 3), round(255 * red), np.uint8)


@pytest.fixture(scope="module")
def reddish(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Says whether a picture is red; unsure under 0.6."""
    folder = write_fake_bundle(
        tmp_path_factory.mktemp("bundle") / "reds.edgetl",
        labels=("grey", "red"),
        probabilities=(0.5, 0.5),
        reject_threshold=0.6,
    )
    bundle = Bundle.open(folder)
    return Classifier(Loaded(bundle, bundle.manifest.variants[0], Reddish({}, num_threads=1)))


def test_each_frame_gets_its_answer(reddish: Classifier) -> None:
    seen = list(stream(reddish, Shown(of_red(1), of_red(0), of_red(0.5), of_red(0.5), of_red(0))))
    assert [one.frame.name for one in seen] == [f"picture {number}" for number in range(1, 6)]
    assert [one.label for one in seen] == ["red", "grey", None, None, "grey"]
    assert [one.changed for one in seen] == [True, True, True, False, True]
    assert [one.result.label for one in seen[:2]] == ["red", "grey"]


def test_the_first_answer_is_a_change_also_where_it_is_unknown(reddish: Classifier) -> None:
    assert [one.changed for one in stream(reddish, Shown(of_red(0.5), of_red(0.5)))] == [True, False]


@given(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.integers(1, 6))
def test_smoothing_averages_the_last_frames(reddish: Classifier, reds: list[int], smooth: int) -> None:
    pictures = [np.full((32, 32, 3), red, np.uint8) for red in reds]
    for place, seen in enumerate(stream(reddish, Shown(*pictures), smooth=smooth)):
        expected = np.mean(reds[max(0, place - smooth + 1) : place + 1]) / 255
        assert seen.result.probabilities[1] == pytest.approx(expected, abs=1e-5)
        assert seen.result.score == pytest.approx(max(expected, 1 - expected), abs=1e-5)
        assert seen.result.probabilities.dtype == np.float32


class Taught:
    """A class that is taught while frames are being answered."""

    labels = ("new",)

    def extend(self, rows: FloatRows, features: FloatRows) -> FloatRows:
        return np.array([[0.1, 0.2, 0.7]], np.float32)


def test_smoothing_leaves_out_the_answers_before_a_class_was_taught(
    reddish: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reddish._current.loaded, "learned", None)
    run = reddish.engine.run
    monkeypatch.setattr(reddish.engine, "run", lambda image: (*run(image), np.zeros((1, 4), np.float32)))
    answers = stream(reddish, Shown(*[of_red(1)] * 3), smooth=3)
    assert next(answers).result.labels == ("grey", "red")
    monkeypatch.setattr(reddish._current.loaded, "learned", Taught())
    seen = next(answers)
    assert (seen.label, seen.result.labels) == ("new", ("grey", "red", "new"))
    assert seen.result.score == pytest.approx(0.7)


@pytest.mark.parametrize("smooth", [0, -3])
def test_fewer_than_one_frame_cannot_be_averaged(reddish: Classifier, smooth: int) -> None:
    source = Shown(of_red(1))
    with pytest.raises(UsageError, match=f"{smooth} frames cannot be averaged: smooth over 1 or more"):
        stream(reddish, source, smooth=smooth)
    assert source.closed


def test_a_live_source_is_asked_for_one_frame_at_a_time(reddish: Classifier) -> None:
    source = Shown(*[of_red(1)] * 20)
    for number, seen in enumerate(stream(reddish, source), start=1):
        assert source.asked == number  # taken earlier, it would be old when its turn comes
        assert seen.frame.index == number - 1


def test_the_source_is_closed_in_the_end_however_it_ends(reddish: Classifier) -> None:
    at_the_end, early, unbegun, failed = (Shown(*[of_red(1)] * 9) for _ in range(4))
    assert len(list(stream(reddish, at_the_end))) == 9
    answers = stream(reddish, early)
    next(answers)
    answers.close()
    stream(reddish, unbegun).close()
    failed._pictures = (b"words",)
    with pytest.raises(ImageError):
        next(stream(reddish, failed))
    assert [source.closed for source in (at_the_end, early, unbegun, failed)] == [True] * 4
    assert unbegun.asked == 0


@pytest.mark.parametrize("live", [True, False])
def test_what_is_no_picture_is_told_and_left_out(tmp_path: Path, live: bool) -> None:
    photo = encoded(scene())
    errors: list[ImageError] = []
    with edgetl.load(write_fake_bundle(tmp_path / "insects.edgetl")) as model:
        source = Shown(b"words", photo, b"", photo, live=live)
        seen = list(stream(model, source, on_error=errors.append))
        assert [(one.frame.index, one.changed) for one in seen] == [(1, True), (3, False)]
        assert len(errors) == 2
        with pytest.raises(ImageError, match="is no picture"):
            list(stream(model, Shown(photo, b"words", photo, live=live)))


def test_the_classifier_hands_errors_on(tmp_path: Path) -> None:
    errors: list[ImageError] = []
    with edgetl.load(write_fake_bundle(tmp_path / "insects.edgetl")) as model:
        assert len(list(model.stream([b"words", encoded(scene())], on_error=errors.append))) == 1
    assert len(errors) == 1


def test_a_single_picture_starts_no_further_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encoded(scene()))
    with edgetl.load(write_fake_bundle(tmp_path / "insects.edgetl")) as model:

        def no_other() -> AbstractEngine:
            raise AssertionError("another engine was started")

        monkeypatch.setattr(model._current.loaded.engines, "_start", no_other)
        for source in (photo, str(photo), photo.read_bytes(), tmp_path / "*.jpg", [photo]):
            assert [seen.label for seen in model.stream(source)] == ["bee"]


_SOAK = """
import os, sys
import numpy as np
import edgetl

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def pictures(count):
    for number in range(count):
        yield np.full((240, 320, 3), number % 256, np.uint8)

with edgetl.load(sys.argv[1], "tflite-int8") as model:
    for count in (300, 3000):
        before = resident()
        assert sum(1 for _ in model.classify_many(pictures(count))) == count
        assert sum(1 for _ in model.stream(pictures(count), smooth=3)) == count
print(resident() - before)
"""


def test_thousands_of_pictures_do_not_grow_the_memory(colour_bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SOAK, str(colour_bundle)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    # A picture is 230 kB: one kept of each call would be 690 MB.
    assert int(done.stdout) < 20_000_000
