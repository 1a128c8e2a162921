import hashlib
import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from support import encoded, scene

from edgetl import images
from edgetl.contract import Contract, Interpolation, Resize
from edgetl.errors import ImageError
from edgetl.limits import Limits

SMALL = Contract(48, 64)
SQUARE = Contract(64, 64)
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF")
WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)


def stored_as(pixels: NDArray[np.uint8], orientation: int) -> Image.Image:
    """What a camera held that way stores so that it is shown as ``pixels`` (EXIF 2.32, tag 274)."""
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels),
        7: np.rot90(pixels, 2).transpose(1, 0, 2),
        8: np.rot90(pixels, -1),
    }
    return Image.fromarray(np.ascontiguousarray(turned[orientation]))


def oriented(orientation: int, format_name: str, size: tuple[int, int] = (160, 120)) -> bytes:
    image = stored_as(np.asarray(scene(*size)), orientation)
    if format_name == "TIFF":
        return encoded(image, "TIFF", tiffinfo={274: orientation})
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(
        image, format_name, exif=exif.tobytes(), **({"quality": 95} if format_name == "JPEG" else {})
    )


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean absolute difference, in grey levels."""
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def solid(pixels: NDArray[np.uint8]) -> tuple[int, ...]:
    """The one colour of a picture that has one colour."""
    colours = {tuple(int(value) for value in colour) for colour in pixels.reshape(-1, 3)}
    assert len(colours) == 1
    return colours.pop()


# --- orientation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("contract", [SMALL, SQUARE, Contract(40, 56, "squash")])
def test_every_orientation_shows_the_same_picture(
    orientation: int, format_name: str, contract: Contract
) -> None:
    upright = images.decode(oriented(1, format_name), contract)
    turned = images.decode(oriented(orientation, format_name), contract)
    assert difference(upright, turned) < 2.5
    assert difference(upright, upright[:, ::-1]) > 20


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_also_holds_where_a_photo_is_decoded_at_reduced_size(orientation: int) -> None:
    upright = images.decode(oriented(1, "JPEG", (1600, 1200)), SMALL)
    turned = images.decode(oriented(orientation, "JPEG", (1600, 1200)), SMALL)
    assert difference(upright, turned) < 1.5


@pytest.mark.parametrize("value", [0, 9, 255])
def test_an_orientation_that_does_not_exist_leaves_the_picture_as_it_is(value: int) -> None:
    exif = Image.Exif()
    exif[274] = value
    data = encoded(scene(), "PNG", exif=exif.tobytes())
    assert np.array_equal(images.decode(encoded(scene(), "PNG"), SMALL), images.decode(data, SMALL))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_exif_does_not_spoil_the_picture(exif: bytes) -> None:
    expected = images.decode(encoded(scene()), SMALL)
    assert np.array_equal(expected, images.decode(encoded(scene(), exif=exif), SMALL))


def test_an_orientation_of_the_wrong_type_does_not_spoil_the_picture() -> None:
    text_instead_of_a_number = struct.pack("<HHHI4sI", 1, 274, 2, 4, b"top\0", 0)
    data = encoded(scene(), exif=b"Exif\0\0II*\0\x08\0\0\0" + text_instead_of_a_number)
    assert Image.open(io.BytesIO(data)).getexif()[274] == "top"
    assert np.array_equal(images.decode(encoded(scene()), SMALL), images.decode(data, SMALL))


# --- kinds of pictures ---------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_shows_the_scene(format_name: str) -> None:
    expected = images.decode(np.asarray(scene()), SMALL)
    assert difference(expected, images.decode(encoded(scene(), format_name), SMALL)) < 6


@pytest.mark.parametrize("suffix", sorted(images.SUFFIXES))
def test_a_suffix_may_be_in_upper_case(tmp_path: Path, suffix: str) -> None:
    image = scene()
    image.save(tmp_path / f"lower{suffix}")
    (tmp_path / f"lower{suffix}").rename(tmp_path / f"UPPER{suffix.upper()}")
    assert images.decode(tmp_path / f"UPPER{suffix.upper()}", SMALL).shape == SMALL.shape


def test_grey_pictures_have_three_equal_channels() -> None:
    pixels = images.decode(encoded(scene().convert("L"), "PNG"), SMALL)
    expected = images.decode(np.asarray(scene().convert("L")), SMALL)
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    assert np.array_equal(expected, pixels)


def test_palette_pictures_show_their_colours() -> None:
    image = Image.new("P", (30, 20), 1)
    image.putpalette([*BLACK, *RED, *WHITE])
    assert solid(images.decode(encoded(image, "PNG"), SMALL)) == RED
    assert solid(images.decode(encoded(image, "GIF"), SMALL)) == RED


@pytest.mark.parametrize(("format_name", "transparency"), [("GIF", 1), ("PNG", 1), ("PNG", b"\xff\x00\xff")])
def test_transparent_palette_entries_are_laid_on_white(format_name: str, transparency: int | bytes) -> None:
    image = Image.new("P", (30, 20), 1)
    image.putpalette([*BLACK, *RED, *WHITE])
    assert solid(images.decode(encoded(image, format_name, transparency=transparency), SMALL)) == WHITE


def test_half_transparent_pixels_are_laid_on_white() -> None:
    assert solid(images.decode(encoded(Image.new("RGBA", (30, 20), (255, 0, 0, 127)), "PNG"), SMALL)) == (
        255,
        128,
        128,
    )
    assert solid(images.decode(encoded(Image.new("LA", (30, 20), (0, 127)), "PNG"), SMALL)) == (128, 128, 128)


def test_a_colour_declared_transparent_is_laid_on_white() -> None:
    assert (
        solid(images.decode(encoded(Image.new("RGB", (30, 20), RED), "PNG", transparency=RED), SMALL))
        == WHITE
    )
    assert solid(images.decode(encoded(Image.new("L", (30, 20), 7), "PNG", transparency=7), SMALL)) == WHITE
    assert solid(images.decode(encoded(Image.new("1", (30, 20), 0), "PNG", transparency=0), SMALL)) == WHITE


def test_cmyk_photos_show_the_scene() -> None:
    data = encoded(scene().convert("CMYK"), "JPEG", quality=95)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert difference(images.decode(np.asarray(scene()), SMALL), images.decode(data, SMALL)) < 3


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_sixteen_bits_become_eight(format_name: str) -> None:
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    sixteen = Image.fromarray(eight.astype(np.uint16) * 257)
    pixels = images.decode(encoded(sixteen, format_name), Contract(16, 16))
    assert np.array_equal(np.repeat(eight[..., np.newaxis], 3, axis=2), pixels)


def test_sixteen_bits_with_a_transparent_value_are_read() -> None:
    sixteen = Image.fromarray(np.full((16, 16), 32768, np.uint16))
    assert solid(images.decode(encoded(sixteen, "PNG", transparency=40000), SMALL)) == (128, 128, 128)


def test_sixteen_bits_of_colour_become_eight() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + struct.pack(">3H", 65535, 257 * 100, 0) * 16
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
        + chunk(b"IDAT", zlib.compress(row * 16))
        + chunk(b"IEND", b"")
    )
    assert solid(images.decode(data, SMALL)) == (255, 100, 0)


def test_one_bit_is_black_or_white() -> None:
    assert solid(images.decode(encoded(Image.new("1", (30, 20), 1), "PNG"), SMALL)) == WHITE
    assert solid(images.decode(encoded(Image.new("1", (30, 20), 0), "TIFF"), SMALL)) == BLACK


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_taken(format_name: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in (RED, BLACK, WHITE)]
    options = {"lossless": True} if format_name == "WEBP" else {}
    data = encoded(frames[0], format_name, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert solid(images.decode(data, SMALL)) == RED


def test_a_camera_s_multi_picture_jpeg_is_a_jpeg() -> None:
    data = encoded(scene(), "MPO", save_all=True, append_images=[scene(seed=1)])
    assert np.array_equal(images.decode(encoded(scene()), SMALL), images.decode(data, SMALL))


@pytest.mark.parametrize("mode", ["YCbCr", "LAB", "HSV"])
def test_other_colour_spaces_become_rgb(mode: str) -> None:
    grey = Image.new("RGB", (30, 20), (119, 119, 119))
    lab = Image.new("LAB", (30, 20), (128, 128, 128))  # L* = 50 of 100, which sRGB shows as 119
    image = lab if mode == "LAB" else grey.convert(mode)
    assert difference(np.asarray(grey.resize((64, 48))), images.decode(image, SMALL)) <= 1


def test_values_of_no_stated_range_are_refused() -> None:
    with pytest.raises(ImageError, match="float values"):
        images.decode(encoded(Image.new("F", (30, 20), 0.5), "TIFF"), SMALL)
    with pytest.raises(ImageError, match="32-bit values"):
        images.decode(encoded(Image.new("I", (30, 20), 100_000), "TIFF"), SMALL)


# --- ways to give a picture ----------------------------------------------------------------------


@pytest.mark.parametrize("format_name", ["PNG", "JPEG"])
def test_path_bytes_file_pillow_and_array_are_the_same_picture(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / "photo.dat"
    path.write_bytes(encoded(scene(), format_name))
    expected = images.decode(path, SMALL)
    assert np.array_equal(expected, images.decode(str(path), SMALL))
    assert np.array_equal(expected, images.decode(path.read_bytes(), SMALL))
    with path.open("rb") as file:
        assert np.array_equal(expected, images.decode(file, SMALL))
    with Image.open(path) as image:
        assert np.array_equal(expected, images.decode(image, SMALL))
        assert np.array_equal(expected, images.decode(np.asarray(image), SMALL))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pillow_image_is_turned_as_its_file_is(orientation: int) -> None:
    for format_name in ("JPEG", "TIFF"):
        data = oriented(orientation, format_name)
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(images.decode(data, SMALL), images.decode(image, SMALL))


def test_arrays_may_be_grey_have_alpha_or_lie_strangely_in_memory() -> None:
    pixels = np.asarray(scene())
    grey = pixels[..., 0]
    expected = images.decode(pixels, SMALL)
    assert np.array_equal(images.decode(grey, SMALL), images.decode(grey[..., np.newaxis], SMALL))
    assert np.array_equal(expected, images.decode(np.dstack([pixels, np.full_like(grey, 255)]), SMALL))
    assert np.array_equal(expected, images.decode(np.asfortranarray(pixels), SMALL))
    assert np.array_equal(expected[:, ::-1], images.decode(pixels[:, ::-1], SMALL)) or SMALL.width % 2


@pytest.mark.parametrize(
    "source",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros(8, np.uint8),
        Image.new("RGB", (0, 0)),
        Image.new("L", (5, 0)),
        io.StringIO("text"),
        42,
        None,
    ],
    ids=lambda wrong: type(wrong).__name__,
)
def test_what_is_no_picture_is_refused(source: object) -> None:
    with pytest.raises(ImageError):
        images.decode(source, SMALL)  # type: ignore[arg-type]


def test_a_damaged_pillow_image_is_refused_as_its_file_is() -> None:
    with (
        Image.open(io.BytesIO(encoded(scene())[:900])) as image,
        pytest.raises(ImageError, match="truncated"),
    ):
        images.decode(image, SMALL)


# --- the same pixels everywhere ------------------------------------------------------------------

_PRINT_DIGEST = """
import hashlib, sys
from edgetl import images
from edgetl.contract import Contract
pixels = images.decode(sys.argv[1], Contract(48, 64, crop_fraction=0.875))
print(hashlib.sha256(pixels.tobytes()).hexdigest())
"""


@pytest.mark.parametrize("size", [(160, 120), (2000, 1500)])
def test_the_same_bytes_give_the_same_pixels_in_another_process(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "photo.jpg"
    scene(*size).save(path)
    contract = Contract(48, 64, crop_fraction=0.875)
    here = hashlib.sha256(images.decode(path, contract).tobytes()).hexdigest()
    again = hashlib.sha256(images.decode(path.read_bytes(), contract).tobytes()).hexdigest()
    there = subprocess.run(
        [sys.executable, "-c", _PRINT_DIGEST, path], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert here == again == there.stdout.strip()


def test_threads_decode_the_same_pixels_and_leave_the_warning_filters_alone() -> None:
    data = encoded(scene(640, 480), exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    expected, filters = images.decode(data, SMALL), list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        decoded = list(pool.map(lambda _: images.decode(data, SMALL), range(80)))
    assert all(np.array_equal(expected, pixels) for pixels in decoded)
    assert filters == list(warnings.filters)


# --- resizing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1000, 750), (1601, 1203), (3000, 700), (701, 2999), (2592, 1944)])
@pytest.mark.parametrize("resize", ["crop", "squash"])
def test_decoding_at_reduced_size_is_close_to_full_decoding(size: tuple[int, int], resize: Resize) -> None:
    contract = Contract(96, 96, resize)
    data = encoded(scene(*size), quality=90)
    full = np.asarray(Image.open(io.BytesIO(data)))
    reduced = images.load(data, contract).image
    expected, pixels = images.decode(full, contract), images.decode(data, contract)
    assert reduced.width < size[0]
    assert difference(expected, pixels) < 1
    assert np.abs(expected.astype(int) - pixels.astype(int)).max() < 12


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    pixels = np.asarray(scene(64, 48))
    assert np.array_equal(pixels, images.decode(pixels, SMALL))


def test_the_crop_is_the_centre() -> None:
    pixels = np.asarray(scene(200, 100))
    # 64 / 100 of the short side: the window is exactly as large as the model's picture.
    cropped = images.decode(pixels, Contract(64, 64, crop_fraction=0.64))
    assert np.array_equal(pixels[18:82, 68:132], cropped)


@pytest.mark.parametrize(
    ("interpolation", "kernel"),
    [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)],
)
def test_crop_and_resize_agree_with_pillow_on_an_explicit_crop(
    interpolation: Interpolation, kernel: Image.Resampling
) -> None:
    image = scene(256, 192)
    contract = Contract(48, 48, crop_fraction=0.75, interpolation=interpolation)
    expected = np.asarray(image.crop((56, 24, 200, 168)).resize((48, 48), kernel))
    pixels = images.decode(np.asarray(image), contract)
    # Inside only: next to the edge the kernel also sees what lies beyond an explicit crop.
    assert np.abs(expected[3:-3, 3:-3].astype(int) - pixels[3:-3, 3:-3].astype(int)).max() <= 1


def test_the_crop_has_the_model_s_aspect() -> None:
    image = scene(300, 200)
    expected = np.asarray(image.crop((0, 25, 300, 175)).resize((60, 30), Image.Resampling.BICUBIC))
    assert difference(expected[3:-3], images.decode(np.asarray(image), Contract(30, 60))[3:-3]) < 0.5


def test_squash_keeps_the_whole_picture() -> None:
    image = scene(300, 200)
    expected = np.asarray(image.resize((50, 40), Image.Resampling.BICUBIC))
    assert np.array_equal(expected, images.decode(np.asarray(image), Contract(40, 50, "squash")))


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "YCbCr"]),
    contract=st.builds(
        Contract,
        st.integers(8, 80),
        st.integers(8, 80),
        st.sampled_from(["crop", "squash"]),
        st.floats(0.01, 1),
        st.sampled_from(["bilinear", "bicubic"]),
    ),
)
def test_any_size_and_aspect_gives_the_model_s_shape(
    width: int, height: int, mode: str, contract: Contract
) -> None:
    pixels = images.decode(Image.new(mode, (width, height)), contract)
    assert pixels.shape == contract.shape
    assert pixels.dtype == np.uint8


# --- refusals ------------------------------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is and holds nothing."""
    data = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + data
        + struct.pack(">I", zlib.crc32(data))
        + b"\0\0\0\1IDAT"
    )


