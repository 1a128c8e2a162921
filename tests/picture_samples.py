"""Small pictures of every kind that edgetl reads, as files: what the hostile ones are made from."""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from support import encoded, scene

SIZE = (40, 30)
_PHOTOS = Path("/work/shared/data/hymenoptera")


@cache
def samples() -> dict[str, bytes]:
    """Name -> file. The same on every machine with the same Pillow; photos are added where there are some."""
    return {
        **{f"jpeg {name}": data for name, data in _jpegs()},
        **{f"png {name}": data for name, data in _pngs()},
        **{f"gif {name}": data for name, data in _gifs()},
        **{f"webp {name}": data for name, data in _webps()},
        **{f"bmp {name}": data for name, data in _bmps()},
        **{f"tiff {name}": data for name, data in _tiffs()},
    }


@cache
def photos() -> dict[str, bytes]:
    """Three real photos, the smallest ones; none where the folder of them is missing."""
    found = sorted(_PHOTOS.rglob("*.jpg"), key=lambda path: (path.stat().st_size, path.name))[:3]
    return {f"jpeg photo {number}": path.read_bytes() for number, path in enumerate(found)}


def exif(orientation: int = 6, thumbnail: bool = False) -> bytes:
    """EXIF data with the tags that cameras write."""
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010F], data[0x0110], data[0x0132] = "Maker", "Model", "2026:11:22 10:00:00"
    data[0x011A] = data[0x011B] = 72.0
    data.get_ifd(0x8769)[0x9003] = "2026:11:22 10:00:00"
    data.get_ifd(0x8825)[1] = "N"
    return data.tobytes() + (encoded(scene(16, 12)) if thumbnail else b"")


def _jpegs() -> Iterator[tuple[str, bytes]]:
    picture = scene(*SIZE)
    yield "colour", encoded(picture)
    yield "grey", encoded(picture.convert("L"))
    cmyk = encoded(picture.convert("CMYK"))
    yield "cmyk", cmyk
    adobe = cmyk.index(b"Adobe")
    yield "ycck", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]
    yield "progressive", encoded(picture, progressive=True)
    yield "fine", encoded(picture, subsampling=0, quality=95, optimize=True)
    yield "restarts", encoded(picture, restart_marker_blocks=2)
    yield "exif", encoded(picture, exif=exif(thumbnail=True), icc_profile=b"profile" * 40, comment=b"words")
    yield "mpo", encoded(picture, "MPO", save_all=True, append_images=[scene(*SIZE, seed=1)])


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of PNG, with the right checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def interlaced_png(pixels: NDArray[np.uint8]) -> bytes:
    """Adam7, which Pillow reads and does not write."""
    height, width = pixels.shape[:2]
    passes = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, right in passes
        for row in pixels[top::down, left::right]
        if row.size
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_16_bit(pixels: NDArray[np.uint8], colour_type: int) -> bytes:
    """16 bits a channel; Pillow writes that of grey alone."""
    height, width = pixels.shape[:2]
    wide = (pixels.astype(">u2") * 257 + 13).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _pngs() -> Iterator[tuple[str, bytes]]:
    picture = scene(*SIZE)
    seethrough = picture.copy()
    seethrough.putalpha(picture.convert("L"))
    yield "colour", encoded(picture, "PNG")
    yield "grey", encoded(picture.convert("L"), "PNG")
    yield "alpha", encoded(seethrough, "PNG")
    yield "grey alpha", encoded(seethrough.convert("LA"), "PNG")
    yield "palette", encoded(picture.quantize(16), "PNG", transparency=3)
    yield "bits", encoded(picture.convert("1"), "PNG")
    yield (
        "16 bit grey",
        encoded(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50), "PNG"),
    )
    yield "16 bit colour", png_16_bit(np.asarray(picture), 2)
    yield "16 bit alpha", png_16_bit(np.asarray(seethrough), 6)
    yield "interlaced", interlaced_png(np.asarray(picture))
    yield "transparent colour", encoded(picture, "PNG", transparency=(255, 0, 0))
    yield "animated", encoded(picture, "PNG", save_all=True, append_images=[scene(*SIZE, seed=1)])
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "words " * 50, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="8"/>', zip=True)
    yield "texts", encoded(picture, "PNG", pnginfo=texts, icc_profile=b"profile" * 40)
    yield "exif", encoded(picture, "PNG", exif=exif(3))


def _gifs() -> Iterator[tuple[str, bytes]]:
    picture = scene(*SIZE).quantize(32)
    yield "single", encoded(picture, "GIF", interlace=False)
    yield "interlaced", encoded(picture, "GIF", interlace=True, transparency=5, comment=b"words")
    several = [scene(*SIZE, seed=seed).quantize(16) for seed in range(3)]
    yield (
        "animated",
        encoded(several[0], "GIF", save_all=True, append_images=several[1:], duration=50, loop=0),
    )


def _webps() -> Iterator[tuple[str, bytes]]:
    picture = scene(*SIZE)
    seethrough = picture.copy()
    seethrough.putalpha(picture.convert("L"))
    yield "lossy", encoded(picture, "WEBP")
    yield "lossless", encoded(picture, "WEBP", lossless=True)
    yield "alpha", encoded(seethrough, "WEBP", exif=exif(8))
    yield "lossless alpha", encoded(seethrough, "WEBP", lossless=True)
    yield "animated", encoded(picture, "WEBP", save_all=True, append_images=[scene(*SIZE, seed=1)])


