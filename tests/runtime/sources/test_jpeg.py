import io
import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import encoded, scene

from edgetl.runtime.sources.jpeg import JpegCutter

THUMBNAIL = encoded(scene(16, 12))
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + THUMBNAIL
PICTURES = {
    "baseline": encoded(scene(40, 30)),
    "noise, with many stuffed bytes": encoded(
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), "uint8")),
        quality=98,
    ),
    "progressive, with several scans": encoded(scene(64, 48), progressive=True),
    "restart markers": encoded(scene(64, 48), restart_marker_blocks=1),
    "a thumbnail in EXIF": encoded(scene(40, 30), exif=EXIF),
    "a comment that looks like the end": encoded(scene(8, 8), comment=b"\xff\xd9\xff\xd8\xff\xe0"),
    "fill bytes before a marker": encoded(scene(8, 8)).replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),
    "grey": encoded(scene(33, 17).convert("L")),
}
pictures = st.sampled_from(sorted(PICTURES)).map(PICTURES.__getitem__)
# What a multipart stream has between its pictures, and worse; a start of a picture is for the tests below.
rubbish = st.binary(max_size=40).map(lambda data: data.replace(b"\xff\xd8", b"\xff\xd7"))


def cut(stream: bytes, sizes: list[int], cutter: JpegCutter | None = None) -> list[bytes]:
    """The pictures found when the stream comes in parts of these sizes, over and over."""
    cutter = cutter or JpegCutter()
    found: list[bytes] = []
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        found += cutter.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    return found


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_of_each_kind_is_cut_byte_by_byte(kind: str) -> None:
    picture = PICTURES[kind]
    assert cut(picture * 3, [1]) == [picture] * 3
    assert Image.open(io.BytesIO(picture)).format == "JPEG"


@given(
    st.lists(st.tuples(rubbish, pictures), max_size=6), rubbish, st.lists(st.integers(1, 5000), min_size=1)
)
def test_pictures_are_the_same_however_the_stream_is_divided_and_rubbish_is_skipped(
    parts: list[tuple[bytes, bytes]], end: bytes, sizes: list[int]
) -> None:
    stream = b"".join(before + picture for before, picture in parts) + end
    assert cut(stream, sizes) == [picture for _, picture in parts]


@given(
    st.lists(
        st.one_of(
            pictures,
            pictures.flatmap(lambda picture: st.integers(0, len(picture)).map(lambda size: picture[:size])),
            st.binary(max_size=50),
            st.lists(
                st.sampled_from([b"\xff", b"\xd8", b"\xff\xd8\xff", b"\xd9", b"\xe1", b"\0", b"\x02"])
            ).map(b"".join),
        ),
        max_size=8,
    ),
    st.lists(st.integers(1, 3000), min_size=1),
    st.integers(16, 8000),
)
def test_whatever_comes_the_division_makes_no_difference(
    parts: list[bytes], sizes: list[int], limit: int
) -> None:
    stream = b"".join(parts)
    found = cut(stream, sizes, JpegCutter(limit))
    assert found == cut(stream, [1], JpegCutter(limit)) == list(JpegCutter(limit).feed(stream))
    assert all(len(picture) <= limit and picture in stream for picture in found)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"\xff\xd8\xff\xe0\0\1", id="a length too small for itself"),
        pytest.param(b"\xff\xd8\xff\0", id="no marker"),
        pytest.param(b"\xff\xd8\xff\xe0\0\2words", id="words in place of a marker"),
        pytest.param(b"\xff\xd8", id="a start twice"),
    ],
)
def test_what_only_begins_like_a_picture_is_skipped(start: bytes) -> None:
    whole = PICTURES["baseline"]
    assert cut(start + whole + start + whole, [1]) == [whole, whole]


@given(pictures, st.data())
def test_after_a_picture_that_breaks_off_the_next_ones_are_found(picture: bytes, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(picture) - 1))
    whole = PICTURES["baseline"]
    # A length that breaks off may be read as 64 KiB; the picture in which that ends is lost too.
    count = 3 + 65536 // len(whole)
    found = cut(picture[:size] + whole * count, [700])
    assert found[-2:] == [whole, whole]
    # What is lost lies in one that only looks like a picture: what broke off, followed by a false length.
    false = [len(other) // len(whole) + 1 for other in found if other != whole]
    assert count - found.count(whole) <= 1 + sum(false)
    assert len(false) <= 1


def test_a_picture_over_the_limit_is_skipped_and_the_next_one_found() -> None:
    small, large = PICTURES["baseline"], PICTURES["noise, with many stuffed bytes"]
    assert len(small) < 2000 < len(large)
    assert cut(small + large + small + small, [100], JpegCutter(2000))[0] == small
    assert cut(small + large + small + small, [100], JpegCutter(2000))[-1] == small
    assert large not in cut(small + large + small, [100], JpegCutter(2000))


@pytest.mark.parametrize("head", [b"", b"\xff\xd8\xff\xda\0\x02", b"\xff\xd8\xff\xe1\xff\xff"])
def test_memory_stays_bounded_however_long_the_rubbish(head: bytes) -> None:
    limit, part = 100_000, random.Random(0).randbytes(50_000).replace(b"\xff", b"\xfe")
    cutter = JpegCutter(limit)
    assert list(cutter.feed(head)) == []
    tracemalloc.start()
    try:
        for _ in range(200):
            assert list(cutter.feed(part)) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * (limit + len(part))  # ten million bytes came
