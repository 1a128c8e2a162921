"""A packed bundle: one zip, of which the same bundle always gives the same bytes.

Stored, not compressed; the manifest first, then the signatures, then each file in the manifest's order; every
header as it is made here. So it is read from front to back, without a look at its directory, and a byte that
differs from what the manifest asks for ends the reading: there is nothing in it that an attacker could choose
and the manifest does not state. Any zip tool opens it all the same (PKWARE APPNOTE 6.3, 4.3.7 to 4.3.16).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Protocol

from edgetl import limits
from edgetl.errors import DamagedBundleError, UsageError
from edgetl.manifest import NAME, SIGNATURES, FileEntry, Manifest, parse
from edgetl.signing import most_bytes

SUFFIX = ".zip"
CHUNK_BYTES = 1 << 18
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION, _FLAGS, _STORED = 20, 0x0800, 0  # of zip; names are UTF-8; not compressed
_TIME, _DATE = 0, 0x21  # 1 January 1980, the earliest there is
_UNIX, _MODE = 3 << 8, 0o100644 << 16
_FIXED = struct.Struct("<4s5H3I2H")
_MOST_SIZE = 2**32 - 1
"""Of the whole: larger ones would need zip64."""


def local_header(name: str, crc: int, size: int) -> bytes:
    """What stands in front of a file."""
    data = name.encode()
    fields = (_LOCAL, _VERSION, _FLAGS, _STORED, _TIME, _DATE, crc, size, size, len(data), 0)
    return _FIXED.pack(*fields) + data


def directory(members: list[tuple[str, int, int]]) -> bytes:
    """What stands behind the last file.

    Args:
        members: name, CRC-32 and bytes of each.
    """
    offset, entries = 0, b""
    for name, crc, size in members:
        data = name.encode()
        entries += struct.pack(
            "<4s6H3I5H2I",
            *(_CENTRAL, _UNIX | _VERSION, _VERSION, _FLAGS, _STORED, _TIME, _DATE, crc, size, size),
            *(len(data), 0, 0, 0, 0, _MODE, offset),
        )
        entries += data
        offset += len(local_header(name, crc, size)) + size
    count = len(members)
    return entries + struct.pack("<4s4H2IH", _END, 0, 0, count, count, len(entries), offset, 0)


def refuse_too_large(manifest: Manifest) -> None:
    """Refuse what no zip can hold without zip64.

    Raises:
        UsageError: the bundle is too large.
    """
    most = limits.current().manifest_bytes
    total = sum(entry.size_bytes for entry in manifest.entries) + most + most_bytes()
    # Headers and directory are less than the names and sizes in the manifest, four times over.
    if total + 4 * most > _MOST_SIZE:
        raise UsageError(f"the bundle has {total} bytes, too many for one zip: install the folder itself")


class Stream(Protocol):
    """What is read from front to back."""

    def read(self, count: int, /) -> bytes:
        """The next bytes: ``count`` or fewer, none at the end."""


class Reader:
    """Reads a packed bundle from front to back, holding one piece of a file at a time."""

    def __init__(self, stream: Stream, where: str) -> None:
        """Read the manifest and the signatures.

        Args:
            stream: at its beginning.
            where: it comes from, for messages.

        Raises:
            BundleError: it is no packed bundle, or its manifest breaks a rule.
            UsageError: its manifest names more than a zip can hold.
        """
        self._stream, self._where = stream, where
        self._members: list[tuple[str, int, int]] = []
        self._at = 0
        self.manifest_bytes = b"".join(self._file(NAME, limits.current().manifest_bytes, self._header()))
        self.manifest = parse(self.manifest_bytes)
        refuse_too_large(self.manifest)
        self.signatures: bytes | None = None
        self._next = self._header()
        if self._next[0] == SIGNATURES:
            self.signatures = b"".join(self._file(SIGNATURES, most_bytes(), self._next))
            self._next = self._header()

    def contents(self) -> Iterator[tuple[FileEntry, Iterator[bytes]]]:
        """Every file that the manifest names, and its bytes in pieces, which must be taken before the next.

        Raises:
            DamagedBundleError: something else stands in the zip than the manifest asks for.
        """
        entries = self.manifest.entries
        for number, entry in enumerate(entries):
            yield entry, self._file(entry.path, entry.size_bytes, self._next, exactly=True)
            if number + 1 < len(entries):
                self._next = self._header()
        expected = directory(self._members)
        if self._exactly(len(expected)) != expected or self._stream.read(1):
            raise self._refused("a directory of other files")

    def _header(self) -> tuple[str, int, int]:
        """Name, CRC-32 and bytes of the file that comes next; every other field must be as it is written."""
        fixed = self._exactly(_FIXED.size)
        *_, crc, size, _, length, _ = _FIXED.unpack(fixed)
        data = self._exactly(min(length, 1024))
        name = data.decode("utf-8", "replace")
        if fixed + data != local_header(name, crc, size):
            raise self._refused("a header that edgetl does not write")
        return name, crc, size

    def _file(
        self, name: str, most: int, header: tuple[str, int, int], *, exactly: bool = False
    ) -> Iterator[bytes]:
        found, crc, size = header
        if found != name:
            raise self._refused(f"{found!r} where {name!r} must be")
        if size > most or (exactly and size != most):
            raise self._refused(
                f"{found!r} of {size} bytes, where {most} are {'named' if exactly else 'allowed'}"
            )
        self._members.append(header)
        left, sum_ = size, 0
        while left:
            piece = self._exactly(min(left, CHUNK_BYTES))
            left -= len(piece)
            sum_ = zlib.crc32(piece, sum_)
            yield piece
        if sum_ != crc:
            raise self._refused(f"{found!r} with another checksum")

    def _exactly(self, count: int) -> bytes:
        pieces, left = [], count
        while left:
            piece = self._stream.read(left)
            if not piece:
                raise DamagedBundleError(f"{self._where} ends after {self._at} bytes: copy it again")
            pieces.append(piece)
            left -= len(piece)
            self._at += len(piece)
        return b"".join(pieces)

    def _refused(self, what: str) -> DamagedBundleError:
        printable = "".join(letter if letter.isprintable() else "?" for letter in what)[:200]
        return DamagedBundleError(
            f"{self._where} has {printable}, near byte {self._at}: it is damaged, or not made by edgetl pack"
        )
