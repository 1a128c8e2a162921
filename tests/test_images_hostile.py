"""Hostile pictures: a typed error or right pixels, within two seconds of CPU time and bounded memory.

Tens of thousands of pictures are damaged in every way that ``picture_mutations`` knows, and decoded by
``picture_worker`` in processes of their own, so that a crash is seen as one. What is proved of each of them:

* It ends in :class:`ImageError` with one line of reason, or in uint8 pixels of the contract's shape.
* It takes less than 2 s of CPU time, which the kernel enforces, and at most 96 MB and 20 bytes for each pixel
  that its header states, by the peak of resident memory.
* The pixels are the same when it is decoded again, in the same process and, for some, in another; from a
  path, an open file and a stream that gives a few bytes at a time.
* At full size, where edgetl reduces, crops and resizes nothing, they are those of plain Pillow, to the bit;
  where it is transparent, those of exact arithmetic within one.
* A file that was cut off is refused, or decodes to the pixels of the whole file: all that shows is there.

What is not proved: that damaged coefficients of a JPEG or WebP are found out, since these formats have no
checksums, and that Pillow's pixels are the right ones. For the latter see the second decoder below, OpenCV,
which comes with libraries of its own.
"""

import hashlib
import io
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import deep
import numpy as np
import picture_bombs
import picture_mutations
import picture_samples
import pytest
from picture_samples import chunk
from PIL import Image, ImageFile
from support import encoded, scene

from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import ImageError
from edgetl.pictures import jpeg

HERE = Path(__file__).parent
KEPT = deep.CORPUS / "pictures"
CASES = deep.cases(20_000, 500_000)
BATCH = 2500
WALL_S = 180  # what waits for ever uses no CPU time
SMALL = Contract(24, 32)
REFUSED = ("tiff float", "tiff group3", "tiff group4", "tiff jpeg")

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(),
    reason="peak memory and CPU limits are measured as Linux has them",
)


def work(folder: Path, *words: object, cpu_s: float = 2) -> dict[str, Any]:
    """What a worker says; of one that died, which case it was."""
    notes = folder / f"notes-{hashlib.sha256(repr(words).encode()).hexdigest()[:16]}"
    variables = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(HERE), "PICTURE_CPU_S": str(cpu_s)}
    command = [sys.executable, HERE / "picture_worker.py", notes, *words]
    try:
        done = subprocess.run(
            [str(word) for word in command],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=WALL_S,
            check=False,
        )
        ended = f"ended with {done.returncode}: {done.stderr[-400:]}"
        if done.returncode == 0 and not done.stderr:
            told = json.loads(done.stdout)
            assert isinstance(told, dict)
            return told
    except subprocess.TimeoutExpired:
        ended = f"hangs after {WALL_S} s"
    case = notes.read_text().strip()
    return {"failures": [{"case": case, "what": "", "error": ended}], "outcomes": {}, "digest": ""}


