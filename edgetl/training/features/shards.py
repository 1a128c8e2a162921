"""Files of features: records that check themselves, appended one by one, never changed.

A shard ``NAME.rows`` is a head of 16 bytes and records of one size: the SHA-256 of a picture, its features,
and the CRC-32 of both. So what a kill, a full or a dying disk left of a record is told from a whole one.
Beside a shard that is finished stands ``NAME.index``, which says what is in it without reading it.
"""

import contextlib
import os
import secrets
import struct
import threading
import weakref
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgetl import files
from edgetl.errors import WriteError

Keys: TypeAlias = NDArray[np.uint64]
"""uint64 (n, 2): the first half of each SHA-256, which no two pictures share."""
Places: TypeAlias = NDArray[np.uint32]
"""uint32 (n,): the numbers of records in their shard."""
Rows: TypeAlias = NDArray[np.float32]

SUFFIX = ".rows"
FULL = 65_536
"""Records a shard gets before the next is begun: 340 MB of 1,280 features."""
_MAGIC = b"edgetl\0\2"
_DIGEST, _CRC = 32, 4
HEAD = len(_MAGIC) + 4 + _CRC
"""Bytes before the first record: magic, features of a picture, CRC-32 of both."""
_CHUNK = 1024
"""Records read at a time by whoever reads them all."""
_ENTRY = np.dtype([("key", ">u8", 2), ("place", "<u4")])


def keys_of(hashes: Sequence[str]) -> Keys:
    """The keys of SHA-256 digests in hexadecimal."""
    digests = np.frombuffer(bytes.fromhex("".join(hashes)), ">u8").reshape(len(hashes), 4)
    return digests[:, :2].astype(np.uint64)


def record_bytes(width: int) -> int:
    """The size of a record of so many features."""
    return _DIGEST + 4 * width + _CRC


