"""The self-test that travels with a bundle: a few pictures and what each variant said of them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import files
from edgetl.bundle import entry_of
from edgetl.converters.calibration import PixelSet, stratified
from edgetl.manifest import Golden

COUNT = 6
_LARGEST_BYTES = 500_000
"""Larger pictures are passed over while there are others: the bundle is copied to small boards."""


def write(
    folder: Path, scored: PixelSet, reference: NDArray[np.float32], outputs: Mapping[str, NDArray[np.float32]]
) -> Golden:
    """Write ``golden/`` below the bundle's folder.

    Args:
        folder: the bundle that is being written.
        scored: the scored pictures.
        reference: float32 (n, classes), the Keras model's answers on them.
        outputs: the same of each variant.
    """
    small = [photo for photo in scored.photos if photo.path.stat().st_size <= _LARGEST_BYTES]
    chosen = stratified(small or scored.photos, COUNT)
    places = [scored.photos.index(photo) for photo in chosen]
    room = folder / "golden"
    files.make_folders(room)
    pictures = []
    for number, photo in enumerate(chosen):
        copy = room / f"{number}{photo.path.suffix.lower()}"
        files.write_bytes(copy, photo.path.read_bytes())
        pictures.append(entry_of(folder, copy))
    expected = room / "expected.npz"
    files.write_arrays(
        expected,
        pixels=scored.load()[places],
        keras=reference[places],
        **{name: values[places] for name, values in outputs.items()},
    )
    return Golden(tuple(pictures), entry_of(folder, expected))