@pytest.mark.parametrize("size", [(10_000, 5_001), (10_000, 10_000), (60_000, 60_000)])
def test_too_many_pixels_are_refused_before_any_is_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "poster.png"
    path.write_bytes(png_header(*size))
    # Decoding would say that it is truncated.
    with pytest.raises(ImageError, match=r"poster\.png has .*more than the limit of 50 million pixels"):
        images.decode(path, SMALL)


def test_a_jpeg_of_too_many_pixels_is_refused_although_it_could_be_reduced(tmp_path: Path) -> None:
    data = encoded(scene())
    data = data.replace(struct.pack(">HH", 120, 160), struct.pack(">HH", 60_000, 60_000), 1)
    with pytest.raises(ImageError, match="more than the limit of 50 million pixels"):
        images.decode(data, SMALL)


def test_the_limits_can_be_set() -> None:
    data = encoded(scene())
    with pytest.raises(ImageError, match=r"160 x 120 pixels, more than the limit of 0\.01 million"):
        images.decode(data, SMALL, limits=Limits(picture_pixels=10_000))
    with pytest.raises(ImageError, match=r"larger than the limit of 0\.001 MB"):
        images.decode(data, SMALL, limits=Limits(picture_bytes=1000))


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (encoded(scene())[:900], "truncated"),
        (encoded(scene(), "PNG")[:2000], "truncated"),
        (b"", "is empty"),
        (b"these are words\n" * 20, "is no picture that edgetl reads"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture that edgetl reads"),
        (encoded(scene(), "PPM"), "is no picture that edgetl reads"),
    ],
    ids=["truncated jpeg", "truncated png", "empty", "text", "svg", "ppm"],
)
def test_a_file_that_is_no_whole_picture_is_named(tmp_path: Path, content: bytes, rule: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"photo\.jpg .*{rule}") as caught:
        images.decode(path, SMALL)
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        images.decode(tmp_path, SMALL)
    with pytest.raises(ImageError, match=r"nowhere\.jpg cannot be read: No such file"):
        images.decode(tmp_path / "nowhere.jpg", SMALL)
    with pytest.raises(ImageError, match="cannot be read"):
        images.decode("no\0name.jpg", SMALL)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(encoded(scene()))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(ImageError, match=r"secret\.jpg cannot be read: Permission denied"):
        images.decode(path, SMALL)


