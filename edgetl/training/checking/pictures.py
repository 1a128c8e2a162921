"""What each photo is like, from its header and the pixels the model gets: decoded once, kept by content."""

import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgetl import cache, files, images
from edgetl.contract import Contract
from edgetl.errors import ImageError, WriteError
from edgetl.progress import Progress
from edgetl.runtime.engines import available_cores
from edgetl.training.dataset import Photo

_LAYOUT = 2
"""Raise it when the same photo would be described differently: old cache entries are then left alone."""
_AT_ONCE = 512
_NUMBERS = 7
# MPO: a JPEG of several pictures, as phones take. For PNG, Pillow would decode all of it to find none.
_EXIF_FORMATS = ("JPEG", "MPO", "WEBP", "TIFF")
_MAKE, _MODEL, _CHANGED, _EXIF, _TAKEN = 0x010F, 0x0110, 0x0132, 0x8769, 0x9003  # EXIF 2.32, tables 4 and 6
_LONGEST = 60


@dataclass(frozen=True, slots=True)  # there may be a million
class Picture:
    """A photo in figures. Brightness and the like are those of the pixels that the model gets, 0 to 255."""

    width: int
    """Pixels of the file, as it is stored: not turned."""
    height: int
    size_bytes: int
    chroma: float
    """99th percentile of the distance between the largest and the smallest of red, green and blue."""
    brightness: float
    """Mean luma (ITU-R BT.601)."""
    contrast: float
    """Standard deviation of the luma."""
    sharpness: float
    """Variance of the luma's Laplacian (Pech-Pacheco et al., ICPR 2000): small where nothing has an edge."""
    format: str
    """``JPEG``, whatever the file's name ends with."""
    mode: str
    """How the file stores colour, as Pillow names it: ``RGB``, ``L``, ``P`` …"""
    camera: str
    """Make and model in the EXIF data; empty where it has none."""
    taken: str
    """When, by the EXIF data, ``2026:11:22 10:00:00``; empty where it does not say."""

    @property
    def is_grey(self) -> bool:
        """Whether it shows no colour; JPEG leaves a trace in grey pictures that were stored as colour."""
        return self.chroma <= 10


def describe(
    photos: Sequence[Photo], contract: Contract, progress: Progress
) -> tuple[dict[str, Picture], dict[Path, str]]:
    """Look at every photo once.

    Returns:
        SHA-256 -> what it is like; and the photos that could not be decoded, with the reason.
    """
    folder = cache.folder() / "pictures" / f"{_LAYOUT}-{contract.pixels_key}"
    wanted = {photo.sha256: photo for photo in photos}
    found = _kept(folder, set(wanted))
    missing = [photo for digest, photo in wanted.items() if digest not in found]
    reasons: dict[str, str] = {}
    with (
        progress.step("look at the photos", total=len(missing)) as advance,
        ThreadPoolExecutor(available_cores()) as pool,
    ):
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE]
            new: dict[str, Picture] = {}
            for photo, outcome in zip(
                part, pool.map(lambda p: _attempt(p.path, contract), part), strict=True
            ):
                if isinstance(outcome, Picture):
                    new[photo.sha256] = outcome
                else:
                    reasons[photo.sha256] = outcome
                advance(1)
            found |= new
            _keep(folder, new, progress)
    return found, {photo.path: reasons[photo.sha256] for photo in photos if photo.sha256 in reasons}


def _attempt(path: Path, contract: Contract) -> Picture | str:
    try:
        header = images.open_header(path)
        return measure(path.stat().st_size, header, images.decode(path, contract))
    except (ImageError, OSError) as error:
        return str(error)


def measure(size_bytes: int, header: Image.Image, pixels: images.Pixels) -> Picture:
    """The figures of one photo.

    Args:
        size_bytes: of its file.
        header: as :func:`edgetl.images.open_header` gives it.
        pixels: uint8 (h, w, 3), RGB, h and w of 3 or more.
    """
    chroma = np.ptp(pixels, axis=2)
    luma = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    inner = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * inner
    camera, taken = _exif(header)
    return Picture(
        width=header.width,
        height=header.height,
        size_bytes=size_bytes,
        chroma=float(np.percentile(chroma, 99)),
        brightness=float(luma.mean()),
        contrast=float(luma.std()),
        sharpness=float(laplacian.var()),
        format=header.format or "",
        mode=header.mode,
        camera=camera,
        taken=taken,
    )


def _exif(header: Image.Image) -> tuple[str, str]:
    if header.format not in _EXIF_FORMATS:
        return "", ""
    try:
        exif = header.getexif()
        make, model = (str(exif.get(tag) or "") for tag in (_MAKE, _MODEL))
        taken = str(exif.get_ifd(_EXIF).get(_TAKEN) or exif.get(_CHANGED) or "")
    except Exception:  # noqa: BLE001 - damaged EXIF data, of whatever kind, does not spoil the picture
        return "", ""
    return _plain(model if model.startswith(make) else f"{make} {model}"), _plain(taken)


def _plain(text: str) -> str:
    return "".join(filter(str.isprintable, text)).strip()[:_LONGEST]


def _kept(folder: Path, wanted: set[str]) -> dict[str, Picture]:
    found: dict[str, Picture] = {}
    for file in sorted(folder.glob("*.npz")):
        found |= {digest: picture for digest, picture in _read(file) if digest in wanted}
    return found


def _read(file: Path) -> Iterator[tuple[str, Picture]]:
    """What a file of the cache holds: nothing, when it is damaged (a zip has a checksum for each array)."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            digests, numbers, words = arrays["sha256"], arrays["numbers"], arrays["words"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return
    for digest, row, text in zip(digests.tolist(), numbers.tolist(), words.tolist(), strict=True):
        yield digest, Picture(int(row[0]), int(row[1]), int(row[2]), *row[3:], *text)


def _keep(folder: Path, new: dict[str, Picture], progress: Progress) -> None:
    if not new:
        return
    rows = [astuple(picture) for picture in new.values()]
    numbers: NDArray[np.float64] = np.array([row[:_NUMBERS] for row in rows], np.float64)
    words = np.array([row[_NUMBERS:] for row in rows], f"<U{_LONGEST}")
    try:
        files.make_folders(folder)
        files.remove_leftovers(folder)  # no later file will have the name of one that was killed here
        place = folder / f"{min(new)[:32]}-{os.getpid()}.npz"
        files.write_arrays(place, sha256=np.array(list(new)), numbers=numbers, words=words)
    except (WriteError, OSError) as error:  # only the next check is slower
        progress.warn(f"what was seen of the photos is not kept: {error}")
