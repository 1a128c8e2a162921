"""What the training of int8 is given and what it answers. Light: the parent reads it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.training.tuning.options import TuningOptions

OPTIONS = TuningOptions(
    blocks="all",
    epochs=6,
    batch_size=16,
    peak_rate=1e-4,
    bottom_share=1.0,
    weight_decay=0.0,
    # Photos are mirrored before, since the float model is asked about each way by itself.
    augment="none",
    label_smoothing=0.0,
    patience=3,
)
"""Short and gentle: the weights already say what they should, but for their steps."""


LAYERS = "int8.npz"
"""What ``rounding.write`` wrote, in the folder of the float graphs."""


@dataclass(frozen=True)
class Start:
    """Where a training may begin: what was made of the model without training."""

    int8: Path
    """``.tflite`` file."""
    folder: Path
    """With the float graph of each format that it was made of, and ``LAYERS``."""


@dataclass(frozen=True)
class Task:
    """What the child process is given."""

    starts: tuple[Start, ...]
    """The best by the judging photos is taken."""
    teacher: Path
    """Float ``.tflite`` graph, whose answers are learned."""
    pixels: Path
    """``.npy``, uint8 (n, height, width, 3)."""
    truth: NDArray[np.int64]
    """(n,), the right classes; only the accuracy that is told needs them."""
    judging: NDArray[np.int64]
    """Places of the photos that are not learned from and say which epoch was best."""
    scored: Path
    """``.npy``, uint8 (m, height, width, 3): what the trained simulation is asked about in the end."""
    folder: Path
    """For checkpoints: a training that was stopped goes on from there."""
    identity: str
    """A digest of whatever decides the result."""
    out: Path
    """Folder for what ``writing.write`` writes."""
    options: TuningOptions


@dataclass(frozen=True)
class Judged:
    """Simulated int8 on the judging photos."""

    photos: int
    divergence: float
    """Mean of Kullback and Leibler's, of its answers from the float model's; 0 where they are the same."""
    accuracy: float
    """Share of right answers, 0 to 1."""
    agreement: float
    """Share of answers that are the float model's."""


@dataclass(frozen=True)
class Outcome:
    """What the child process answers."""

    start: int
    """Which of the starts."""
    before: Judged
    after: Judged
    best_epoch: int
    """From 1."""
    history: tuple[dict[str, float | None], ...]
    """As ``loop.Trained`` has it."""
    photos: int
    """That were learned from."""
    layers: int
    """Trained ones."""
    simulated: NDArray[np.float32]
    """float32 (m, classes), probabilities of the scored photos, as the file shall give them."""
