"""Rows of features by the SHA-256 of the picture, on disk: a million of them take 24 MB of memory."""

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import CacheError
from edgetl.training.features.shards import SUFFIX, Rows, Shard, keys_of

BLOCK = 4096
"""Rows that are read at a time where nobody says otherwise: 20 MB of 1,280 features."""


@final
class FeatureTable:
    """What is in a folder of shards at the moment it is opened.

    In memory is where each row lies; a row itself is read, and its checksum checked, when it is asked for.
    """

    def __init__(self, folder: Path, parts: Mapping[str, slice] | None = None) -> None:
        """Open a folder of shards of one backbone; it need not exist.

        Args:
            folder: of the shards.
            parts: names of columns, for :meth:`part`.
        """
        self.shards = open_shards(folder)
        """In the order of their names."""
        self._parts, self._columns = parts or {}, slice(None)
        self._scales: Rows | None = None
        entries = [shard.entries() for shard in self.shards]
        keys = np.concatenate([np.empty((0, 2), np.uint64), *(keys for keys, _ in entries)])
        places = np.concatenate([np.empty(0, np.uint32), *(places for _, places in entries)])
        shards = np.repeat(np.arange(len(entries), dtype=np.uint32), [len(keys) for keys, _ in entries])
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        keys = keys[order]
        # Two processes may have computed the same picture at the same time.
        first = np.append(True, (keys[1:] != keys[:-1]).any(axis=1))[: len(keys)]
        self._high, self._low = keys[first, 0], keys[first, 1]
        self._places, self._shards = places[order][first], shards[order][first]

    @property
    def width(self) -> int:
        """Features of a picture; 0 where there are none yet."""
        return len(range(*self._columns.indices(self.shards[0].width if self.shards else 0)))

    @property
    def parts(self) -> tuple[str, ...]:
        """What :meth:`part` knows."""
        return tuple(self._parts)

    @property
    def slices(self) -> tuple[slice, ...]:
        """The columns of each part, in the rows of :attr:`whole`."""
        return tuple(self._parts.values())

    @property
    def whole(self) -> "FeatureTable":
        """The same rows with the columns of all parts."""
        table = copy.copy(self)
        table._columns, table._scales = slice(None), None  # noqa: SLF001 - its own class
        return table

    def part(self, name: str, scales: Rows | None = None) -> "FeatureTable":
        """The same rows, of which only these columns are given.

        Args:
            name: of the columns, or ``both`` for those of all parts.
            scales: float32 (features,), what they are multiplied by; None: by nothing.
        """
        table = copy.copy(self)
        table._columns = slice(None) if name == "both" else self._parts[name]  # noqa: SLF001 - its own class
        table._scales = scales  # noqa: SLF001
        return table

    def __len__(self) -> int:
        return len(self._high)

    def __contains__(self, sha256: str) -> bool:
        return bool(self.has([sha256])[0])

    def __getitem__(self, sha256: str) -> Rows:
        """The features of a picture, float32 (features,); KeyError where there are none."""
        return np.asarray(self.rows([sha256])[0], np.float32)

    def has(self, hashes: Sequence[str]) -> NDArray[np.bool_]:
        """Whether the features of each picture are here: bool (n,)."""
        return self._find(hashes) >= 0

    def rows(self, hashes: Sequence[str]) -> Rows:
        """The features of pictures, float32 (n, features), in the order asked for.

        Raises:
            KeyError: there are none of one of them.
            CacheError: a row is not what was written.
        """
        rows, whole = self._read(hashes)
        if not whole.all():
            damaged = hashes[int(np.argmin(whole))]
            raise CacheError(
                f"the cached features of the picture with SHA-256 {damaged} were damaged while they were in "
                "use: do the same again, and they are computed anew"
            )
        return rows

    def blocks(self, hashes: Sequence[str], size: int = BLOCK) -> Iterator[Rows]:
        """As :meth:`rows`, at most ``size`` of them in memory at a time."""
        for first in range(0, len(hashes), size):
            yield self.rows(hashes[first : first + size])

    def drop_damaged(self, hashes: Sequence[str]) -> int:
        """Read the rows of some pictures and forget those that are not what was written; returns how many."""
        damaged: list[str] = []
        for first in range(0, len(hashes), BLOCK):
            block = hashes[first : first + BLOCK]
            _, whole = self._read(block)
            damaged += [sha256 for sha256, good in zip(block, whole, strict=True) if not good]
        kept = np.ones(len(self), np.bool_)
        kept[self._find(damaged)] = False
        gone = set(self._shards[~kept].tolist())
        self._high, self._low = self._high[kept], self._low[kept]
        self._places, self._shards = self._places[kept], self._shards[kept]
        for number in gone:
            self.shards[number].index()  # leaves them out
        return len(damaged)

    def _find(self, hashes: Sequence[str]) -> NDArray[np.int64]:
        """Where each picture stands in the index, -1 where it does not."""
        if not len(self) or not hashes:
            return np.full(len(hashes), -1, np.int64)
        keys = keys_of(hashes)
        found = np.searchsorted(self._high, keys[:, 0])
        # Equal first halves of a key are as good as impossible, but for one who looked for them.
        while True:
            inside = np.minimum(found, len(self) - 1)
            alike = self._high[inside] == keys[:, 0]
            ahead = (found < len(self)) & alike & (self._low[inside] < keys[:, 1])
            if not ahead.any():
                return np.where(alike & (self._low[inside] == keys[:, 1]), inside, -1)
            found = found + ahead

    def _read(self, hashes: Sequence[str]) -> tuple[Rows, NDArray[np.bool_]]:
        found = self._find(hashes)
        if (found < 0).any():
            raise KeyError(hashes[int(np.argmax(found < 0))])
        rows = np.zeros((len(hashes), self.width), np.float32)
        whole = np.zeros(len(hashes), np.bool_)
        shards, places = self._shards[found], self._places[found]
        for number in np.lexsort((places, shards)).tolist():  # as they lie on the disk
            key = (int(self._high[found[number]]), int(self._low[found[number]]))
            content = self.shards[shards[number]].read(int(places[number]), key)
            if content is not None:
                rows[number] = np.frombuffer(content, "<f4")[self._columns]
                whole[number] = True
        if self._scales is not None:
            rows *= self._scales
        return rows, whole


def open_shards(folder: Path) -> list[Shard]:
    """The shards of a folder, in the order of their names; those whose head is damaged are passed over."""
    shards: list[Shard] = []
    for path in sorted(folder.glob(f"[!.]*{SUFFIX}")):
        with contextlib.suppress(OSError, ValueError):  # merged by another process just now, or none of ours
            shards.append(Shard(path))
    return [shard for shard in shards if shard.width == shards[0].width]
