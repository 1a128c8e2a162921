"""Which pictures calibrate and which score, decoded once for all variants."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import files
from edgetl.contract import Contract
from edgetl.errors import RunError
from edgetl.progress import Progress
from edgetl.training.dataset import Photo
from edgetl.training.features import decode_all
from edgetl.training.hashing import hash_file


@dataclass(frozen=True)
class PixelSet:
    """Decoded pictures on disk, which every variant reads."""

    pixels: Path
    """``.npy``: uint8 (n, height, width, 3), RGB."""
    photos: tuple[Photo, ...]
    """Where they come from, in the same order."""

    @property
    def truth(self) -> NDArray[np.int64]:
        """int64 (n,), the right classes."""
        return np.array([photo.label for photo in self.photos], np.int64)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the contents of the pictures, whatever their order."""
        return hashlib.sha256("\n".join(sorted(photo.sha256 for photo in self.photos)).encode()).hexdigest()

    def load(self) -> NDArray[np.uint8]:
        """The pixels, read from the disk as they are touched."""
        array: NDArray[np.uint8] = np.load(self.pixels, mmap_mode="r")
        return array


def stratified(photos: Sequence[Photo], count: int) -> tuple[Photo, ...]:
    """At most ``count`` different pictures, as evenly from the classes as they allow.

    The choice depends on the pictures' contents alone, so the same run calibrates on the same pictures.
    """
    by_class: dict[int, list[Photo]] = defaultdict(list)
    unique = {photo.sha256: photo for photo in photos}
    for photo in sorted(unique.values(), key=lambda photo: photo.sha256):
        by_class[photo.label].append(photo)
    chosen: list[Photo] = []
    queues = [by_class[label] for label in sorted(by_class)]
    while queues and len(chosen) < count:
        chosen += [queue.pop(0) for queue in queues][: count - len(chosen)]
        queues = [queue for queue in queues if queue]
    return tuple(chosen)


def decode_set(
    photos: Sequence[Photo], contract: Contract, place: Path, *, what: str, progress: Progress
) -> PixelSet:
    """Decode photos into ``place``, checking that each is still the file it was when trained.

    Raises:
        RunError: a photo is gone, changed or unreadable; the message names the first.
    """
    pixels = files.new_array(place, (len(photos), *contract.shape), np.uint8)
    unreadable: dict[Path, str] = {}
    count = 0
    with progress.step(f"decode {what}", total=len(photos)) as advance:
        for _, decoded in decode_all([_unchanged(photo) for photo in photos], contract, unreadable):
            pixels[count] = decoded
            count += 1
            advance(1)
    if unreadable:
        raise RunError(next(iter(unreadable.values())))
    pixels.flush()
    return PixelSet(place, tuple(photos))


def _unchanged(photo: Photo) -> Photo:
    way_out = "give the folder of photos with --data, or train again"
    try:
        digest = hash_file(photo.path)
    except OSError as error:
        raise RunError(
            f"{photo.path}, a photo of this run, cannot be read ({error.strerror}): {way_out}"
        ) from error
    if digest != photo.sha256:
        raise RunError(f"{photo.path} has changed since the run was trained: {way_out}")
    return photo
