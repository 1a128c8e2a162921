"""The head of a run: what it reads of the backbone, which photos count less, and the weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgetl.errors import UsageError
from edgetl.progress import Progress
from edgetl.training.arrays import Floats, Labels
from edgetl.training.checking import suspects
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.features import FeatureTable
from edgetl.training.heads import head as heads
from edgetl.training.heads import layers
from edgetl.training.heads.head import Head
from edgetl.training.heads.layers import Layers
from edgetl.training.prepare import Prepared


@dataclass(frozen=True)
class Found:
    """A head with what it reads."""

    head: Head
    prepared: Prepared
    """The backbone as the head reads it."""
    table: FeatureTable
    """The features of all photos, likewise."""
    compared: Layers | None
    """What was found out about the layers, where there was a choice."""


def solve(
    photos: Dataset, prepared: Prepared, table: FeatureTable, wanted: TrainConfig, progress: Progress
) -> Found:
    """Choose the layers where the options leave that open, and solve the head on them.

    Args:
        photos: of one task with one label each, all readable.
        prepared: the backbone.
        table: its features of the photos.
        wanted: the options, checked.
        progress: hears of wrong labels and of a hidden layer that does not help.

    Raises:
        UsageError: the blocks are wanted of a backbone that has none.
    """
    train = photos.split("train")
    labels = labels_of(train)
    everything = np.arange(len(train))
    # Where val is all there is to score on, choosing on it too would flatter the score.
    chooses = photos.scored_split == "test" and bool(photos.split("val"))
    views = {name: layers.reading(name, prepared, table, train) for name in _offered(wanted, table)}

    doubts = None
    if wanted.suspects == "downweight":
        rows = table.whole.rows([photo.sha256 for photo in train])
        doubts = suspects.judge(rows, labels, parts=table.slices, seed=wanted.seed)
        progress.warn(f"{doubts.share:.1%} of the train labels seem to be wrong: such photos count less")

    def on(name: str, places: Labels, *, hidden: int = 0) -> heads.Solved:
        reading, part = views[name]
        hashes = [train[place].sha256 for place in places]
        solved = heads.solve(
            part.rows(hashes),
            labels[places],
            held_out=rows_of(photos, part, "val") if chooses else None,
            class_weights=wanted.class_weights,
            label_smoothing=wanted.label_smoothing,
            seed=wanted.seed,
            hidden=hidden,
            weights=None if doubts is None else doubts.weights[places],
            judged_by=None if doubts is None else doubts.judged_by[places],
            hashes=hashes,
        )
        return replace(solved, head=replace(solved.head, layers=name, scales=reading.scales))

    name, places, compared, solved = next(iter(views)), everything, None, None
    if len(views) > 1:
        places = layers.sample(labels, wanted.seed)
        compared, solved = layers.compare(lambda name: on(name, places))
        name = compared.chosen
    if solved is None or wanted.hidden or len(places) < len(train):
        solved = on(name, everything, hidden=wanted.hidden)
    if wanted.hidden and not solved.head.hidden:
        progress.warn(
            f"the head stays linear: with a hidden layer of {wanted.hidden} units it answers held-out "
            "photos no better"
        )
    return Found(solved.head, *views[name], compared)


def _offered(wanted: TrainConfig, table: FeatureTable) -> tuple[str, ...]:
    """The layers that are to be compared, or the one there is no choice about."""
    if "blocks" in table.parts:
        return layers.NAMES if wanted.layers == "auto" else (wanted.layers,)
    if wanted.layers not in ("auto", "last"):
        raise UsageError(f"{wanted.backbone} has no blocks to read: leave --layers out")
    return ("last",)


def rows_of(photos: Dataset, table: FeatureTable, split: str) -> tuple[Floats, Labels]:
    """Features, float32 (n, features), and labels, int64 (n,), of the photos of a split; of a task of several
    labels 0 and 1, int64 (n, labels)."""
    chosen = photos.split(split)
    labels = photos.truth(chosen).of(photos.tasks, 0) if photos.tasks else labels_of(chosen)
    return table.rows([photo.sha256 for photo in chosen]), labels


def labels_of(photos: Sequence[Photo]) -> Labels:
    """The labels of photos, int64 (n,)."""
    return np.fromiter((photo.label for photo in photos), np.int64, len(photos))
