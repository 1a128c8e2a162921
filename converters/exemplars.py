"""Note what the float model sees in pictures of its classes, for classes that the device will be taught.

They are pictures that may calibrate, so none of them is scored: the gate judges what was never kept.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import files
from edgetl.bundle import entry_of
from edgetl.converters import calibration
from edgetl.converters.calibration import PixelSet
from edgetl.converters.formats import Format
from edgetl.converters.subject import Subject
from edgetl.manifest import FileEntry
from edgetl.progress import Progress
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine
from edgetl.runtime.teaching import exemplars
from edgetl.runtime.teaching.exemplars import Exemplars


def note(
    item: Subject,
    calibrating: PixelSet | None,
    format_: Format,
    folder: Path,
    progress: Progress,
    *,
    threads: int,
) -> Exemplars | None:
    """Run the float model over as many pictures as may travel, as evenly from the classes as they allow.

    Args:
        item: what is exported.
        calibrating: its calibration pictures, which are taken again where they are enough.
        format_: whose float graph is run.
        folder: with the float graphs, which give embeddings.
        progress: hears of it, and of why there are no exemplars.
        threads: for the engine.

    Returns:
        None when too few pictures may travel; then the bundle can be taught no classes.
    """
    contents = {file: (folder / file).read_bytes() for file in format_.graph_files}
    row = engines.for_format(format_.name)
    with engines.start(row, contents, num_threads=threads) as engine:
        grey = np.full((1, *item.contract.shape), 128, np.uint8)
        width = engine.run(grey)[1].size
        chosen = calibration.stratified(item.photos, exemplars.most_pictures(width))
        if len(chosen) < exemplars.FEWEST:
            progress.warn(
                f"the bundle can be taught no classes on the device: of {len(item.photos)} pictures with "
                f"embeddings of {width} features {len(chosen)} may travel, fewer than {exemplars.FEWEST}"
            )
            return None
        # Both are chosen in the same order, so the longer one begins with the shorter.
        if calibrating is None or len(calibrating.photos) < len(chosen):
            calibrating = calibration.decode_set(
                chosen, item.contract, folder / "exemplars.npy", what="exemplars", progress=progress
            )
        pixels = calibrating.load()[: len(chosen)]
        features, probabilities = _answers(engine, pixels, progress)
    if not np.isfinite(features).all() or not features.any():
        progress.warn(
            "the bundle can be taught no classes on the device: its embeddings are no numbers, or zero"
        )
        return None
    truth = np.array([photo.label for photo in chosen], np.int64)
    return exemplars.pack(features, truth, probabilities)


def write(folder: Path, found: Exemplars | None) -> FileEntry | None:
    """Write them into the folder that becomes the bundle."""
    if found is None:
        return None
    place = folder / exemplars.FILE
    files.write_arrays(place, **found.arrays())
    return entry_of(folder, place)


def _answers(
    engine: AbstractEngine, pixels: NDArray[np.uint8], progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embeddings, float32 (n, features), and probabilities, float32 (n, classes)."""
    features, probabilities = [], []
    with progress.step("note what the model sees in exemplars", total=len(pixels)) as advance:
        for picture in pixels:
            answer, embedding = engine.run(np.array(picture[np.newaxis]))
            # LiteRT may leave out the reshape in front of a head: (1, 1, 1, features).
            features.append(embedding.reshape(1, -1))
            probabilities.append(answer)
            advance(1)
    return np.concatenate(features), np.concatenate(probabilities)
