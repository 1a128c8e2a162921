"""``--quantize-aware``, from the side that asks: photos are laid out, a child process trains."""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgetl import files, isolated
from edgetl.converters import calibration
from edgetl.converters.aware.task import LAYERS, OPTIONS, Outcome, Start, Task
from edgetl.converters.formats import AUTO, FORMATS
from edgetl.converters.jobs import Job
from edgetl.converters.request import Recipe
from edgetl.converters.subject import Subject
from edgetl.errors import ConversionError, RunError, UsageError
from edgetl.reports.units import format_share
from edgetl.training.dataset import Photo

if TYPE_CHECKING:
    from edgetl.converters.workshop import Base, Workshop

FEWEST = 40
"""Photos that can be learned from and judge."""
MOST = 4000
"""More are not decoded: an epoch of so many is minutes even on a fast PC."""
_FEWEST_JUDGES = 30
_JUDGING = 0.2
"""Share of the train photos that judges, where no val split does."""


@dataclass(frozen=True)
class Fitted:
    """What training came to."""

    base: "Base"
    """To make int8 of."""
    words: str
    """For people."""
    simulated: NDArray[np.float32]
    """float32 (n, classes), what the simulation says of the scored photos."""


def check(item: Subject, jobs: Sequence[Job]) -> None:
    """Refuse what cannot be trained, before the slow work.

    Raises:
        UsageError: no int8 is asked for, or the model has no TFLite graph, which is what is simulated.
        RunError: there are too few photos, or one is gone.
    """
    if not any(precision in ("int8", AUTO) for _, precision in jobs):
        raise UsageError("--quantize-aware trains int8: choose --precisions auto or int8, or leave it out")
    if item.model.suffix == ".onnx":
        raise UsageError(
            "--quantize-aware trains what the TFLite file computes, and of an .onnx file none can be made: "
            "give the Keras model or SavedModel it was made of, or leave it out"
        )
    if len(item.photos) < FEWEST:
        raise RunError(
            f"--quantize-aware has {len(item.photos)} photos to train on apart from those that score, and "
            f"needs {FEWEST} or more: give more train photos with --data, or leave it out"
        )
    for photo in _photos(item)[0]:
        if not photo.path.is_file():
            raise RunError(
                f"{photo.path} is gone, and --quantize-aware trains on it: give the folder of photos with "
                "--data, or leave it out"
            )


def fit(shop: "Workshop", bases: Sequence["Base"]) -> Fitted | None:
    """Train int8 from the best that was made without training.

    Args:
        shop: of the export.
        bases: float graphs to begin from.

    Returns:
        None when nothing was gained on the photos that judge.

    Raises:
        ConversionError: the model has an operator that cannot be simulated, or the training failed.
    """
    from edgetl.training.tuning import work  # it loads SciPy, which a --dry-run does without

    item = shop.subject
    photos, judging = _photos(item)
    room = shop.room("trained")
    decoded = calibration.decode_set(
        photos, item.contract, room / "photos.npy", what="photos to train int8 on", progress=shop.progress
    )
    starts = tuple(Start(_without_training(shop, base), base.folder) for base in bases)
    digest = work.identity(
        OPTIONS,
        "tensorflow",  # whichever one a user trains under: what is simulated is a TFLite file
        photos=decoded.fingerprint,
        starts=[hashlib.sha256(start.int8.read_bytes()).hexdigest() for start in starts],
    )
    folder = work.folder(digest)
    files.make_folders(folder)
    task = Task(
        starts=starts,
        teacher=bases[0].folder / FORMATS["tflite"].graph,
        pixels=decoded.pixels,
        truth=decoded.truth,
        judging=judging,
        scored=shop.scored.pixels,
        folder=folder,
        identity=digest,
        out=room,
        options=OPTIONS,
    )
    with work.alone(folder, "wait for that export"):
        try:
            outcome: Outcome = isolated.call(
                "edgetl.converters.aware.training:train", task, doing="training int8", progress=shop.progress
            )
        except ConversionError:
            files.remove_empty(folder)  # checkpoints of a training that was begun stay
            raise
    with contextlib.suppress(OSError):  # what is left is found again by its name
        files.remove_folder(folder)
    before, after = outcome.before, outcome.after
    said = (
        f"on {after.photos} photos it did not learn from: divergence from the float model "
        f"{before.divergence:.4f} to {after.divergence:.4f}, agreement "
        f"{format_share(before.agreement)} to {format_share(after.agreement)}"
    )
    if after.divergence >= before.divergence:
        shop.progress.note(f"training int8 gained nothing {said}")
        return None
    shop.progress.note(f"trained int8 {said}")
    base = bases[outcome.start].with_tuned(room)
    return Fitted(base, f"trained with simulated int8 on {outcome.photos} photos", outcome.simulated)


def _photos(item: Subject) -> tuple[tuple[Photo, ...], NDArray[np.int64]]:
    """What is decoded, and the places of those that judge: val photos, or else a part of train."""
    learned = calibration.stratified(item.photos, MOST)
    val = item.run.dataset.split("val") if item.run is not None and item.split == "test" else ()
    if len(val) >= _FEWEST_JUDGES:
        shown = calibration.stratified(val, MOST)
        return (*learned, *shown), np.arange(len(learned), len(learned) + len(shown))
    order = np.random.default_rng(OPTIONS.seed).permutation(len(learned))
    return learned, np.sort(order[: round(_JUDGING * len(learned))])


def _without_training(shop: "Workshop", base: "Base") -> Path:
    out = shop.room("untrained")
    request = shop.request(FORMATS["tflite"], "int8", base, Recipe(), out)
    assert request.layers is not None  # there are pictures, and LAYERS was written from them
    assert request.layers.name == LAYERS
    with shop.progress.step("make the int8 file to begin from"):
        isolated.call("edgetl.converters.tflite:convert", request, doing="converting to tflite-int8")
    return out / FORMATS["tflite"].files[0]
