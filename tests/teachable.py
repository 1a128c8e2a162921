"""A bundle that can be taught, and what a model might see in pictures: no model is needed for either."""

import dataclasses
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support import write_fake_bundle

from edgetl import files
from edgetl.bundle import MANIFEST, Bundle, entry_of
from edgetl.runtime.teaching import exemplars
from edgetl.runtime.teaching.exemplars import Exemplars

WIDTH = 64
LABELS = ("ant", "bee", "cat")
Floats = NDArray[np.float32]


def seen(kind: int, count: int, *, seed: int = 0, spread: float = 0.6, width: int = WIDTH) -> Floats:
    """Embeddings of pictures of one kind of thing, as behind a ReLU: float32 (count, width)."""
    middle = np.random.default_rng(1000 + kind).gamma(0.7, 1.0, width)
    noise = np.random.default_rng([seed, kind]).normal(0, spread, (count, width))
    return np.maximum(middle + noise, 0).astype(np.float32)


def certain(classes: NDArray[np.int64], *, total: int = len(LABELS), sure: float = 0.9) -> Floats:
    """Probabilities of a model that is right: float32 (n, total)."""
    rows = np.full((len(classes), total), (1 - sure) / (total - 1))
    rows[np.arange(len(classes)), classes] = sure
    return rows.astype(np.float32)


def known(per_class: int = 40) -> Exemplars:
    """Exemplars of three classes that a model tells apart."""
    truth = np.repeat(range(len(LABELS)), per_class)
    features = np.concatenate([seen(kind, per_class) for kind in range(len(LABELS))])
    return exemplars.pack(features, truth, certain(truth))


def write_bundle(folder: Path, travelling: Exemplars | None = None, *, embedding: bool = True) -> Bundle:
    """Write a bundle as ``edgetl export --embedding`` does, for the fake engine."""
    write_fake_bundle(folder, labels=LABELS)
    files.write_arrays(folder / exemplars.FILE, **(travelling or known()).arrays())
    return with_manifest(folder, exemplars=entry_of(folder, folder / exemplars.FILE), embedding=embedding)


def with_exemplars(bundle: Bundle, data: bytes) -> Bundle:
    """The bundle with another exemplars file, which its manifest names."""
    place = bundle.path / exemplars.FILE
    place.write_bytes(data)
    return with_manifest(bundle.path, exemplars=entry_of(bundle.path, place))


def with_manifest(folder: Path, **changes: object) -> Bundle:
    """The bundle with values of its manifest replaced."""
    changed = dataclasses.replace(Bundle.open(folder).manifest, **changes)  # type: ignore[arg-type]
    (folder / MANIFEST).write_text(changed.to_json())
    return Bundle.open(folder)


def npz(**arrays: NDArray[np.generic]) -> bytes:
    """The bytes of an archive of arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