# --- hostile bytes -------------------------------------------------------------------------------


def decodes_or_is_refused(data: bytes) -> None:
    try:
        pixels = images.decode(data, SMALL)
    except ImageError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
    else:
        assert pixels.shape == SMALL.shape
        assert pixels.dtype == np.uint8


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_image_errors(data: bytes) -> None:
    decodes_or_is_refused(data)


SAMPLES = {
    **{name: encoded(scene(90, 70), name) for name in FORMATS},
    "oriented": oriented(6, "JPEG", (90, 70)),
    "palette": encoded(scene(90, 70).quantize(16), "PNG", transparency=3),
    "exif png": oriented(3, "PNG", (90, 70)),
    "deflated tiff": encoded(scene(90, 70), "TIFF", compression="tiff_lzw"),
    "cmyk": encoded(scene(90, 70).convert("CMYK")),
    "16 bits": encoded(Image.fromarray(np.arange(6300, dtype=np.uint16).reshape(70, 90)), "PNG"),
}


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data())
def test_damaged_pictures_raise_nothing_but_image_errors(name: str, data: st.DataObject) -> None:
    damaged = bytearray(SAMPLES[name])
    # Headers hold most of what can go wrong, so half of the hits go there.
    places = st.one_of(st.integers(0, min(300, len(damaged) - 1)), st.integers(0, len(damaged) - 1))
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8)):
        damaged[place] = value
    keep = data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))
    decodes_or_is_refused(bytes(damaged[:keep]))


