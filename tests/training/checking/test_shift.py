"""Splits of one source are not told apart, two sources are, and the interval keeps its promise."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.contract import Contract
from edgetl.training.arrays import Floats
from edgetl.training.checking import shift
from edgetl.training.checking.pictures import Picture
from edgetl.training.checking.subject import Subject
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.listing import Listing

SCORED = np.arange(80) % 2 == 0
LABELS = np.arange(80) // 2 % 2


def features(seed: int, distance: float = 0.0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(80, 30))
    drawn[SCORED, 0] += distance
    drawn[LABELS == 1] += 3  # classes that differ are no shift
    return drawn.astype(np.float32)


def test_one_source_is_hardly_ever_called_two() -> None:
    found = [shift.separate(features(seed), SCORED, LABELS, seed) for seed in range(40)]
    called = [one for one in found if one is not None and one.area.low > 0.5]
    assert len(called) <= 3


def test_two_sources_are_told_apart_in_each_class() -> None:
    found = shift.separate(features(1, distance=3.0), SCORED, LABELS)
    assert found is not None
    assert found.area.low > 0.8
    assert set(found.by_class) == {0, 1}


def test_more_of_one_class_in_test_is_no_shift() -> None:
    labels = np.where(SCORED, np.arange(80) % 8 == 0, np.arange(80) % 4 != 1).astype(np.int64)
    drawn = np.random.default_rng(0).normal(size=(80, 30)).astype(np.float32)
    drawn[labels == 1] += 3
    found = shift.separate(drawn, SCORED, labels)
    assert found is not None
    assert found.area.low <= 0.5


def test_too_few_photos_are_not_compared() -> None:
    assert shift.separate(features(0)[:30], SCORED[:30], LABELS[:30]) is None


def test_a_shift_is_found_in_very_many_classes_of_few_photos() -> None:
    classes, each = 400, 12
    folder = Path("data")
    labels = tuple(f"{number:03}" for number in range(classes))
    photos = tuple(
        Photo(folder / f"{split}-{label}-{number}.jpg", label, split, f"{place:064x}")
        for place, (label, split, number) in enumerate(
            itertools.product(range(classes), ("train", "test"), range(each))
        )
    )
    drawn = np.random.default_rng(0).normal(size=(len(photos), 30)).astype(np.float32)
    drawn[[photo.split == "test" for photo in photos], 0] += 3
    rows = {photo.sha256: row for photo, row in zip(photos, drawn, strict=True)}
    seen = {photo.sha256: Picture(64, 48, 1, 99.0, 99.0, 9.0, 9.0, "JPEG", "RGB", "", "") for photo in photos}
    dataset = Dataset(folder, labels, photos)
    subject = Subject(Listing(folder, ()), (), dataset, False, Contract(224, 224), seen, {})
    looked_at: list[Photo] = []

    def of(chosen: Sequence[Photo]) -> Floats:
        looked_at.extend(chosen)
        return np.stack([rows[photo.sha256] for photo in chosen])

    (found,) = shift.find(subject, of)
    assert found.severity == "warning"
    assert len(looked_at) == 2 * shift._MOST


numbers = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12)


@given(numbers, numbers)
def test_pairs_are_counted_as_by_hand(one: list[float], other: list[float]) -> None:
    by_hand = sum((a > b) + 0.5 * (a == b) for a in one for b in other)
    assert shift._wins(np.array(one), np.array(other)) == by_hand


def test_the_error_of_the_area_is_that_of_the_paper() -> None:
    # Hanley and McNeil 1982: 51 abnormal and 58 normal images, area 0.893, standard error 0.032.
    assert math.sqrt(shift._variance(0.893, 51, 58)) == pytest.approx(0.032, abs=0.001)
