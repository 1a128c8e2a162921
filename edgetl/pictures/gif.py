"""GIF files. Layout: GIF89a specification."""

import struct

from edgetl.limits import Limits
from edgetl.pictures.structure import check_pixels, hostile

_EXTENSION, _IMAGE = 0x21, 0x2C
_MOST_BLOCKS = 4096  # of up to 255 bytes: a megabyte of comments or XMP


def check(data: bytes, limits: Limits) -> None:
    """Refuse thousands of blocks before the first picture: Pillow's time grows with their square.

    Raises:
        StructureError: there are so many, or too many pixels.
    """
    if len(data) < 13:
        return
    canvas_width, canvas_height, flags = struct.unpack_from("<HHB", data, 6)
    check_pixels(canvas_width, canvas_height, limits)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    blocks = 0
    while at < len(data) and blocks <= _MOST_BLOCKS:
        blocks += 1
        if data[at] == _EXTENSION:
            at += 2
            while at < len(data) and data[at] and blocks <= _MOST_BLOCKS:
                blocks += 1
                at += 1 + data[at]
            at += 1
        elif data[at] == _IMAGE:
            if at + 9 <= len(data):
                left, top, width, height = struct.unpack_from("<HHHH", data, at + 1)
                check_pixels(max(canvas_width, left + width), max(canvas_height, top + height), limits)
            return
        else:
            at += 1
    if blocks > _MOST_BLOCKS:
        raise hostile("thousands of blocks before its first picture")
