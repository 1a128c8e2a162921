"""The folder that a fine-tuning works in, and what parent and child tell each other.

It lies in the cache under a digest of whatever decides the result, so that ``--resume`` finds it and another
training does not.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgetl import cache, extras, files
from edgetl.errors import UsageError
from edgetl.training.arrays import Floats, Labels
from edgetl.training.tuning.decide import Decision
from edgetl.training.tuning.options import TuningOptions

_LAYOUT = 2
"""Raise it when the same options would give other weights: what was begun before is then left alone."""
_LIBRARIES = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "torch": ("torch",), "jax": ("jax", "jaxlib")}
"""Keras' back ends that train, and the packages whose versions decide the bits."""
_PATIENCE_S = 15.0
"""A child whose parent was killed notices at its next step."""
TRAIN, SCORED = "train.npy", "scored.npy"
MODEL = "tuned.keras"


@dataclass(frozen=True)
class Targets:
    """What a training is to make the network answer."""

    values: Floats
    """float32 (rows of ``TRAIN``, classes), each summing to 1."""
    weights: Floats
    """float32 (rows of ``TRAIN``,): how much each counts."""


@dataclass(frozen=True)
class Task:
    """What the child process is given."""

    classifier: Path
    """``.keras`` file of the backbone under an empty head."""
    folder: Path
    """To work in; holds ``TRAIN`` and ``SCORED``."""
    identity: str
    """The digest that names the folder."""
    cut: str
    """Layer whose output the tables hold; see ``network.cut_of``."""
    labels: Labels
    """int64 (train photos,), in the order of ``TRAIN``, which may go on with pictures without a label."""
    held: Labels
    """int64: places in ``TRAIN`` of the photos that judge, when there is no val split."""
    val: Labels
    """int64: the labels of the val photos, which are the first of ``SCORED``; empty without a val split."""
    balanced: bool
    """Whether each class has the same say."""
    judged_kernel: Floats
    """float32 (features, classes): a head that no judging photo was used for, temperature inside."""
    judged_bias: Floats
    """float32 (classes,)."""
    head_logits: Floats
    """float32 (judging photos, classes): what that head says of them."""
    kernel: Floats
    """float32 (features, classes): the head of all train photos, without its temperature."""
    bias: Floats
    """float32 (classes,)."""
    options: TuningOptions
    taught: tuple[Targets, Targets] | None = None
    """What a teacher would have answered: one that has not seen the judging photos, and one that has seen all
    train photos; None without a teacher."""


@dataclass(frozen=True)
class Outcome:
    """What the child process answers."""

    decision: Decision
    taught: Decision | None
    """The network with a teacher against that without; None where there was no teacher."""
    history: tuple[dict[str, float | None], ...]
    """An entry an epoch of the training that was judged; see ``loop.Trained``."""
    best_epoch: int
    """From 1."""
    layers: int
    """Trained ones."""
    parameters: int
    """Trained numbers."""
    temperature: float
    """Chosen on the judging photos; inside the head of ``MODEL``."""
    reject_threshold: float
    scored: Floats
    """float32 (scored photos and pictures of no class, classes), probabilities of the final model; empty
    unless adopted."""
    train: Floats
    """float32 (train photos, classes), the same of the train photos."""
    weights_sha256: str
    """Of the weights the judged training ended with, adopted or not."""
    backend: str
    """Keras' back end, its version and the device."""


def identity(options: TuningOptions, under: str, **others: Any) -> str:
    """A digest of whatever decides the result: options, photos, backbone, head, back end and libraries.

    Args:
        options: of the training.
        under: Keras' back end, as :func:`backend` names it.
        others: plain values and whatever else JSON can tell.
    """
    libraries = {name: extras.version(name) for name in ("keras", "numpy", *_LIBRARIES[under])}
    known = {"layout": _LAYOUT, "options": asdict(options), "libraries": libraries, **others}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def backend() -> str:
    """The back end of Keras that trains: TensorFlow, unless the environment names another.

    Raises:
        UsageError: it trains with none of that name.
    """
    name = os.environ.get("KERAS_BACKEND", "tensorflow")
    if name not in _LIBRARIES:
        raise UsageError(
            f"KERAS_BACKEND is {name!r}, with which Keras cannot train: choose {', '.join(_LIBRARIES)}"
        )
    return name


def folder(digest: str) -> Path:
    """Where a fine-tuning works."""
    return cache.folder() / "tuning" / digest[:24]


@contextmanager
def alone(place: Path, way_out: str = "wait for it, or change --seed") -> Iterator[None]:
    """Hold a file or folder for this process; the system lets go of it when that ends, however it ends.

    Raises:
        UsageError: another process holds it; the message ends with ``way_out``.
    """
    descriptor = os.open(place, os.O_RDONLY)
    try:
        until = time.monotonic() + _PATIENCE_S
        while not _locked(descriptor):
            if time.monotonic() > until:
                raise UsageError(f"the same fine-tuning is under way in another process: {way_out}")
            time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def clear(place: Path) -> None:
    """Empty a folder that this process holds, once a child whose parent was killed has let go of it."""
    if (table := place / TRAIN).is_file():
        with alone(table):
            pass
    for path in place.iterdir():
        if path.is_dir():
            files.remove_folder(path)
        else:
            files.remove(path, durable=False)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
