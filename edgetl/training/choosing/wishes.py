"""From the options of a training to a search, and from what it found to options again."""

from dataclasses import replace
from pathlib import Path

from edgetl.errors import UsageError
from edgetl.progress import Progress
from edgetl.training.choosing.limits import Limits
from edgetl.training.choosing.outcome import Outcome
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset

AUTO = "auto"
"""What ``backbone`` says to let edgetl choose."""


def check(wanted: TrainConfig) -> None:
    """Refuse options that do not go together, before the slow work.

    Raises:
        UsageError: a crop that is none, a limit without ``auto``, a limit that is none, an unknown board, or
            no candidates.
    """
    if wanted.crop is not None and not 0 < wanted.crop <= 1:
        raise UsageError(f"crop {wanted.crop:g} is not offered: choose above 0 and at most 1")
    limits = _limits(wanted)
    if wanted.backbone != AUTO:
        if limits != Limits() or wanted.candidates is not None:
            raise UsageError(
                "--max-latency, --board, --max-size and --candidates are for choosing a backbone: add "
                "--backbone auto, or give the limits to edgetl export"
            )
        return
    limits.check()
    if wanted.candidates is not None and wanted.candidates < 1:
        raise UsageError(f"{wanted.candidates} candidates cannot be trained: choose 1 or more")


def search(photos: Dataset, wanted: TrainConfig, engine: str, progress: Progress) -> Outcome:
    """Search as the options say. A size, crop or weights that they name are kept to, and a width but 1.

    Raises:
        GateError: none of the candidates keeps to the limits.
        UsageError: nothing is offered at that size or width.
        WeightsError: there are no weights to choose from.
        DatasetError: too few photos can be read.
    """
    from edgetl.training.choosing import candidates
    from edgetl.training.choosing import search as searching

    return searching.search(
        photos,
        candidates.at_hand(
            len(photos.labels),
            size=wanted.size,
            width=None if wanted.width == 1.0 else wanted.width,
            crop=wanted.crop,
            files=Path(wanted.weights) if wanted.weights else None,
        ),
        _limits(wanted),
        engine=engine,
        best=searching.BEST if wanted.candidates is None else wanted.candidates,
        seed=wanted.seed,
        progress=progress,
    )


def settled(wanted: TrainConfig, found: Outcome) -> TrainConfig:
    """The options that train the picked backbone without searching again."""
    choice = found.choice
    return replace(
        wanted,
        backbone=choice.name,
        size=choice.size,
        width=choice.width,
        weights=str(choice.weights.path) if choice.weights.kind == "file" else None,
        max_latency_s=None,
        board=None,
        max_size_bytes=None,
        candidates=None,
    )


def _limits(wanted: TrainConfig) -> Limits:
    return Limits(wanted.max_latency_s, wanted.board, wanted.max_size_bytes)
