"""JPEG files. Layout: ITU-T T.81, annex B."""

import re
import struct
from collections.abc import Iterator
from hashlib import sha256

from edgetl.limits import Limits
from edgetl.pictures import exif
from edgetl.pictures.structure import check_pixels, hostile

END = b"\xff\xd9"
_SCAN = b"\xff\xda"
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xDE} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x00, *range(0xD0, 0xDA), *range(0xF0, 0xFE), 0xC8})
"""Codes that Pillow steps over without a length."""
# Behind the first scan's header. Codes below these have no length: libjpeg steps over them, or gives up.
_LATER_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
# What is no marker, fill bytes, and the code.
_MARKER = re.compile(rb"([^\xff]*)(\xff+)([^\xff])", re.DOTALL)
_MOST_SEGMENTS = (
    1024  # ICC profiles and XMP data are cut into 64 kB each: more do not fit into the limit of bytes
)
_MOST_JUNK = 65_536
_MOST_EXIF = 64
_MOST_TABLES = 65_536  # bytes of quantization tables, of which four of 129 are in use at a time
_MOST_SCANS = 1000
# A scan may be a few bytes long and still goes through every pixel: 32 times the default limit of pixels.
_MOST_SCANNED = 1_600_000_000
_NOISE = [sha256(bytes([number])).digest().replace(b"\xff", b"\x55") for number in range(16)]
# Bits at random, enough to be seen at an eighth of the size; then with all restart markers between, since
# libjpeg passes over all else where one is due.
_PADDING = b"".join(_NOISE * 2) + b"".join(
    bytes([0xFF, 0xD0 + number % 8]) + noise for number, noise in enumerate(_NOISE)
)


def check(data: bytes, limits: Limits) -> None:
    """Refuse what would keep Pillow or libjpeg busy for long.

    Raises:
        StructureError: thousands of segments, of bytes between them, or of scans; EXIF data that are a trap;
            too many pixels.
    """
    held: list[bytes] = []
    pixels, progressive, components, tables = 0, False, 0, 0
    for code, start, size in _segments(data):
        if code in _FRAMES:
            if start + 6 > len(data):
                return
            height, width, components = struct.unpack_from(">HHB", data, start + 1)
            check_pixels(width, height, limits)
            pixels = max(pixels, width * height)
            progressive = code in _PROGRESSIVE
        elif code == 0xDB:
            tables += size
        elif code == 0xE1 and data.startswith(b"Exif\0\0", start):
            held.append(data[start : start + size])
        elif code == 0xE2 and data.startswith(b"MPF\0", start):
            exif.check(data[start + 4 : start + size])
        elif code == _SCAN[1] and (progressive or data[start : start + 1] != bytes([components])):
            scans = _scans_from(data, start - 2)
            if scans >= _MOST_SCANS or scans * pixels > _MOST_SCANNED:
                raise hostile(f"{scans + 1} scans of {pixels / 1e6:.1f} million pixels")
    if len(held) > _MOST_EXIF or tables > _MOST_TABLES:
        raise hostile("EXIF data or tables over and over again")
    if held:
        exif.check(held[0] + b"".join(part[6:] for part in held[1:]))


def _scans_from(data: bytes, at: int) -> int:
    """How many scans follow the first, whose length stands at ``at``, before the end of the picture.

    What lies behind that is no part of it: the video of a motion photo, or other pictures.

    Raises:
        StructureError: there are thousands of segments between.
    """
    scans = 0
    for _ in range(4 * _MOST_SCANS):
        at += max(int.from_bytes(data[at : at + 2], "big"), 2)
        found = _LATER_MARKER.search(data, at)
        if not found or found[0] == END:
            return scans
        scans += found[0] == _SCAN
        at = found.end()
    raise hostile("thousands of segments between its scans")


def breaks_off(data: bytes) -> bool:
    """Whether the end is missing."""
    return data.rfind(END, _first_scan(data)) < 0


def may_have_run_dry(corner: object) -> bool:
    """Whether the last pixel, as Pillow gives it, may be the grey that libjpeg puts where it has no data.

    By its luma, or its black: colour is smoothed with that of pixels before it.
    """
    match corner:
        case (int(red), int(green), int(blue)):
            luma = 0.299 * red + 0.587 * green + 0.114 * blue
        case (_, _, _, int(luma)) | int(luma):
            pass
        case _:
            return False
    return abs(luma - 128) <= 3


def padded(data: bytes) -> bytes:
    """The same picture with more data behind those of its last pixel.

    A decoder that has decoded all pixels before does not look at them; one that has not shows them.
    """
    end = data.find(END, _first_scan(data))
    return data[:end] + _PADDING + data[end:]


def _first_scan(data: bytes) -> int:
    return max((start for _, start, _ in _segments(data)), default=0)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(code, where its data begin, their length) up to the first scan, as Pillow walks over them."""
    at, junk = 2, 0
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.match(data, at, at + _MOST_JUNK)
        if not found:
            if len(data) - at > _MOST_JUNK:
                break
            return
        junk += found.end() - found.start() - 2
        if junk > _MOST_JUNK:
            break
        code, at = found[3][0], found.end()
        if code in _ALONE:
            continue
        if at + 2 > len(data):
            return
        size = int.from_bytes(data[at : at + 2], "big")
        yield code, at + 2, size - 2
        if code == _SCAN[1]:
            return
        at += max(size, 2)
    raise hostile("thousands of segments, or bytes between them")
