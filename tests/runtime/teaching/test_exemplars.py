"""What travels in the bundle, and what is refused."""

import numpy as np
import pytest
import teachable
from teachable import LABELS, WIDTH, certain, npz, seen

from edgetl.bundle import Bundle
from edgetl.errors import BundleError, DamagedBundleError
from edgetl.runtime.teaching import exemplars
from edgetl.runtime.teaching.exemplars import FEWEST, MOST_BYTES, Exemplars


def test_exemplars_survive_the_file(bundle: Bundle) -> None:
    written, found = teachable.known(), exemplars.read(bundle)
    for name in ("features", "labels", "answers"):
        np.testing.assert_array_equal(getattr(written, name), getattr(found, name))
    assert written.scale == found.scale


def test_embeddings_keep_three_digits_whatever_their_unit() -> None:
    for scale in (1e-8, 1.0, 1e8):
        rows = seen(0, 30) * np.float32(scale)
        kept = exemplars.pack(rows, np.zeros(30, np.int64), certain(np.zeros(30, np.int64)))
        restored = kept.features.astype(np.float64) * kept.scale
        np.testing.assert_allclose(restored, rows, rtol=1e-3, atol=1e-6 * rows.max())
        np.testing.assert_array_equal(kept.packed(rows), kept.features)


@pytest.mark.parametrize("width", [1, 64, 1280, 2048, 10_000, 25_000, 60_000])
def test_they_stay_small_and_are_enough_or_none(width: int) -> None:
    count = exemplars.most_pictures(width)
    assert count * width * 2 <= MOST_BYTES
    assert count == 0 or count >= FEWEST
    assert (count > 0) == (width <= 25_000)


def changed(**arrays: np.ndarray) -> bytes:
    return npz(**{**teachable.known().arrays(), **arrays})


def features(**change: float) -> np.ndarray:
    rows = teachable.known().features.copy()
    rows[3, 4] = change["value"]
    return rows


HOSTILE = {
    "no archive": b"words",
    "an object": changed(labels=np.array([None] * 120, object)),
    "an array more": changed(more=np.zeros(3)),
    "not a number": changed(features=features(value=np.nan)),
    "infinite": changed(features=features(value=np.inf)),
    "float32": changed(features=teachable.known().features.astype(np.float32)),
    "one axis": changed(features=np.zeros(120, np.float16)),
    "no features": changed(features=np.zeros((120, 0), np.float16)),
    "rows missing": changed(features=teachable.known().features[:50]),
    "a class beyond": changed(labels=np.full(120, len(LABELS), np.int32)),
    "a class before": changed(answers=np.full(120, -1, np.int32)),
    "int64": changed(labels=np.zeros(120, np.int64)),
    "no scale": changed(scale=np.zeros(0, np.float32)),
    "scale 0": changed(scale=np.zeros(1, np.float32)),
    "scale below": changed(scale=np.full(1, -1, np.float32)),
    "too few": npz(
        features=np.ones((3, WIDTH), np.float16),
        scale=np.ones(1, np.float32),
        labels=np.zeros(3, np.int32),
        answers=np.zeros(3, np.int32),
    ),
    "unpacks to too much": changed(features=np.zeros((100_000, WIDTH), np.float16)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_breaks_a_rule_is_refused_though_its_hash_is_right(bundle: Bundle, what: str) -> None:
    hostile = teachable.with_exemplars(bundle, HOSTILE[what])
    with pytest.raises(DamagedBundleError, match=r"exemplars\.npz: .*; export it anew"):
        exemplars.read(hostile)


def test_a_file_that_changed_is_never_read(bundle: Bundle) -> None:
    place = bundle.path / exemplars.FILE
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)
    with pytest.raises(DamagedBundleError, match="is not the file that was exported"):
        exemplars.read(bundle)


def test_a_file_larger_than_exemplars_can_be_is_not_opened(bundle: Bundle) -> None:
    large = teachable.with_exemplars(bundle, bytes(2 * MOST_BYTES + 1))
    with pytest.raises(BundleError, match="larger than exemplars can be"):
        exemplars.read(large)


def test_the_answers_are_those_of_the_model() -> None:
    truth, said = np.repeat([0, 1], 15), np.repeat([0, 2], 15)
    kept: Exemplars = exemplars.pack(seen(0, 30), truth, certain(said))
    np.testing.assert_array_equal(kept.answers, said)
    np.testing.assert_array_equal(kept.labels, truth)
