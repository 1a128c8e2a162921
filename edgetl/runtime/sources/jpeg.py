"""Cuts a stream of bytes into JPEG pictures."""

import re
from collections.abc import Iterator

from edgetl import limits

# ITU-T T.81, B.1.1.2: after a marker's FF comes any number of fill bytes FF, then its code. In coded data
# FF 00 is a byte FF, and D0 to D7 restart the decoder; any other code ends the scan.
_START = b"\xff\xd8\xff"
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SOI, _EOI, _SOS, _FILL = 0xD8, 0xD9, 0xDA, 0xFF
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Codes of markers that no length follows."""


class JpegCutter:
    """Finds the pictures in a stream of bytes that has no other structure, or one that is not to be trusted.

    Segments are stepped over by their length, so that a thumbnail inside EXIF data neither begins nor ends a
    picture. What lies between pictures is skipped; a picture that breaks off is dropped and the next one
    found. How the stream is divided into calls makes no difference. Method: ITU-T T.81, annex B.
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        """Start at the beginning of a stream; a picture over ``limit_bytes`` is skipped.

        None takes this machine's limit, see :mod:`edgetl.limits`.
        """
        self._limit = limits.current().picture_bytes if limit_bytes is None else limit_bytes
        self._data = bytearray()
        self._at = 0  # all before it is looked at; 0 while a start is searched, which then is at 0
        self._in_scan = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each picture that ``data`` completes; take all before the next call.

        At most ``limit_bytes`` and ``data`` are kept in memory.
        """
        self._data += data
        while self._step():
            if self._at < 0:
                size, self._at = -self._at, 0
                yield bytes(self._data[:size])
                del self._data[:size]

    def _step(self) -> bool:
        """Go one marker on; False where more bytes are needed.

        At the end of a picture ``_at`` becomes its size, negative.
        """
        if self._at == 0:
            return self._search()
        if self._at + 4 > self._limit:
            return self._skip_too_large()
        return self._scan() if self._in_scan else self._marker()

    def _search(self) -> bool:
        found = self._data.find(_START)
        # Nothing found: the last two bytes may be the beginning of a start.
        del self._data[: found if found >= 0 else max(0, len(self._data) - 2)]
        if found < 0:
            return False
        self._at, self._in_scan = 2, False
        return True

    def _marker(self) -> bool:
        head = self._data[self._at : self._at + 4]
        if len(head) < 2:
            return False
        mark, code = head[0], head[1]
        if mark != _FILL or code == 0:
            return self._skip(2)
        if code == _FILL:
            self._at += 1
        elif code in _ALONE:
            self._at += 2
        elif code == _EOI:
            self._at = -(self._at + 2)
        elif code == _SOI:  # the picture broke off, and the next one is here
            return self._skip(self._at)
        elif len(head) < 4:
            return False
        else:
            length = head[2] << 8 | head[3]
            if length < 2:
                return self._skip(2)
            self._at += 2 + length
            self._in_scan = code == _SOS
        return True

    def _scan(self) -> bool:
        found = _END_OF_SCAN.search(self._data, self._at, self._limit)
        if found:
            self._at, self._in_scan = found.start(), False
            return True
        # The last byte may be the FF of a marker.
        self._at = max(self._at, min(len(self._data), self._limit) - 1)
        return self._at + 4 > self._limit

    def _skip_too_large(self) -> bool:
        """Drop the whole limit at once: looking into it again could take for ever."""
        return len(self._data) >= self._limit and self._skip(self._limit)

    def _skip(self, count: int) -> bool:
        del self._data[:count]
        self._at = 0
        return True
