"""The backbone with batch-norm statistics of other pictures, as weights that any step takes."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgetl import cache, files, isolated
from edgetl.files import scratch_folder
from edgetl.progress import Progress
from edgetl.training import features, prepare, sealed
from edgetl.training.hashing import hash_file
from edgetl.training.photo import Photo
from edgetl.training.prepare import Prepared
from edgetl.training.weights import WeightsSource

_MOST = 512
"""Pictures that statistics are taken of: 77 MB, and each counts some thousand places of a feature map."""


def adapted(
    prepared: Prepared, pictures: Sequence[Photo], *, classes: int, name: str, seed: int, progress: Progress
) -> Prepared | None:
    """The backbone, with the statistics of some pictures; None where it has no batch normalisation.

    Args:
        prepared: the backbone as it is.
        pictures: that can be decoded, 1 or more.
        classes: of the classifier to build for it.
        name: what the pictures are, for the run: ``the unlabelled pictures``.
        seed: which are taken of many.
        progress: hears of each step.

    Raises:
        ConversionError: the network could not be evaluated.
        WriteError: the disk is full.
    """
    different = sorted({photo.sha256: photo for photo in pictures}.values(), key=lambda photo: photo.sha256)
    order = np.random.default_rng(seed).permutation(len(different))[:_MOST]
    chosen = [different[place] for place in np.sort(order)]
    told = " ".join([prepared.key, *(photo.sha256 for photo in chosen)])
    digest = hashlib.sha256(told.encode()).hexdigest()
    place = cache.folder() / "adapted" / f"{digest[:32]}.weights.h5"
    if not sealed.is_whole_file(place, "the cached batch-norm statistics", progress):
        if not _estimate(prepared, chosen, place, progress):
            return None
        sealed.seal_file(place)
    before = prepared.choice.weights
    source = WeightsSource(
        "run",
        place,
        f"{before.source}, with batch-norm statistics of {name}",
        before.licence,
        hash_file(place),
    )
    choice = replace(prepared.choice, weights=source)
    backbone = prepare.prepare(choice, engine=prepared.engine, classes=classes, progress=progress)
    return backbone.reading(prepared.layers, prepared.evening)


def _estimate(prepared: Prepared, chosen: Sequence[Photo], place: Path, progress: Progress) -> bool:
    contract = prepared.choice.contract
    with scratch_folder() as scratch:
        table = scratch / "pixels.npy"
        pixels = files.new_array(table, (len(chosen), *contract.shape), np.uint8)
        for row, (_, picture) in enumerate(features.decode_all(chosen, contract, {})):
            pixels[row] = picture
        pixels.flush()
        files.make_folders(place.parent)
        with progress.step("batch-norm statistics"):
            layers = isolated.call(
                "edgetl.training.adapting.statistics:estimate",
                prepared.folder / "features.keras",
                table,
                place,
                doing="taking batch-norm statistics",
            )
    return bool(layers)