def bmp(width: int, height: int, bits: int, compression: int, body: bytes, palette: bytes = b"") -> bytes:
    """A BMP with a header of 40 bytes."""
    offset = 54 + len(palette)
    info = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 0, 0, len(palette) // 4, 0
    )
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + info + palette + body


def _bmps() -> Iterator[tuple[str, bytes]]:
    picture = scene(*SIZE)
    yield "colour", encoded(picture, "BMP")
    yield "grey", encoded(picture.convert("L"), "BMP")
    yield "palette", encoded(picture.quantize(64), "BMP")
    yield "bits", encoded(picture.convert("1"), "BMP")
    yield "alpha", encoded(picture.convert("RGBA"), "BMP")
    palette = bytes(value for index in range(256) for value in (index, 255 - index, index // 2, 0))
    runs = b"".join(b"\x14\x10\x0a\x80\x00\x06abcdef\x04\xf0\x00\x00" for _ in range(30)) + b"\x00\x01"
    yield "runs", bmp(40, 30, 8, 1, runs, palette)
    yield "runs of 4 bits", bmp(40, 30, 4, 2, b"\x28\x12\x00\x00" * 30 + b"\x00\x01", palette[:64])
    words = np.arange(1200, dtype="<u2").tobytes()
    yield "16 bit", bmp(40, 30, 16, 3, words, struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield "topdown", bmp(40, -30, 24, 0, np.asarray(picture)[:, :, ::-1].tobytes())
    core = struct.pack("<IHHHH", 12, 40, 30, 1, 24)
    yield "core", b"BM" + struct.pack("<IHHI", 26 + 3600, 0, 0, 26) + core + np.asarray(picture).tobytes()


def tiff(tags: list[tuple[int, int, int, int]], body: bytes, *, order: str = "<", place: int = 8) -> bytes:
    """A TIFF file: ``body`` from byte 8, then a directory of (tag, type, count, value or offset), sorted."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    body += b"\0" * (len(body) % 2)
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (
            struct.pack(f"{order}HH", value, 0)
            if kind == 3 and count == 1
            else struct.pack(f"{order}I", value)
        )
        for tag, kind, count, value in sorted(tags)
    )
    directory = struct.pack(f"{order}H", len(tags)) + entries + b"\0\0\0\0"
    return mark + struct.pack(f"{order}I", place + len(body)) + body + directory


def _tiffs() -> Iterator[tuple[str, bytes]]:
    picture = scene(*SIZE)
    yield "raw", encoded(picture, "TIFF", tiffinfo={274: 6})
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield compression, encoded(picture, "TIFF", compression=compression)
    yield "group4", encoded(picture.convert("1"), "TIFF", compression="group4")
    yield "group3", encoded(picture.convert("1"), "TIFF", compression="group3")
    yield "pages", encoded(picture, "TIFF", save_all=True, append_images=[picture, picture.convert("L")])
    yield "16 bit", encoded(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50), "TIFF")
    yield "cmyk", encoded(picture.convert("CMYK"), "TIFF", compression="tiff_lzw")
    yield "palette", encoded(picture.quantize(16), "TIFF")
    yield "alpha", encoded(picture.convert("RGBA"), "TIFF")
    yield "float", encoded(Image.new("F", SIZE, 0.5), "TIFF")
    pixels = np.asarray(picture)
    grey = np.asarray(picture.convert("L"))
    plain = [(256, 3, 1, 40), (257, 3, 1, 30), (259, 3, 1, 1), (262, 3, 1, 2), (277, 3, 1, 3)]
    eight = struct.pack("<HHHxx", 8, 8, 8)
    strips = struct.pack("<3I", 16, 16 + 1200, 16 + 2400) + struct.pack("<3I", 1200, 1200, 1200)
    planes = eight + b"".join(pixels[:, :, band].tobytes() for band in range(3)) + strips
    at = 16 + 3600
    places = [(258, 3, 3, 8), (273, 4, 3, at), (278, 3, 1, 30), (279, 4, 3, at + 12), (284, 3, 1, 2)]
    yield "planes", tiff(plain + places, planes)
    padded = np.zeros((32, 48), np.uint8)
    padded[:30, :40] = grey
    tiles = [padded[row : row + 16, left : left + 16] for row in (0, 16) for left in (0, 16, 32)]
    table = struct.pack("<6I", *(8 + 256 * number for number in range(6))) + struct.pack("<6I", *[256] * 6)
    body = b"".join(tile.tobytes() for tile in tiles) + table
    at = 8 + 256 * 6
    tiled = [(258, 3, 1, 8), (322, 3, 1, 16), (323, 3, 1, 16), (324, 4, 6, at), (325, 4, 6, at + 24)]
    yield "tiles", tiff([*plain[:3], (262, 3, 1, 1), (277, 3, 1, 1), *tiled], body)
    big = io.BytesIO()
    picture.save(big, "TIFF", big_tiff=True)
    yield "big", big.getvalue()
    yield "big end first", encoded(Image.fromarray(np.arange(1200, dtype=">u2").reshape(30, 40)), "TIFF")
