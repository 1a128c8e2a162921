"""Files made to keep a decoder busy or to make it take gigabytes: each is small beside what it asks for."""

import struct
import zlib
from collections.abc import Callable

import picture_samples
from picture_samples import chunk
from PIL import Image
from support import encoded, scene

PNG = b"\x89PNG\r\n\x1a\n"
_SIDE = 7071  # 50 million pixels, less 959


def bombs() -> dict[str, Callable[[], bytes]]:
    """Name -> what makes it: files that must be refused, or decoded at the cost of a small picture."""
    return {
        "tiff of 65535 tags over one megabyte": lambda: _overlapping(1 << 20),
        "webp with such exif": lambda: _riff(b"EXIF", _overlapping(1 << 20)),
        "png with such exif": lambda: _png(chunk(b"eXIf", _overlapping(1 << 20))),
        "jpeg with such exif in many segments": lambda: _jpeg(_segments(_overlapping(1 << 20))),
        "jpeg with exif over and over": lambda: _jpeg(_segments(b"MM\0*" + bytes(20 << 20))),
        "jpeg of two million markers": lambda: _jpeg(b"\xff\xd0" * 2_000_000),
        "jpeg of ten million bytes between segments": lambda: _jpeg(bytes(10_000_000)),
        "jpeg of fill bytes": lambda: _jpeg(b"\xff" * 10_000_000),
        "jpeg of half a million small segments": lambda: _jpeg(b"\xff\xfe\0\2" * 500_000),
        "jpeg of tables": lambda: _jpeg(
            (b"\xff\xdb" + struct.pack(">H", 65 * 1000 + 2) + b"\0" + b"\1" * 64999) * 100
        ),
        "jpeg of 900 large scans": lambda: _scans(7000, 900),
        "jpeg of 100000 small scans": lambda: _scans(16, 100_000),
        "tiff of four million strips": lambda: _tiff_strips(4_000_000, 1),
        "tiff of a million values": lambda: _tiff_values(1_000_000),
        "tiff of a tile of 3600 million pixels": lambda: _tiff_tile(60_000),
        "bmp that skips 255 rows of 50 million pixels": lambda: picture_samples.bmp(
            50_000_000, 1, 8, 1, b"\0\2\xff\xff" * 4, bytes(1024)
        ),
        "bmp of ten million runs": lambda: picture_samples.bmp(
            7000, 7000, 8, 1, b"\1\7" * 10_000_000, bytes(1024)
        ),
        "bmp of runs of nothing": lambda: picture_samples.bmp(8, 8, 8, 1, b"\1\7" * 10_000_000, bytes(1024)),
        "gif of a comment of ten megabytes": lambda: _gif(
            b"\x21\xfe" + (b"\xff" + b"c" * 255) * 40_000 + b"\0"
        ),
        "gif of comments of one byte": lambda: _gif(b"\x21\xfe\1c\0" * 1_000_000),
        "png of a million chunks": lambda: _png(chunk(b"abCd", b"") * 1_000_000),
        "png of texts of a megabyte": lambda: _png(
            chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 20))) * 60
        ),
        "png of wide texts": lambda: _png(
            chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress("😀".encode() + b"a" * 1_000_000)) * 60
        ),
        "png of a profile of a gigabyte": lambda: _png(
            chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(1 << 26)))
        ),
        "webp of a canvas of 268 million pixels": lambda: _canvas(16384, 16384),
        "webp of a canvas of four thousand million pixels": lambda: _canvas(65535, 65535),
        "gif of a screen of four thousand million pixels": lambda: b"GIF89a\xff\xff\xff\xff" + _gif(b"")[10:],
        "png of four thousand million million pixels": lambda: (
            PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0))
        ),
    }


def largest() -> dict[str, Callable[[], bytes]]:
    """Name -> files that ask for all of the pixels that are allowed, and are right: they must be decoded."""
    size = (_SIDE, _SIDE)
    return {
        "jpeg": lambda: encoded(Image.new("RGB", size, "teal")),
        "progressive jpeg": lambda: encoded(Image.new("RGB", size, "teal"), progressive=True),
        "cmyk jpeg": lambda: encoded(Image.new("CMYK", size)),
        "png": lambda: encoded(Image.new("RGB", size, "teal"), "PNG", compress_level=1),
        "png with alpha": lambda: encoded(Image.new("RGBA", size, "teal"), "PNG", compress_level=1),
        "16 bit png": lambda: encoded(Image.new("I;16", size, 7), "PNG", compress_level=1),
        "gif": lambda: encoded(Image.new("P", size, 1), "GIF"),
        "webp": lambda: encoded(Image.new("RGB", size, "teal"), "WEBP", lossless=True, quality=0, method=0),
        "tiff": lambda: encoded(Image.new("RGB", size, "teal"), "TIFF", compression="tiff_adobe_deflate"),
        "turned tiff": lambda: encoded(
            Image.new("L", size, 7), "TIFF", compression="packbits", tiffinfo={274: 6}
        ),
    }


def _overlapping(size: int) -> bytes:
    """TIFF data of 65535 tags that all have the same ``size`` bytes for a value."""
    count = 65_535
    place = 8 + 2 + 12 * count + 4
    entry = b"".join(struct.pack(">HHII", 1 + number % 250, 7, size, place) for number in range(count))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", count) + entry + bytes(4) + bytes(size)


def _segments(blob: bytes) -> bytes:
    parts = [blob[at : at + 65_000] for at in range(0, len(blob), 65_000)]
    return b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 8) + b"Exif\0\0" + part for part in parts)


def _jpeg(inside: bytes) -> bytes:
    data = encoded(scene(16, 16))
    return data[:20] + inside + data[20:]  # behind the JFIF segment


def _scans(side: int, count: int) -> bytes:
    """A progressive JPEG whose last scan, a few bytes long, comes again and again."""
    data = encoded(Image.new("L", (side, side), 128), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last : data.index(b"\xff\xd9", last)] * count + b"\xff\xd9"


def _riff(kind: bytes, blob: bytes) -> bytes:
    data = encoded(scene(16, 16), "WEBP", exif=picture_samples.exif())
    at = data.index(b"EXIF")
    body = data[8:at] + kind + struct.pack("<I", len(blob)) + blob + b"\0" * (len(blob) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _canvas(width: int, height: int) -> bytes:
    data = bytearray(encoded(scene(16, 16), "WEBP", exif=picture_samples.exif()))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def _png(inside: bytes) -> bytes:
    data = encoded(scene(16, 16), "PNG")
    return data[:33] + inside + data[33:]


def _gif(inside: bytes) -> bytes:
    data = encoded(scene(16, 16).convert("L"), "GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    return data[:at] + inside + data[at:]


def _tiff_strips(count: int, kind: int) -> bytes:
    tags = [
        (256, 3, 1, 1),
        (257, 4, 1, count),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
    ]
    return picture_samples.tiff(
        [*tags, (273, kind, count, 8), (278, 3, 1, 1), (279, kind, count, 8)], b"\1" * count
    )


def _tiff_values(count: int) -> bytes:
    tags = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    return picture_samples.tiff([*tags, (282, 5, count, 8), (283, 5, count, 8)], bytes(8 * count))


def _tiff_tile(side: int) -> bytes:
    tags = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    body = zlib.compress(bytes(1 << 20))
    tiles = [(322, 3, 1, side), (323, 3, 1, side), (324, 4, 1, 8), (325, 4, 1, len(body))]
    return picture_samples.tiff([*tags, *tiles], body)