def test_nothing_is_printed_about_damaged_pictures(tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    for name, sample in SAMPLES.items():
        for number in range(30):
            damaged = bytearray(sample)
            for place in generator.integers(0, min(400, len(damaged)), 6):
                damaged[place] = generator.integers(256)
            (tmp_path / f"{name}-{number}").write_bytes(damaged)
    code = """
import pathlib, sys
from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import ImageError
from edgetl.limits import Limits
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        images.decode(path, Contract(48, 64))
    except ImageError:
        pass
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- arrays that are ready ------------------------------------------------------------------------


def test_an_array_of_the_right_size_is_given_on_without_a_copy() -> None:
    pixels = np.asarray(scene(64, 48))
    assert np.shares_memory(images.decode(pixels, SMALL), pixels)
    mirrored = pixels[:, ::-1]
    assert np.array_equal(images.decode(mirrored, SMALL), mirrored)
    assert images.decode(mirrored, SMALL).flags.c_contiguous


def test_an_array_of_the_right_size_is_cropped_where_the_contract_crops() -> None:
    cropping = Contract(48, 64, crop_fraction=0.5)
    pixels = np.asarray(scene(64, 48))
    expected = images.decode(Image.fromarray(pixels), cropping)
    assert np.array_equal(images.decode(pixels, cropping), expected)
    assert not np.array_equal(expected, pixels)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe, data = tmp_path / "photo.jpg", encoded(scene(800, 600), quality=95)
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(pipe.write_bytes, data)
        assert np.array_equal(images.decode(pipe, SMALL), images.decode(data, SMALL))
        writing.result()


def test_a_header_tells_the_size_of_a_picture_whose_pixels_are_gone(tmp_path: Path) -> None:
    data = encoded(scene(160, 120))
    header = images.open_header(data[: len(data) // 2])
    assert (header.format, header.mode, header.size) == ("JPEG", "RGB", (160, 120))
    with pytest.raises(ImageError, match="is truncated or damaged"):
        images.decode(data[: len(data) // 2], Contract(32, 32))


@pytest.mark.parametrize("source", [np.zeros((4, 4, 3), np.uint8), Image.new("RGB", (4, 4))])
def test_what_is_no_file_has_no_header(source: images.Source) -> None:
    with pytest.raises(ImageError, match="has no header: give a path, bytes or an open file"):
        images.open_header(source)
