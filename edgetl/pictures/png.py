"""PNG files. Layout: PNG specification, third edition, sections 5 and 11."""

import struct
import zlib
from collections.abc import Iterator

from edgetl.limits import Limits
from edgetl.pictures import exif
from edgetl.pictures.structure import check_pixels, damaged, hostile

_MOST_CHUNKS = 65_536
_COMPRESSED = (b"zTXt", b"iCCP")
_MOST_COMPRESSED = 16  # Pillow unpacks up to a megabyte of each
_CHECKED = (b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"eXIf", b"IEND")


def check(data: bytes, limits: Limits) -> None:
    """Refuse what would keep Pillow busy with anything but pixels.

    Raises:
        StructureError: thousands of chunks, many compressed texts, EXIF data as a trap, or too many pixels.
    """
    compressed = 0
    for kind, start, size in _chunks(data):
        compressed += kind in _COMPRESSED or (kind == b"iTXt" and _is_compressed(data[start : start + size]))
        if compressed > _MOST_COMPRESSED:
            raise hostile("dozens of compressed texts")
        if kind == b"eXIf":
            exif.check(data[start : start + size])
        elif kind == b"IHDR" and size >= 8 and start + 8 <= len(data):
            width, height = struct.unpack_from(">II", data, start)
            check_pixels(width, height, limits)


def _is_compressed(text: bytes) -> bool:
    """Of an iTXt chunk: behind the keyword and a zero stands whether it is."""
    _, _, rest = text.partition(b"\0")
    return rest[:1] not in (b"", b"\0")


def check_whole(data: bytes) -> None:
    """Refuse a damaged picture: Pillow does not look at the checksums of pixels, nor for the end.

    Checksums of what says nothing about pixels are left alone, as the specification asks for.

    Raises:
        StructureError: a checksum is wrong, or the end is missing.
    """
    for kind, start, size in _chunks(data):
        if kind in _CHECKED:
            end = start + size
            stated = data[end : end + 4]
            if zlib.crc32(memoryview(data)[start - 4 : end]).to_bytes(4, "big") != stated:
                raise damaged(
                    f"the checksum of its {kind.decode()} is wrong" if len(stated) == 4 else "it ends early"
                )
        if kind == b"IEND":
            return
    raise damaged("it has no end")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its data begin, their length) of each chunk up to the end."""
    at = 8
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at + 8, size
        if kind == b"IEND":
            return
        at += 12 + size
    raise hostile(f"more than {_MOST_CHUNKS} chunks")
