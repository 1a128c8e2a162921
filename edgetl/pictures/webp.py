"""WebP files. Layout: RFC 9649."""

import struct

from edgetl.limits import Limits
from edgetl.pictures import exif
from edgetl.pictures.structure import check_pixels, hostile

_MOST_CHUNKS = 65_536


def check(data: bytes, limits: Limits) -> None:
    """Refuse too many pixels: libwebp takes the memory for them as soon as it opens the file.

    Raises:
        StructureError: they are too many, or the EXIF data are a trap.
    """
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            return
        kind, size = struct.unpack_from("<4sI", data, at)
        start = at + 8
        check_pixels(*_size(kind, data[start : start + 10]), limits)
        if kind == b"EXIF":
            exif.check(data[start : start + size])
        at = start + size + (size & 1)
    raise hostile(f"more than {_MOST_CHUNKS} chunks")


def _size(kind: bytes, head: bytes) -> tuple[int, int]:
    """(width, height) by the first bytes of a chunk; (0, 0) where it says none."""
    if len(head) < 10:
        return 0, 0
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and head[0] == 0x2F:
        (bits,) = struct.unpack_from("<I", head, 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return 0, 0
