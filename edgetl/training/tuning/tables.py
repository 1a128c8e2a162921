"""What the upper half reads of every photo, computed once by the fast engine and kept on the disk.

Only the part of the network that learns runs in the training: an epoch costs a fraction of what it
would with the pixels. What is kept of the train photos is float16, in as many versions as are drawn from.
"""

import json
import math
import shutil
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import files, images, isolated
from edgetl.errors import UsageError
from edgetl.progress import Progress
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine
from edgetl.training import sealed
from edgetl.training.dataset import Photo
from edgetl.training.prepare import Prepared
from edgetl.training.tuning import augment
from edgetl.training.tuning.options import TuningOptions, views

_MOST_BYTES = 8_000_000_000
_AHEAD = 16
_LOWER = "lower.json"
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Lower:
    """The half of a backbone that stays as it is."""

    cut: str
    """Name of the layer it ends with."""
    shape: tuple[int, ...]
    """(height, width, channels) of what it gives; of the pixels themselves when there is no lower half."""
    folder: Path | None
    """Where it lies in its engine's format; None when all of the network is trained."""


def lower(prepared: Prepared, classes: int, blocks: str, progress: Progress) -> Lower:
    """Find the lower half in the cache, or make it (some seconds, in a process of its own)."""
    if blocks == "all":
        return Lower("pixels", prepared.choice.contract.shape, None)
    place = prepared.folder / f"lower-{blocks}-{prepared.layers}"
    if not sealed.is_whole(place / _LOWER, f"the cached lower half of {prepared.choice.name}", progress):
        with progress.step("cut the backbone in two"), files.new_folder(place, replace=True) as folder:
            cut, shape = isolated.call(
                "edgetl.training.tuning.cutting:write_lower",
                prepared,
                classes,
                blocks,
                folder,
                doing="cutting the backbone in two",
            )
            sealed.seal(folder / _LOWER, cut=cut, shape=shape)
    known = json.loads((place / _LOWER).read_text("utf-8"))
    return Lower(known["cut"], tuple(known["shape"]), place)


def versions(path: Path, photos: int, others: int, half: Lower, options: TuningOptions) -> int:
    """How many versions of each train photo the table has, or has room for in 8 GB or half of what is free.

    Args:
        path: of the table, which may be there.
        photos: in it.
        others: photos of a second table, of which the plain version is kept, in 32 bits.
        half: the lower half of the backbone.
        options: how versions are made.

    Raises:
        UsageError: there is no room even for one.
    """
    if half.folder is None:
        return 1
    files.remove_stale(path)
    if path.is_file():
        return int(np.load(path, mmap_mode="r").shape[1])
    size = math.prod(half.shape)
    room = min(_MOST_BYTES, shutil.disk_usage(path.parent).free // 2 - others * size * 4)
    each = photos * size * 2
    if each > room:
        raise UsageError(
            f"fine-tuning {photos} photos needs {each / 1e9:.1f} GB in the cache {path.parent} and may take "
            f"{max(room, 0) / 1e9:.1f}: choose --fine-tune all, a smaller --size, or another EDGETL_CACHE"
        )
    return int(min(views(options.augment), room // each))


def write(
    path: Path,
    photos: Sequence[Photo],
    prepared: Prepared,
    half: Lower,
    options: TuningOptions,
    *,
    versions: int | None,
    progress: Progress,
    name: str,
) -> None:
    """Write the table of some photos, unless it is there.

    Args:
        path: ``.npy`` file of what the lower half gives: float16 (n, versions, ...), or float32 (n, ...)
            where ``versions`` is None; uint8 pixels of the same shape where there is none.
        photos: all of them readable.
        prepared: the backbone.
        half: its lower half.
        options: how versions are made.
        versions: of each photo, the plain one first; None for the plain one alone.
        progress: hears of the photos.
        name: of the step.

    Raises:
        ImageError: a photo cannot be read any more.
        WriteError: the disk is full.
    """
    if path.is_file():
        return
    kind: type[np.generic] = (
        np.uint8 if half.folder is None else np.float32 if versions is None else np.float16
    )
    shape = (len(photos), *(() if versions is None else (versions,)), *half.shape)
    with files.new_file(path) as temporary, progress.step(name, total=len(photos)) as advance:
        table = files.new_array(temporary, shape, kind)
        for number, row in enumerate(_rows(photos, prepared, half, options, versions or 1)):
            table[number] = row[0] if versions is None else row
            advance(1)
        table.flush()
        del table


def _rows(
    photos: Sequence[Photo], prepared: Prepared, half: Lower, options: TuningOptions, versions: int
) -> Iterator[NDArray[Any]]:
    """Of each photo (versions, height, width, channels), on all cores, a bounded number ahead."""
    contract = prepared.choice.contract
    own = threading.local()

    def compute(photo: Photo) -> NDArray[Any]:
        pixels = images.decode(photo.path, contract)
        # By the photo's content: another photo added to the folder leaves its versions as they are.
        seed = (options.seed, int(photo.sha256[:12], 16))
        shown = [
            augment.view(pixels, number, augment=options.augment, seed=seed) for number in range(versions)
        ]
        if half.folder is None:
            return np.stack(shown)
        if not hasattr(own, "engine"):
            own.engine = _start(prepared, half.folder)
        answers = np.concatenate([own.engine.run(view[np.newaxis])[0] for view in shown])
        return np.asarray(np.clip(answers, -_LARGEST, _LARGEST))

    waiting: deque[Future[NDArray[Any]]] = deque()
    # A GPU's engine takes turns by itself, and one is enough of it.
    workers = 1 if prepared.engine == "keras" else engines.available_cores()
    with ThreadPoolExecutor(workers) as pool:
        for photo in photos:
            waiting.append(pool.submit(compute, photo))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _start(prepared: Prepared, folder: Path) -> AbstractEngine:
    if prepared.engine == "keras":
        from edgetl.training.keras_engine import KerasEngine  # Keras is loaded for a GPU alone

        return KerasEngine({"lower.keras": (folder / "lower.keras").read_bytes()}, num_threads=1)
    model = {path.name: path.read_bytes() for path in sorted((folder / prepared.engine).iterdir())}
    return engines.start(engines.get(prepared.engine), model, num_threads=1)
