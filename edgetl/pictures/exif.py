"""EXIF data: the orientation, and whether it is safe to let Pillow read the rest.

A tag of a TIFF directory, which EXIF data is, names a place and a length, and nothing keeps thousands of tags
from all naming the same megabytes: Pillow would copy them once for each. Layout: TIFF 6.0, section 2;
EXIF 2.32.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from edgetl.pictures.structure import StructureError, hostile

_ORIENTATION = 0x0112
ON_THEIR_SIDE = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""

SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Type of a tag -> bytes of one of its values."""
# The signed kinds too: what is negative becomes too large, and is refused as that.
_INTEGERS = {3: "H", 4: "L", 8: "H", 9: "L", 16: "Q", 17: "Q"}
_SUB_DIRECTORIES = frozenset({34665, 34853, 40965})  # EXIF, GPS, interoperability: Pillow reads these too
_MOST_TAGS = 65_535  # what a directory of TIFF can hold; of BigTIFF it is a million million million
_PREFIX = b"Exif\0\0"
# XMP, where some programs put the orientation alone.
_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


class Tag(NamedTuple):
    """One entry of a directory."""

    number: int
    kind: int
    """Type, see ``SIZES``."""
    values: int
    """How many."""
    place: int
    """Of the values in the file."""


class Directory:
    """The first directory of TIFF data, without its values."""

    def __init__(self, data: bytes) -> None:
        """Look at the header; data of another kind has no tags."""
        self.data = data
        self.order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
        # As Pillow tells BigTIFF, of 8-byte counts and offsets; it takes MM with a 43 for the ordinary kind.
        self.big = data[2:3] == b"\x2b"
        entry = "HHQ8s" if self.big else "HHL4s"
        self._entry = struct.Struct(f"{self.order or '<'}{entry}")
        self._pointer = struct.Struct(f"{self.order or '<'}{'Q' if self.big else 'L'}")

    def tags(self) -> Iterator[Tag]:
        """Those of the first directory."""
        place = 8 if self.big else 4
        if self.order and len(self.data) >= place + self._pointer.size:
            yield from self.tags_at(*self._pointer.unpack_from(self.data, place))

    def tags_at(self, place: int) -> Iterator[Tag]:
        """Those of the directory there, as many as lie in the data.

        Raises:
            StructureError: there are more than a TIFF can have.
        """
        head = 8 if self.big else 2
        if place + head > len(self.data):
            return
        (count,) = struct.unpack_from(f"{self.order}{'Q' if self.big else 'H'}", self.data, place)
        start = place + head
        inside = min(count, (len(self.data) - start) // self._entry.size)
        if inside > _MOST_TAGS:
            raise hostile(f"{inside} tags")
        short = self._pointer.size
        for number in range(inside):
            at = start + number * self._entry.size
            tag, kind, values, content = self._entry.unpack_from(self.data, at)
            outside = values * SIZES.get(kind, 0) > short
            yield Tag(
                tag,
                kind,
                values,
                *(self._pointer.unpack(content) if outside else (at + self._entry.size - short,)),
            )

    def integer(self, tag: Tag) -> int | None:
        """The value of a tag that has one whole number."""
        code = _INTEGERS.get(tag.kind)
        if code is None or tag.values != 1 or tag.place + SIZES[tag.kind] > len(self.data):
            return None
        return int(struct.unpack_from(self.order + code, self.data, tag.place)[0])


def check(data: bytes) -> None:
    """Refuse directories whose tags hold more than the data do; see :func:`read_bytes`.

    Args:
        data: EXIF data, with or without its prefix, or a TIFF file.

    Raises:
        StructureError: they do.
    """
    directory = Directory(_without_prefix(data))
    tags = list(directory.tags())
    todo, total = [tags], read_bytes(tags, len(data))
    seen: set[int] = set()
    while todo:
        for tag in todo.pop():
            place = directory.integer(tag) if tag.number in _SUB_DIRECTORIES else None
            if place is not None and place not in seen:
                seen.add(place)
                todo.append(list(directory.tags_at(place)))
                total += read_bytes(todo[-1], len(data))
    # Twice what is there: small values may be shared, and a file may hold its thumbnail's tags twice.
    if total > 2 * len(data) + 65_536:
        raise hostile("tags that lie over one another")


def read_bytes(tags: list[Tag], size: int) -> int:
    """Bytes that Pillow copies for these tags of ``size`` bytes: it stops at the first that lies outside."""
    total = 0
    for tag in tags:
        length = tag.values * SIZES.get(tag.kind, 0)
        if tag.place + length > size:
            break
        total += length
    return total


def orientation(image: Image.Image) -> int:
    """How a picture that Pillow opened was held, 1 to 8, by its EXIF data or else its XMP; 1 if neither says.

    The same whatever Pillow's version: how much of the two each reads differs.
    """
    if image.format == "TIFF":
        return of_pillow(image)
    if image.format == "PNG" and "exif" not in image.info:
        image.load()  # it may come after the pixels
    held = _of_exif(_blob(image))
    if held is not None:
        return held
    xmp = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp") or b""
    found = _IN_XMP.search(xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp)
    return int(found[1]) if found else 1


def of_pillow(image: Image.Image) -> int:
    """The same as Pillow has it: of a picture that a program made, or whose EXIF data it changed."""
    try:
        held = image.getexif().get(_ORIENTATION)
        return held if isinstance(held, int) else 1
    except Exception:  # noqa: BLE001 - damaged EXIF data, of whatever kind, does not spoil the picture
        return 1


def _blob(image: Image.Image) -> bytes:
    blob = image.info.get("exif")
    raw = image.info.get("Raw profile type exif")  # ImageMagick's PNG
    if blob is None and isinstance(raw, str):
        try:
            blob = bytes.fromhex("".join(raw.split("\n")[3:]))
        except ValueError:
            blob = None
    return blob if isinstance(blob, bytes) else b""


def _of_exif(blob: bytes) -> int | None:
    directory, held = Directory(_without_prefix(blob)), None
    try:
        for tag in directory.tags():
            if tag.number == _ORIENTATION:  # as Pillow: the last one, if there are several
                held = directory.integer(tag) or 1
    except (struct.error, StructureError):  # damaged EXIF data does not spoil the picture
        return 1
    return held


def _without_prefix(data: bytes) -> bytes:
    while data.startswith(_PREFIX):
        data = data[len(_PREFIX) :]
    return data
