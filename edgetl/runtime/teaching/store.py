"""The file beside a bundle that holds what was taught."""

import hashlib
import json
import shlex
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import files, strict_json
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, DamagedBundleError, UsageError
from edgetl.runtime.teaching import beside
from edgetl.runtime.teaching.archive import Archive
from edgetl.runtime.teaching.learned import Guard, Learned
from edgetl.runtime.teaching.taught import MOST_PICTURES, Taught

VERSION = 1
"""Of the file's layout."""
MOST_BYTES = 32_000_000
"""500 pictures of the widest embedding that has exemplars take 25 MB; of 1,280 features 1.3 MB."""
_MOST_ABOUT = 256_000
_ARRAYS = ("about", "centre", "kernel", "bias", "features", "owners")


def digest(bundle: Bundle) -> str:
    """What the learned file belongs to: the labels, exemplars and models of a bundle, as SHA-256."""
    manifest = bundle.manifest
    hashes = [entry.sha256 for variant in manifest.variants for entry in variant.files]
    exemplars = manifest.exemplars.sha256 if manifest.exemplars is not None else None
    return hashlib.sha256(json.dumps([bundle.labels, exemplars, hashes]).encode()).hexdigest()


def write(bundle: Bundle, learned: Learned, taught: Taught) -> None:
    """Replace the file, atomically.

    Raises:
        UsageError: it would be larger than a file that is read.
        WriteError: the place is read-only, or the disk is full.
    """
    about = {
        "version": VERSION,
        "bundle": digest(bundle),
        "labels": learned.labels,
        "variants": taught.variants,
        "pictures": learned.pictures,
        "recognised": learned.recognised,
        "guard": asdict(learned.guard),
        "scale": learned.scale,
        "threshold": learned.threshold,
    }
    arrays: dict[str, NDArray[np.generic]] = {
        "about": np.frombuffer(json.dumps(about, allow_nan=False).encode(), np.uint8),
        "centre": learned.centre,
        "kernel": learned.kernel,
        "bias": learned.bias,
        "features": taught.features,
        "owners": taught.owners,
    }
    size = sum(array.nbytes for array in arrays.values())
    if size > MOST_BYTES or len(arrays["about"]) > _MOST_ABOUT:
        raise UsageError(
            f"what was taught would take {size / 1e6:.0f} MB, more than the limit of {MOST_BYTES / 1e6:.0f}: "
            "forget a class, or train with its pictures"
        )
    target = beside.place(bundle)
    with beside.explained(target):
        files.write_arrays(target, **arrays)


def read(bundle: Bundle) -> tuple[Learned, Callable[[], Taught]] | None:
    """What was taught, and what reads its pictures; None when nothing was.

    Raises:
        BundleError: it was taught to another bundle, or by a newer edgetl.
        DamagedBundleError: the file is damaged.
    """
    path = beside.place(bundle)
    way_out = f"remove it with  rm {shlex.quote(str(path))}  and teach again"
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedBundleError(f"{path} cannot be read ({error.strerror}): {way_out}") from error
    try:
        archive = Archive(data, _ARRAYS, most_bytes=MOST_BYTES)
        about = strict_json.read(
            archive.read("about", np.uint8, 1).tobytes(), "its text", max_bytes=_MOST_ABOUT
        )
        version = about.get("version") if isinstance(about, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise _RefusedError("was written by a newer edgetl: pip install --upgrade edgetl")
        if version != VERSION:
            raise ValueError(f"its version is {version!r}, not {VERSION}")
        if about["bundle"] != digest(bundle):
            raise _RefusedError(f"was taught to another bundle than {bundle.path}: {way_out}")
        learned = _learned(about, archive)
        bundle.manifest.contract.with_labels(bundle.labels + learned.labels)
    except _RefusedError as refused:
        raise BundleError(f"{path} {refused}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedBundleError(f"{path} is damaged ({error}): {way_out}") from error

    def pictures() -> Taught:
        try:
            return _taught(about, archive, learned)
        except (ValueError, TypeError) as error:
            raise DamagedBundleError(f"{path} is damaged ({error}): {way_out}") from error

    return learned, pictures


class _RefusedError(Exception):
    """The file is whole and not for this bundle or program; the text goes on after its name."""


def _learned(about: dict[str, Any], archive: Archive) -> Learned:
    learned = Learned(
        labels=tuple(about["labels"]),
        pictures=tuple(about["pictures"]),
        recognised=tuple(about["recognised"]),
        guard=Guard(**about["guard"]),
        scale=float(about["scale"]),
        centre=archive.read("centre", np.float32, 1),  # type: ignore[arg-type]
        kernel=archive.read("kernel", np.float32, 2),  # type: ignore[arg-type]
        bias=archive.read("bias", np.float32, 1),  # type: ignore[arg-type]
        threshold=float(about["threshold"]),
    )
    new = len(learned.labels)
    counts = [*vars(learned.guard).values(), *learned.pictures]
    counts += [count for count in learned.recognised if count is not None]
    if not isinstance(about["labels"], list) or not all(isinstance(count, int) for count in counts):
        raise ValueError("its labels or counts are none")
    if not new or len(learned.bias) <= new or len(learned.pictures) != new or len(learned.recognised) != new:
        raise ValueError(f"it has {new} classes and {len(learned.bias)} outputs")
    if learned.kernel.shape != (len(learned.centre), len(learned.bias)) or not learned.scale > 0:
        raise ValueError(f"its kernel is {learned.kernel.shape}")
    return learned


def _taught(about: dict[str, Any], archive: Archive, learned: Learned) -> Taught:
    features = archive.read("features", np.float16, 2)
    owners = archive.read("owners", np.int32, 1)
    taught = Taught(learned.labels, tuple(about["variants"]), features, owners)  # type: ignore[arg-type]
    counts = np.bincount(taught.owners[taught.owners >= 0], minlength=len(taught.labels))
    if (
        features.shape != (sum(learned.pictures), len(learned.centre))
        or len(owners) > MOST_PICTURES
        or len(taught.variants) != len(taught.labels)
        or counts.tolist() != list(learned.pictures)
    ):
        raise ValueError("its pictures are not those of its classes")
    return taught
