"""Other versions of a photo: drawn by numbers alone, and still the same photo."""

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from edgetl.images import Pixels
from edgetl.training.tuning import augment
from edgetl.training.tuning.options import AUGMENTS, views

PHOTO = np.asarray(support.scene(48, 48))


@given(
    kind=st.sampled_from(AUGMENTS),
    number=st.integers(0, 20),
    seed=st.tuples(st.integers(0, 2**40), st.integers(0, 99)),
)
def test_the_same_numbers_give_the_same_pixels(kind: str, number: int, seed: tuple[int, int]) -> None:
    first = augment.view(PHOTO, number, augment=kind, seed=seed)
    assert np.array_equal(first, augment.view(PHOTO.copy(), number, augment=kind, seed=seed))
    assert (first.shape, first.dtype) == (PHOTO.shape, np.uint8)


@pytest.mark.parametrize("kind", AUGMENTS)
def test_version_0_is_the_photo_itself(kind: str) -> None:
    assert np.array_equal(augment.view(PHOTO, 0, augment=kind, seed=(1, 2)), PHOTO)


@pytest.mark.parametrize("kind", AUGMENTS)
def test_all_versions_of_a_photo_differ(kind: str) -> None:
    made = {augment.view(PHOTO, number, augment=kind, seed=(1, 2)).tobytes() for number in range(views(kind))}
    assert len(made) == views(kind)


@given(number=st.integers(0, 7), height=st.integers(1, 9), width=st.integers(1, 9))
def test_turns_lose_no_pixel_and_keep_the_shape(number: int, height: int, width: int) -> None:
    pixels: Pixels = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    turned = augment.turned(pixels, number)
    assert turned.shape == pixels.shape
    assert sorted(map(tuple, turned.reshape(-1, 3).tolist())) == sorted(
        map(tuple, pixels.reshape(-1, 3).tolist())
    )


@given(seed=st.integers(0, 2**32))
def test_strong_versions_still_look_like_the_photo(seed: int) -> None:
    grey = np.full((32, 32, 3), 128, np.uint8)
    changed = augment.strong(grey, np.random.default_rng(seed))
    # A grey wall stays one value wherever nothing was erased, and at most 15 % is.
    _, counts = np.unique(changed.reshape(-1, 3), axis=0, return_counts=True)
    assert counts.max() >= 0.8 * 32 * 32


def test_other_photos_and_epochs_draw_other_versions() -> None:
    made = {
        augment.view(PHOTO, 3, augment="strong", seed=(0, e, p)).tobytes() for e in range(3) for p in range(3)
    }
    assert len(made) == 9
