"""BMP files. Layout: Microsoft, BITMAPINFOHEADER and its siblings."""

import struct

from edgetl.limits import Limits
from edgetl.pictures.structure import check_pixels, hostile

_RLE = (1, 2)  # 8 and 4 bits a pixel
_MOST_PIXELS, _WIDEST = 4_000_000, 32_767


def check(data: bytes, limits: Limits) -> None:
    """Refuse large pictures in run-length code, which Pillow decodes in Python: a second for 2 million.

    A code of four bytes can skip 255 rows, which are made at once: so width matters as well.

    Raises:
        StructureError: it is one of them.
    """
    if len(data) < 34 or data[14] == 12:  # the oldest header: 16 bits a side, no compression
        return
    width, height = struct.unpack_from("<Ii", data, 18)
    (compression,) = struct.unpack_from("<I", data, 30)
    check_pixels(width, abs(height), limits)
    if compression in _RLE and (
        width * abs(height) > _MOST_PIXELS or width > _WIDEST or len(data) > 2 * _MOST_PIXELS
    ):
        raise hostile(f"{width} x {abs(height)} pixels in run-length code")
