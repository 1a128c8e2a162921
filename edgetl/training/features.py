"""The backbone runs once over each picture, in a fast engine; what it says of it is kept on disk.

A feature is found again by what decides its value: the bytes of the picture, the contract, the backbone,
its weights and the engine. So a renamed photo costs nothing, and a changed one is computed anew.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgetl import cache, files, images
from edgetl.contract import Contract
from edgetl.errors import ImageError
from edgetl.progress import Progress
from edgetl.runtime.engines import available_cores
from edgetl.training.dataset import Photo
from edgetl.training.prepare import Prepared

_SHARD = 1024
"""Pictures per cache file: what a kill in the middle can cost."""
_BATCH = 32
_AHEAD = 128

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class FeatureCache:
    """Features by the SHA-256 of the picture, in files that are added and never changed."""

    def __init__(self, key: str) -> None:
        self.folder = cache.folder() / "features" / key

    def find(self, wanted: set[str]) -> dict[str, NDArray[np.float32]]:
        """Those of the wanted features that are there: SHA-256 -> float32 (features,)."""
        found: dict[str, NDArray[np.float32]] = {}
        for shard in sorted(self.folder.glob("*.npz")):
            with np.load(shard, allow_pickle=False) as arrays:
                hashes = arrays["sha256"].tolist()
                if wanted.isdisjoint(hashes):
                    continue
                rows = arrays["features"]
            found |= {name: row for name, row in zip(hashes, rows, strict=True) if name in wanted}
        return found

    def add(self, hashes: Sequence[str], rows: NDArray[np.float32]) -> None:
        """Keep features: float32 (n, features), one row for each hash."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files.write_arrays(self.folder / f"{hashes[0][:32]}.npz", sha256=np.array(hashes), features=rows)


def extract(
    photos: Sequence[Photo], prepared: Prepared, progress: Progress
) -> tuple[dict[str, NDArray[np.float32]], dict[Path, str]]:
    """Features of every photo that can be read.

    Returns:
        SHA-256 -> float32 (features,); and the photos that could not be read, with the reason.
    """
    store = FeatureCache(prepared.key)
    features = store.find({photo.sha256 for photo in photos})
    missing = list({photo.sha256: photo for photo in photos if photo.sha256 not in features}.values())
    unreadable: dict[Path, str] = {}
    if missing:
        hashes: list[str] = []
        rows: list[NDArray[np.float32]] = []

        def keep() -> None:
            store.add(hashes, np.stack(rows))
            features.update(zip(hashes, rows, strict=True))
            hashes.clear()
            rows.clear()

        with progress.step("features", total=len(missing)) as advance:
            for photo, row in _rows(missing, prepared, unreadable):
                hashes.append(photo.sha256)
                rows.append(row)
                advance(1)
                if len(hashes) == _SHARD:
                    keep()
        if hashes:
            keep()
    reasons = {photo.sha256: unreadable[photo.path] for photo in missing if photo.path in unreadable}
    return features, {photo.path: reasons[photo.sha256] for photo in photos if photo.sha256 in reasons}


def decode_all(
    photos: Iterable[Photo], contract: Contract, unreadable: dict[Path, str]
) -> Iterator[tuple[Photo, images.Pixels]]:
    """Decode on all cores, in order; photos that cannot be decoded go into ``unreadable`` with the reason."""
    return _on_all_cores(lambda photo: images.decode(photo.path, contract), photos, unreadable)


def _rows(
    photos: Sequence[Photo], prepared: Prepared, unreadable: dict[Path, str]
) -> Iterator[tuple[Photo, NDArray[np.float32]]]:
    """The features of each photo, float32 (features,)."""
    contract = prepared.choice.contract
    if prepared.engine == "keras":
        with prepared.start() as engine:  # a GPU wants batches
            for batch in _batches(decode_all(photos, contract, unreadable), _BATCH):
                (features,) = engine.run(np.stack([pixels for _, pixels in batch]))
                yield from zip((photo for photo, _ in batch), features, strict=True)
        return
    # Each core decodes and infers on its own: nobody waits for anybody, and one thread an inference
    # wastes nothing on splitting it.
    own = threading.local()

    def extract_one(photo: Photo) -> NDArray[np.float32]:
        pixels = images.decode(photo.path, contract)
        if not hasattr(own, "engine"):
            own.engine = prepared.start(num_threads=1)
        (features,) = own.engine.run(pixels[np.newaxis])
        return np.array(features[0], np.float32)

    yield from _on_all_cores(extract_one, photos, unreadable)


def _on_all_cores(
    work: Callable[[Photo], _Result], photos: Iterable[Photo], unreadable: dict[Path, str]
) -> Iterator[tuple[Photo, _Result]]:
    """Do some work on every photo, in order and a bounded number ahead."""

    def attempt(photo: Photo) -> _Result | ImageError:
        try:
            return work(photo)
        except ImageError as error:
            return error

    def settle(photo: Photo, future: Future[_Result | ImageError]) -> Iterator[tuple[Photo, _Result]]:
        outcome = future.result()
        if isinstance(outcome, ImageError):
            unreadable[photo.path] = str(outcome)
        else:
            yield photo, outcome

    ahead: deque[tuple[Photo, Future[_Result | ImageError]]] = deque()
    with ThreadPoolExecutor(available_cores()) as pool:
        for photo in photos:
            ahead.append((photo, pool.submit(attempt, photo)))
            if len(ahead) > _AHEAD:
                yield from settle(*ahead.popleft())
        for waiting in ahead:
            yield from settle(*waiting)


def _batches(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    while batch := list(itertools.islice(items, size)):
        yield batch