class Shard:
    """A shard, open for reading; it may be removed meanwhile, and is read all the same."""

    def __init__(self, path: Path) -> None:
        """Open a shard.

        Raises:
            OSError: it has just been removed.
            ValueError: it is none, or its head is damaged.
        """
        self.path = path
        self._file = os.open(path, os.O_RDONLY)
        self.close = weakref.finalize(self, os.close, self._file)
        """Close the file now and not when nobody has the shard any more."""
        head = os.pread(self._file, HEAD, 0)
        self.width = int.from_bytes(head[len(_MAGIC) : -_CRC], "little")
        """Features of a picture."""
        if head != _head(self.width):
            self.close()
            raise ValueError(f"{path} holds no features")
        self._size = record_bytes(self.width)

    @property
    def count(self) -> int:
        """Records that are in it by now."""
        return max(0, (os.fstat(self._file).st_size - HEAD) // self._size)

    def read(self, place: int, key: tuple[int, int]) -> bytes | None:
        """The features of one record as bytes, None unless it is whole and that picture's."""
        record = os.pread(self._file, self._size, HEAD + place * self._size)
        if not self._is_whole(record) or struct.unpack_from(">QQ", record) != key:
            return None
        return record[_DIGEST:-_CRC]

    def entries(self) -> tuple[Keys, Places]:
        """What is in it: keys and places of the records that are whole, as far as the index knows."""
        known = self._read_index()
        return self.index() if known is None else known

    def index(self) -> tuple[Keys, Places]:
        """Read all of it: keys and places of the records that are whole, noted unless it is still growing."""
        with self.claimed() as finished:
            known = self._scan()
            if finished and self.path.exists():
                with contextlib.suppress(WriteError):  # then it is read again next time
                    self._write_index(*known)
        return known

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Keep others from merging this shard; yields whether it worked: not while it is still written."""
        import fcntl  # only POSIX has it

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def note(self, keys: Keys) -> None:
        """Write the index of a shard whose writer knows that every record is whole.

        Raises:
            WriteError: the disk is full.
        """
        self._write_index(keys, np.arange(len(keys), dtype=np.uint32))

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Place and bytes of each record that is whole, a block of them in memory at a time."""
        for first in range(0, self.count, _CHUNK):
            block = os.pread(self._file, _CHUNK * self._size, HEAD + first * self._size)
            for number in range(len(block) // self._size):
                record = block[number * self._size : (number + 1) * self._size]
                if self._is_whole(record):
                    yield first + number, record

    def remove(self) -> None:
        """Delete it; whoever has it open still reads it."""
        # Whoever removes it has its records elsewhere: that it comes back after a power cut harms nobody.
        files.remove(self.path, durable=False)
        files.remove(self._index, durable=False)

    def _write_index(self, keys: Keys, places: Places) -> None:
        entries = np.empty(len(keys), _ENTRY)
        entries["key"], entries["place"] = keys, places
        content = _head(self.width) + entries.tobytes()
        content += zlib.crc32(content).to_bytes(_CRC, "little")
        files.write_bytes(self._index, content, durable=False)

    @property
    def _index(self) -> Path:
        return self.path.with_suffix(".index")

    def _is_whole(self, record: bytes) -> bool:
        if len(record) != self._size:
            return False
        view = memoryview(record)
        return zlib.crc32(view[:-_CRC]) == int.from_bytes(view[-_CRC:], "little")

    def _read_index(self) -> tuple[Keys, Places] | None:
        try:
            content = self._index.read_bytes()
        except OSError:
            return None
        body = content[:-_CRC]
        if zlib.crc32(body) != int.from_bytes(content[-_CRC:], "little") or not body.startswith(
            _head(self.width)
        ):
            return None
        entries = np.frombuffer(body[HEAD:], _ENTRY)
        if len(entries) and int(entries["place"].max()) >= self.count:
            return None  # the shard was cut short
        return entries["key"].astype(np.uint64), entries["place"].astype(np.uint32)

    def _scan(self) -> tuple[Keys, Places]:
        found = [(record[:16], place) for place, record in self.records()]
        keys = np.frombuffer(b"".join(key for key, _ in found), ">u8").reshape(-1, 2).astype(np.uint64)
        return keys, np.array([place for _, place in found], np.uint32)


class Writer:
    """Appends features to new shards; several threads may add, several processes may write to one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._log: files.Log | None = None
        self._keys = bytearray()

    def add(self, sha256: str, row: Rows) -> None:
        """Keep the features of a picture: float32 (features,).

        Raises:
            WriteError: the disk is full; what was added before is kept.
        """
        content = bytes.fromhex(sha256) + row.astype("<f4").tobytes()
        self.add_record(content + zlib.crc32(content).to_bytes(_CRC, "little"))

    def add_record(self, record: bytes) -> None:
        """Keep a whole record, as :meth:`Shard.records` gives them. Raises as :meth:`add`."""
        with self._lock:
            try:
                if self._log is None:
                    self._log = files.Log(self._folder / f"{secrets.token_hex(8)}{SUFFIX}")
                    self._log.append(_head((len(record) - record_bytes(0)) // 4))
                self._log.append(record)
            except WriteError:
                self._give_up()
                raise
            self._keys += record[:16]
            if len(self._keys) == 16 * FULL:
                self._finish()

    def sync(self) -> None:
        """Flush to the disk, so that a power cut costs nothing either."""
        with self._lock:
            if self._log is not None:
                self._log.sync()

    def close(self) -> None:
        """Finish the shard that is being written."""
        with self._lock:
            self._finish()

    def _finish(self) -> None:
        if self._log is None:
            return
        log, keys = self._log, np.frombuffer(bytes(self._keys), ">u8").reshape(-1, 2).astype(np.uint64)
        self._log, self._keys = None, bytearray()
        try:
            log.sync()
            with contextlib.closing(Shard(log.path)) as shard:
                shard.note(keys)
        finally:
            log.close()

    def _give_up(self) -> None:
        """End a shard whose last record may be torn: another after it would be out of step."""
        if self._log is not None:
            self._log.close()
            if not self._keys:
                with contextlib.suppress(OSError):  # it has no record: merging removes it
                    files.remove(self._log.path, durable=False)
        self._log, self._keys = None, bytearray()


def _head(width: int) -> bytes:
    content = _MAGIC + width.to_bytes(4, "little")
    return content + zlib.crc32(content).to_bytes(_CRC, "little")