def keep(failures: list[dict[str, str]]) -> None:
    """Put the files of failed cases where every run replays them."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for failure in failures:
        if failure["case"].isdigit():
            what, _, data = picture_mutations.picture(int(failure["case"]))
            name = f"{what.split(':')[0].replace(' ', '-')}-{hashlib.sha256(data).hexdigest()[:12]}"
            (KEPT / name).write_bytes(data)


def test_damaged_pictures_end_in_a_typed_error_or_right_pixels(tmp_path: Path) -> None:
    starts = range(0, CASES, BATCH)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda start: work(tmp_path, start, min(start + BATCH, CASES)), starts))
    failures = [failure for one in told for failure in one["failures"]]
    keep(failures)
    assert failures == []
    outcomes = {name: sum(one["outcomes"].get(name, 0) for one in told) for name in ("decoded", "refused")}
    assert sum(outcomes.values()) == CASES
    # Were nearly all refused at the first byte, or none, the mutations would test nothing.
    assert outcomes["decoded"] > CASES / 5
    assert outcomes["refused"] > CASES / 5
    again = random.Random(deep.SEED).choice(starts)
    same = work(tmp_path, again, min(again + BATCH, CASES))
    assert same["digest"] == told[again // BATCH]["digest"]
    report = {"slowest_s": max(one["slowest_s"] for one in told)}
    report["largest_bytes"] = max(one["largest_bytes"] for one in told)
    (tmp_path / "report.json").write_text(json.dumps(outcomes | report))
    if place := os.environ.get("EDGETL_REPORT"):
        shutil.copy(tmp_path / "report.json", place)


def test_what_once_failed_does_not_fail_again(tmp_path: Path) -> None:
    kept = sorted(KEPT.iterdir())
    assert kept
    assert work(tmp_path, *kept)["failures"] == []


def test_bombs_are_refused_at_the_cost_of_a_small_picture(tmp_path: Path) -> None:
    for number, (name, make) in enumerate(picture_bombs.bombs().items()):
        (tmp_path / f"{number:02d} {name}").write_bytes(make())
    told = work(tmp_path, *sorted(tmp_path.iterdir()))
    assert told["failures"] == []
    assert told["outcomes"] == {"refused": len(picture_bombs.bombs())}
    assert told["slowest_s"] < 0.5


@pytest.mark.parametrize("name", picture_bombs.largest() if deep.DEEP else ["webp", "progressive jpeg"])
def test_a_picture_of_all_the_pixels_allowed_takes_twenty_bytes_for_each(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.write_bytes(picture_bombs.largest()[name]())
    told = work(tmp_path, place, cpu_s=30)
    assert told["failures"] == []
    assert told["outcomes"] == {"decoded": 1}


# --- what is damaged is not accepted ----------------------------------------------------------------


def hostile(data: bytes) -> bool:
    with pytest.raises(ImageError, match="as no camera writes it"):
        images.decode(data, SMALL)
    return True


def refused(data: bytes) -> bool:
    try:
        images.decode(data, SMALL)
    except ImageError as error:
        assert re.search("truncated or damaged|is no picture|is empty|more than the limit", str(error))  # noqa: PT017
        return True
    return False


@pytest.mark.parametrize("name", [name for name in picture_samples.samples() if name not in REFUSED])
def test_a_picture_cut_anywhere_is_refused_unless_every_pixel_is_there(name: str) -> None:
    data = picture_samples.samples()[name]
    whole = images.decode(data, SMALL)
    step = 1 if deep.DEEP else max(1, len(data) // 60)
    for length in range(0, len(data), step):
        if not refused(data[:length]):
            assert np.array_equal(images.decode(data[:length], SMALL), whole), length


@pytest.mark.parametrize(
    "name", ["png colour", "png interlaced", "png palette", "png alpha", "png 16 bit colour"]
)
def test_every_flipped_bit_of_what_says_how_a_png_looks_is_found_out(name: str) -> None:
    data = picture_samples.samples()[name]
    chance = random.Random(deep.SEED)
    places = range(8, len(data)) if deep.DEEP else chance.sample(range(8, len(data)), 150)
    whole = images.decode(data, SMALL)
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << chance.randrange(8)
        if not refused(bytes(changed)):  # in a text, say
            assert np.array_equal(images.decode(bytes(changed), SMALL), whole), place


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"restart_marker_blocks": 3}, {"optimize": True}]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_whose_end_was_put_back_is_found_out(mode: str, options: dict[str, Any]) -> None:
    """Libjpeg shows grey from the cut on. What is cut within the last two blocks cannot be seen."""
    picture = scene(160, 120).convert(mode)
    data = encoded(picture, **options)
    start = data.index(b"\xff\xda") + 2
    whole = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    for end in range(start + 20, len(data) - 2, 1 if deep.DEEP else 29):
        cut = data[:end] + b"\xff\xd9"
        shown = np.asarray(Image.open(io.BytesIO(cut)).convert("RGB")).astype(int)
        wrong = np.abs(shown - whole).max(axis=2) > 0
        if wrong[:-16].any() or wrong[:, :-32].any():
            assert refused(cut), end


def test_a_whole_jpeg_that_ends_in_grey_is_taken() -> None:
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 1}):
        for picture in (Image.new("RGB", (90, 70), (128, 128, 128)), Image.new("L", (33, 17), 128)):
            decoded = images.load(encoded(picture, **options), SMALL)
            assert not decoded.truncated
            assert np.array_equal(np.unique(np.asarray(decoded.image)), [128])


@pytest.mark.parametrize("progressive", [True, False])
def test_a_photo_with_a_video_behind_it_is_taken(progressive: bool) -> None:
    """Motion photos: the video holds what would be scans in a picture, by chance and in thumbnails."""
    data = encoded(scene(160, 120), progressive=progressive)
    whole = images.decode(data, SMALL)
    video = b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08abcdef" * 100_000
    assert np.array_equal(images.decode(data + video, SMALL), whole)
    # Scans are counted as far as the picture goes: text between them may speak of its end, and ends nothing.
    last = data.rindex(b"\xff\xda")
    assert jpeg._scans_from(data + video, data.index(b"\xff\xda") + 2) == data.count(b"\xff\xda") - 1
    if progressive:
        words = b"\xff\xfe\0\x04\xff\xd9"
        again = data[:last] + words + data[last : data.index(b"\xff\xd9", last)] * 2000 + b"\xff\xd9"
        assert hostile(again)
        # Codes below those of segments have no length behind them that could hide a scan.
        hidden = data[last : data.index(b"\xff\xd9", last)]
        hidden = hidden + b"\xff\x02\xff\xff" + hidden * 2000
        assert hostile(data[:last] + hidden + b"\xff\xd9")
        # Nor is it walked through for ever.
        assert hostile(data[:last] + b"\xff\xfe\0\2" * 2_000_000 + data[last:])


def test_texts_that_are_not_compressed_may_be_many() -> None:
    """Of PNG files that programs write their history into."""
    data = encoded(scene(16, 16), "PNG")
    text = chunk(b"iTXt", b"history\0\0\0\0\0" + "words, à".encode())
    assert np.array_equal(
        images.decode(data[:33] + text * 100 + data[33:], SMALL), images.decode(data, SMALL)
    )
    packed = chunk(b"iTXt", b"history\0\1\0\0\0" + zlib.compress(b"words"))
    images.decode(data[:33] + packed * 16 + data[33:], SMALL)
    assert hostile(data[:33] + packed * 17 + data[33:])


# --- truncated JPEGs that are allowed ----------------------------------------------------------------


def test_a_truncated_jpeg_is_decoded_and_marked_where_that_is_allowed() -> None:
    picture = scene(320, 240)
    for options in ({}, {"progressive": True}):
        data = encoded(picture, **options)
        cut = data[: len(data) * 3 // 4]
        for broken in (cut, cut + b"\xff\xd9") if not options else (cut,):
            with pytest.raises(
                ImageError, match=r"its data end before its last pixel.*truncated.*allow_truncated=True"
            ):
                images.load(broken, SMALL)
            decoded = images.load(broken, SMALL, allow_truncated=True)
            assert decoded.truncated
            upper = slice(0, 8)
            ours, whole = images.fit(decoded, SMALL)[upper], images.decode(data, SMALL)[upper]
            assert np.abs(ours.astype(int) - whole).mean() < 12
        assert not images.load(data, SMALL, allow_truncated=True).truncated


def test_a_jpeg_without_its_end_marker_alone_is_marked_too() -> None:
    data = encoded(scene())
    with pytest.raises(ImageError, match="truncated"):
        images.decode(data[:-2], SMALL)
    decoded = images.load(data[:-2], SMALL, allow_truncated=True)
    assert decoded.truncated
    assert np.array_equal(images.fit(decoded, SMALL), images.decode(data, SMALL))


@pytest.mark.parametrize("format_name", ["PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_no_other_format_may_be_truncated(format_name: str) -> None:
    data = encoded(scene(), format_name)
    with pytest.raises(ImageError):
        images.decode(data[: len(data) // 2], SMALL, allow_truncated=True)


def test_allowing_truncated_pictures_changes_nothing_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(scene())
    images.load(data[:-100], SMALL, allow_truncated=True)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    # Nor does it help that a program has switched the whole of Pillow to it.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ImageError, match="truncated"):
        images.decode(data[:-100], SMALL)


# --- faults of Pillow and libtiff that were found this way --------------------------------------------


def test_codes_of_tiff_are_refused_where_damage_would_show_what_lies_in_memory() -> None:
    for compression, mode in (("group3", "1"), ("group4", "1"), ("jpeg", "RGB")):
        data = encoded(scene().convert(mode), "TIFF", compression=compression)
        with pytest.raises(ImageError, match="does not tell damage from pixels: save it as PNG"):
            images.decode(data, SMALL)


def test_a_png_that_has_lost_its_palette_is_refused() -> None:
    """Pillow shows it black."""
    data = picture_samples.samples()["png palette"]
    at = data.index(b"PLTE") - 4
    lost = data[:at] + data[at + 12 + int.from_bytes(data[at : at + 4], "big") :]
    with pytest.raises(ImageError, match="the colours of a palette and no palette"):
        images.decode(lost, SMALL)


def test_a_tiff_without_all_of_its_strips_is_refused() -> None:
    tags = [(256, 3, 1, 8), (257, 3, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    whole = [*tags, (273, 4, 1, 8), (278, 3, 1, 16), (279, 4, 1, 128)]
    assert images.decode(picture_samples.tiff(whole, bytes(range(128))), SMALL).shape == SMALL.shape
    half = [*tags, (273, 4, 1, 8), (278, 3, 1, 8), (279, 4, 1, 64)]
    with pytest.raises(ImageError, match="some of its strips or tiles are missing"):
        images.decode(picture_samples.tiff(half, bytes(range(128))), SMALL)


def test_the_orientation_holds_although_a_tag_before_it_is_damaged() -> None:
    blob = picture_samples.exif(6)
    at = blob.index(struct.pack(">HH", 0x010F, 2))
    damaged = blob[: at + 4] + b"\xff\xff\xff\xff" + blob[at + 8 :]
    expected = images.decode(encoded(scene(), exif=blob), SMALL)
    assert np.array_equal(images.decode(encoded(scene(), exif=damaged), SMALL), expected)


def test_a_png_whose_pixels_do_not_match_their_checksum_is_refused() -> None:
    """Pillow does not look at it, and the bytes are right for zlib until after the last pixel."""
    pixels = b"".join(b"\0" + bytes([row] * 24) for row in range(8))
    packed = bytearray(zlib.compress(pixels, 0))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    right = chunk(b"IDAT", bytes(packed))
    packed[40] ^= 0xFF
    wrong = right[:8] + bytes(packed) + right[-4:]
    signature, end = b"\x89PNG\r\n\x1a\n", chunk(b"IEND", b"")
    images.decode(signature + header + right + end, SMALL)
    with pytest.raises(ImageError, match="the checksum of its IDAT is wrong"):
        images.decode(signature + header + wrong + end, SMALL)


def test_a_stream_that_gives_a_little_at_a_time_is_read_to_its_end() -> None:
    data = encoded(scene(800, 600), quality=95)

    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.rest = data

        def read(self, size: int = -1) -> bytes:
            given, self.rest = self.rest[:1000], self.rest[1000:]
            return given

    assert np.array_equal(images.decode(Slow(), SMALL), images.decode(data, SMALL))  # type: ignore[arg-type]


# --- a second decoder ---------------------------------------------------------------------------------


def test_a_second_decoder_agrees_on_the_pixels() -> None:
    """OpenCV, with libraries of its own, on damaged pictures that both decode and that have one meaning.

    It drops transparency and cuts 16 bits, so those are left out. JPEG within the rounding of another inverse
    cosine transform, all else to the bit.
    """
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    kinds = (
        "jpeg colour",
        "jpeg grey",
        "jpeg fine",
        "jpeg restarts",
        "jpeg progressive",
        "png colour",
        "png grey",
    )
    kinds += (
        "png interlaced",
        "png bits",
        "bmp colour",
        "bmp grey",
        "bmp palette",
        "webp lossless",
        "webp lossy",
    )
    compared = 0
    for number in range(deep.cases(4000, 40_000)):
        what, sample, data = picture_mutations.picture(number)
        if what.split(":")[0] not in kinds or "spliced" in what or "joined" in what:
            continue
        # Of 5 bits OpenCV makes 8 by shifting, Pillow by scaling; what a palette lacks is up to each.
        if data.startswith(b"BM") and data[28:30] != sample[28:30]:
            continue
        try:
            header = images.open_header(data)
            if not all(8 <= side <= 200 for side in header.size):
                continue
            ours = images.decode(data, Contract(header.height, header.width, resize="squash"))
        except ImageError:
            continue
        theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if theirs is None or theirs.shape != ours.shape:
            continue
        compared += 1
        most = np.abs(ours.astype(int) - theirs[:, :, ::-1]).max()
        assert most <= (3 if header.format == "JPEG" else 0), (number, what, most)
    assert compared > 100
