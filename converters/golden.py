"""The self-test that travels with a bundle: a few pictures and what each variant said of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import files
from edgetl.bundle import entry_of
from edgetl.converters.calibration import PixelSet, stratified
from edgetl.converters.workshop import Attempt
from edgetl.manifest import Golden
from edgetl.runtime import engines, probes
from edgetl.runtime.base import Images

COUNT = 6
PROBES = 24
"""Mixtures of them: with half as many altered weights slip through, and more take longer than they find."""
_LARGEST_BYTES = 500_000
"""Larger pictures are passed over while there are others: the bundle is copied to small boards."""


def write(folder: Path, scored: PixelSet, reference: NDArray[np.float32], kept: Sequence[Attempt]) -> Golden:
    """Write ``golden/`` below the bundle's folder.

    Args:
        folder: the bundle that is being written.
        scored: the scored pictures.
        reference: float32 (n, classes), the Keras model's answers on them.
        kept: the variants, at least one.
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
    pixels = scored.load()[places]
    recipes = probes.candidates(len(pixels))
    recipes = recipes[probes.sensitive(_answers(kept[0], probes.mix(pixels, recipes)), PROBES)]
    mixed = probes.mix(pixels, recipes)
    expected = room / "expected.npz"
    files.write_arrays(
        expected,
        pixels=pixels,
        keras=reference[places],
        probes=recipes,
        **{
            attempt.variant.name: np.concatenate([attempt.outputs[places], _answers(attempt, mixed)])
            for attempt in kept
        },
    )
    return Golden(tuple(pictures), entry_of(folder, expected))


def _answers(attempt: Attempt, pictures: Images) -> NDArray[np.float32]:
    """Probabilities, float32 (n, classes), in the engine and one at a time, as a device asks."""
    row = engines.for_format(attempt.variant.format)
    with engines.start(row, attempt.contents) as engine:
        return np.concatenate([engine.run(pictures[place : place + 1])[0] for place in range(len(pictures))])
