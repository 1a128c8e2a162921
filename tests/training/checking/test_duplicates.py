import contextlib
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgetl.training.checking import duplicates
from edgetl.training.checking.duplicates import alignment, finding, groups, judging, places, space
from edgetl.training.checking.duplicates.groups import Link
from edgetl.training.dataset import Photo
from edgetl.training.features import FeatureTable, shards


def photo(path: Path, split: str = "train") -> Photo:
    return Photo(path, 0, split, hashlib.sha256(path.read_bytes()).hexdigest())


def altered(image: Image.Image, kind: str) -> bytes:
    width, height = image.size
    if kind == "re-encoded":
        return support.encoded(image, quality=70)
    if kind == "resized":
        image = image.resize((width * 6 // 10, height * 6 // 10))
    elif kind == "flipped":
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif kind == "cropped":
        image = image.crop((width // 20, height // 20, width - width // 20, height))
    elif kind == "turned":
        image = image.transpose(Image.Transpose.ROTATE_90)
    return support.encoded(image, quality=90)


@pytest.fixture(scope="module")
def planted(hymenoptera: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Photo]:
    """60 real photos; of the first six a copy of each kind."""
    folder = tmp_path_factory.mktemp("planted")
    originals = sorted((hymenoptera / "train").rglob("*.jpg"))[::4][:60]
    photos = [photo(path) for path in originals]
    for number, kind in enumerate(("re-encoded", "resized", "flipped", "cropped", "turned", "copied")):
        data = originals[number].read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            place = folder / f"{kind}.jpg"
            place.write_bytes(data if kind == "copied" else altered(image, kind))
        photos.append(photo(place, "val"))
    return photos


@pytest.fixture(scope="module")
def found(planted: list[Photo]) -> tuple[duplicates.Group, ...]:
    return duplicates.find(planted)


def test_finds_the_planted_copies_and_nothing_else(
    planted: list[Photo], found: tuple[duplicates.Group, ...]
) -> None:
    pairs = {(group.kind, tuple(planted.index(photo) for photo in group.photos)) for group in found}
    assert {("exact", (5, 65)), *(("copy", (place, 60 + place)) for place in range(5))} == pairs
    assert all(0 < group.score <= 1 for group in found)


def test_the_order_of_the_photos_changes_nothing(
    planted: list[Photo], found: tuple[duplicates.Group, ...]
) -> None:
    order = np.random.default_rng(0).permutation(len(planted))
    again = duplicates.find([planted[place] for place in order])
    assert {(frozenset(g.photos), g.kind, g.score) for g in found} == {
        (frozenset(g.photos), g.kind, g.score) for g in again
    }


def test_features_only_add_candidates(
    planted: list[Photo], found: tuple[duplicates.Group, ...], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    with contextlib.closing(shards.Writer(tmp_path)) as writer:
        for digest in {photo.sha256 for photo in planted}:
            writer.add(digest, random.normal(size=8).astype(np.float32))
    assert found == duplicates.find(planted, FeatureTable(tmp_path))


def test_a_moved_camera_gives_a_similar_photo(hymenoptera: Path, tmp_path: Path) -> None:
    photos = []
    for path in sorted((hymenoptera / "train" / "bees").glob("*.jpg"))[:5]:
        with Image.open(path) as image:
            width, height = image.size
            frames = [image, image.rotate(2, Image.Resampling.BICUBIC, translate=(width * 0.03, 0))]
            box = (width // 12, height // 12, width - width // 12, height - height // 12)
            for number, frame in enumerate(frames):
                place = tmp_path / f"{path.stem}-{number}.jpg"
                place.write_bytes(support.encoded(frame.crop(box), quality=90))
                photos.append(photo(place))
    assert [("similar", tuple(photos[place : place + 2])) for place in range(0, 10, 2)] == [
        (group.kind, group.photos) for group in duplicates.find(photos)
    ]


def test_photos_that_cannot_be_decoded_are_compared_by_their_bytes(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no picture")
    photos = [photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg")]
    assert (duplicates.Group(tuple(photos), "exact", 1.0),) == duplicates.find(photos)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_photos_and_plain_colours_are_no_duplicates(count: int, tmp_path: Path) -> None:
    photos = []
    for number in range(count):
        place = tmp_path / f"{number}.png"
        place.write_bytes(support.encoded(Image.new("RGB", (50, 40), (90 * number, 200, 10)), "PNG"))
        photos.append(photo(place))
    assert duplicates.find(photos) == ()


@given(st.sampled_from(places.TURNS), st.sampled_from([(0.0, 0.0), (0.05, 0.0), (0.025, 0.05)]))
def test_a_place_says_where_a_view_lies(turn: tuple[bool, bool, bool], cut: tuple[float, float]) -> None:
    side = 64
    thumbnail = np.asarray(support.scene(side, side).convert("L"), np.float32)[None]
    whole = space.cosines()
    coefficients = whole @ thumbnail @ space.cropped(*cut).T
    rows = space.normalised(coefficients) @ places.turned(np.eye(space.WAVES**2 - 1, dtype=np.float32), turn)
    moved, inside = alignment.moved(thumbnail, places.inverse(places.place(cut, (0, 0), turn)[None]))
    assert inside.mean() > 0.99
    expected = space.normalised(whole @ moved.reshape(1, side, side) @ whole.T)
    assert np.abs(expected - rows).max() < 0.02


def test_alignment_finds_a_small_turn_and_shift() -> None:
    scene = np.asarray(support.scene(96, 96).convert("L").resize((64, 64)), np.float32)[None]
    texture = np.random.default_rng(0).normal(0, 20, (1, 16, 16)).astype(np.float32).repeat(4, 1).repeat(4, 2)
    first = alignment.blurred(scene + texture, 1.0)
    truth = np.array([[[0.999, -0.03, 0.04], [0.03, 0.999, -0.05]]], np.float32)
    second = alignment.moved(first, places.inverse(truth))[0].reshape(first.shape)
    start = places.place((0, 0), (0, 0), places.TURNS[0])[None]
    found, score = alignment.align(first, second, start, 8)
    assert np.abs(found - truth).max() < 0.01
    assert score[0] > 0.97


def test_agreement_is_the_same_in_both_directions() -> None:
    random = np.random.default_rng(0)
    first = random.normal(100, 20, (3, 128, 128)).astype(np.float32)
    second = first + random.normal(0, 10, first.shape).astype(np.float32)
    here = np.tile(places.place((0, 0), (0, 0), places.TURNS[0]), (3, 1, 1))
    assert np.allclose(
        judging.agreement(first, second, here), judging.agreement(second, first, here), atol=1e-4
    )


def test_turned_by_right_angles_is_upright_and_turned_by_two_degrees_is_not() -> None:
    angle = np.deg2rad(2)
    turn = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]]
    quarter = [[0, -1.05, 0.05], [1, 0, 0]]
    assert finding.upright(np.array([turn, quarter], np.float32)).tolist() == [False, True]


def test_one_wrong_link_does_not_join_two_groups() -> None:
    links = [
        Link(0, 1, 0.9),
        Link(1, 2, 0.9),
        Link(0, 2, 0.9),
        Link(3, 4, 0.9),
        Link(4, 5, 0.9),
        Link(3, 5, 0.9),
    ]
    assert groups.joined(6, [*links, Link(2, 3, 0.5)]) == [([0, 1, 2], 0.9), ([3, 4, 5], 0.9)]


@given(st.permutations(range(6)))
def test_the_frames_of_a_pan_come_together(order: list[int]) -> None:
    links = [Link(place, place + 1, 0.5 + place / 100) for place in range(6)]
    assert [(list(range(7)), 0.5)] == groups.joined(7, [links[place] for place in order])
