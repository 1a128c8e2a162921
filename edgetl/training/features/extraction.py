"""The backbone runs once over each picture, in a fast engine; what it says of it is kept on disk.

A feature is found again by what decides its value: the bytes of the picture, the view of it, the contract,
the backbone, its weights and the engine. So a renamed photo costs nothing, a changed one is computed anew.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from edgetl import cache, pillow_warnings
from edgetl.progress import Progress
from edgetl.runtime.base import AbstractEngine
from edgetl.training.dataset import Photo
from edgetl.training.features import views
from edgetl.training.features.decoding import on_all_cores
from edgetl.training.features.merging import merge
from edgetl.training.features.shards import Writer, record_bytes
from edgetl.training.features.table import FeatureTable
from edgetl.training.prepare import Prepared
from edgetl.wording import counted

_BATCH = 32
"""Pictures a GPU gets at once, always so many: another number may round differently."""
_SYNC_S = 1.0
"""What a power cut can cost; a kill costs only the pictures in hand."""

_Item = TypeVar("_Item")


def extract(
    photos: Sequence[Photo], prepared: Prepared, progress: Progress, *, view: int = 0
) -> tuple[FeatureTable, dict[Path, str]]:
    """Features of every photo that can be read.

    Only what is not in the cache is computed, and is there as soon as it is: killed at any moment, the next
    call goes on from there. Of each photo 24 bytes stay in memory, which say where its features lie.

    Args:
        photos: those wanted.
        prepared: the backbone.
        progress: hears of each picture computed.
        view: which view of each picture, 0 for the picture as the contract says; see ``views.TABLE``.

    Returns:
        The table of the features that ``prepared.layers`` names, the others being one ``part`` away; and the
        photos that could not be read, with the reason.

    Raises:
        UsageError: there is no such view.
        WriteError: the cache has no room for the features.
    """
    look = views.get(view)
    folder = cache.folder() / "features" / prepared.key / look.key
    merge(folder)
    table = FeatureTable(folder, prepared.columns)
    hashes = [photo.sha256 for photo in photos]
    known = table.has(hashes)
    damaged = table.drop_damaged(list(itertools.compress(hashes, known)))
    if damaged:
        rows = counted(damaged, "cached row of features was", "cached rows of features were")
        progress.warn(f"{rows} damaged and computed anew")
        known = table.has(hashes)
    # One picture under several names is computed once.
    missing = list({photo.sha256: photo for photo in itertools.compress(photos, ~known)}.values())
    if not missing:
        return table.part(prepared.layers, prepared.scales), {}
    record = record_bytes(max(part.stop for part in prepared.columns.values()))
    cache.refuse_without_room(len(missing) * record, "the features of the photos take")
    unreadable: dict[Path, str] = {}
    with (
        contextlib.closing(Writer(folder)) as writer,
        progress.step("features", total=len(missing)) as advance,
        pillow_warnings.HIDDEN,
    ):
        synced = time.monotonic()
        for count in _compute(missing, prepared, look, writer, unreadable):
            advance(count)
            if time.monotonic() > synced + _SYNC_S:
                writer.sync()
                synced = time.monotonic()
    reasons = {photo.sha256: unreadable[photo.path] for photo in missing if photo.path in unreadable}
    failed = {photo.path: reasons[photo.sha256] for photo in photos if photo.sha256 in reasons}
    return FeatureTable(folder, prepared.columns).part(prepared.layers, prepared.scales), failed


def warn_unreadable(unreadable: Mapping[Path, str], progress: Progress) -> None:
    """Name the photos that :func:`extract` could not read, each with the reason."""
    for path, reason in unreadable.items():
        progress.warn(f"skipped: {reason if str(path) in reason else f'{path}: {reason}'}")


def _compute(
    photos: Sequence[Photo],
    prepared: Prepared,
    look: views.View,
    writer: Writer,
    unreadable: dict[Path, str],
) -> Iterator[int]:
    """Put the features of each photo into the cache; yields how many more were done."""
    contract = prepared.choice.contract
    if prepared.engine == "keras":
        with prepared.start() as engine:
            decoded = on_all_cores(lambda photo: look.decode(photo.path, contract), photos, unreadable)
            for batch in _batches(decoded, _BATCH):
                pixels = np.zeros((_BATCH, *contract.shape), np.uint8)
                pixels[: len(batch)] = [picture for _, picture in batch]
                (features,) = engine.run(pixels)
                for (photo, _), row in zip(batch, features, strict=False):  # the last batch is filled up
                    writer.add(photo.sha256, row)
                yield len(batch)
        return
    # Each core decodes and infers on its own: nobody waits for anybody, and one thread an inference
    # wastes nothing on splitting it.
    own = threading.local()

    def extract_one(photo: Photo) -> None:
        pixels = look.decode(photo.path, contract)
        if not hasattr(own, "engine"):
            own.engine = prepared.start(num_threads=1)
        engine: AbstractEngine = own.engine
        (features,) = engine.run(pixels[np.newaxis])
        writer.add(photo.sha256, features[0])

    for _ in on_all_cores(extract_one, photos, unreadable):
        yield 1


def _batches(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    while batch := list(itertools.islice(items, size)):
        yield batch
