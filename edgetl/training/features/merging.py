"""Many small shards, which kills and small datasets leave, become few."""

import contextlib
import fcntl
from collections import defaultdict
from pathlib import Path

from edgetl import files
from edgetl.errors import WriteError
from edgetl.training.features.shards import HEAD, SUFFIX, Shard, Writer
from edgetl.training.features.table import open_shards

_LARGE = 8192
"""From so many records on a shard stays as it is."""
_MOST = 8
"""Shards of one size class that are left alone: a record is copied a few times in its life at most."""


def merge(folder: Path) -> None:
    """Copy small shards into a larger one wherever eight or more of about one size have gathered.

    Killed in the middle it leaves rows twice, which harms nobody. Shards that another process writes or
    merges are not touched; whoever reads one that is removed has it open still.
    """
    _remove_empty(folder)
    by_size: dict[int, list[Shard]] = defaultdict(list)
    shards = open_shards(folder)
    for shard in shards:
        if shard.count < _LARGE:
            by_size[shard.count.bit_length() // 3].append(shard)
    for group in by_size.values():
        if len(group) >= _MOST:
            with contextlib.suppress(WriteError):  # no room: they stay as they are
                _merge(group, folder)
    for shard in shards:
        shard.close()


def _remove_empty(folder: Path) -> None:
    """Remove what a kill, a power cut or a full disk left of a shard before its first record was whole."""
    for path in folder.glob(f"[!.]*{SUFFIX}"):
        # OSError: it is still written. ValueError: it is no shard, or one of another layout, and stays.
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            begun = file.read(HEAD + 1)
            if len(begun) <= HEAD or not begun.strip(b"\0") or not _count(path):
                files.remove(path, durable=False)


def _count(path: Path) -> int:
    with contextlib.closing(Shard(path)) as shard:
        return shard.count


def _merge(group: list[Shard], folder: Path) -> None:
    with contextlib.ExitStack() as claims:
        ours = [shard for shard in group if claims.enter_context(shard.claimed())]
        if len(ours) < _MOST:
            return
        with contextlib.closing(Writer(folder)) as writer:
            seen: set[bytes] = set()
            for shard in ours:
                for _, record in shard.records():
                    if record[:32] not in seen:
                        seen.add(record[:32])
                        writer.add_record(record)
        # The copy is on the disk, and only now do the originals go.
        for shard in ours:
            shard.remove()
