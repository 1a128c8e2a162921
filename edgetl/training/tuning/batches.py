"""Batches as functions of (seed, epoch, step) alone: a resumed training sees the same ones."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edgetl.training.arrays import Floats, Labels
from edgetl.training.tuning import augment, mixing
from edgetl.training.tuning.options import TuningOptions

# One stream of random numbers for each use, so that none depends on how much another one drew.
_ORDER, _VIEW, _MIX = range(3)


@dataclass(frozen=True)
class Table:
    """What the upper half reads of each photo, on the disk."""

    rows: NDArray[Any]
    """(rows, views, height, width, channels): float16 activations, or uint8 pixels with one view."""
    places: Labels
    """int64 (photos,): which of the rows are trained on."""
    targets: Floats
    """float32 (photos, classes), rows summing to 1."""
    weights: Floats
    """float32 (photos,): how much each photo counts."""


@dataclass(frozen=True)
class Batch:
    """What one step is given."""

    rows: NDArray[Any]
    """(n, height, width, channels): float32 activations, or uint8 pixels."""
    targets: Floats
    """float32 (n, classes)."""
    weights: Floats
    """float32 (n,)."""


class Batches:
    """All batches of a training."""

    def __init__(self, table: Table, options: TuningOptions) -> None:
        """Args are kept; nothing is read yet."""
        self._table = table
        self._options = options
        self.size = min(options.batch_size, len(table.targets))
        self.steps = len(table.targets) // self.size
        """Whole batches of an epoch; what is left over is another few photos each time."""

    def of_epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step ``first`` on, the next one made while one is used."""
        order = self._random(_ORDER, epoch).permutation(len(self._table.targets))
        with ThreadPoolExecutor(1) as pool:
            coming: Future[Batch] | None = None
            for step in range(first, self.steps):
                ready = coming or pool.submit(self._make, epoch, step, order)
                following = step + 1
                coming = pool.submit(self._make, epoch, following, order) if following < self.steps else None
                yield ready.result()

    def _make(self, epoch: int, step: int, order: NDArray[np.int64]) -> Batch:
        # In the order of the disk: neighbours are read together. Which photos these are is random enough.
        chosen = np.sort(order[step * self.size : (step + 1) * self.size])
        rows = np.stack([self._row(epoch, int(place)) for place in self._table.places[chosen]])
        rows = rows.astype(np.float32)
        targets, weights = self._table.targets[chosen], self._table.weights[chosen]
        if self._options.mixes:
            random = self._random(_MIX, epoch, step)
            mix = mixing.cutmix if random.random() < 0.5 else mixing.mixup
            # Weights belong to classes, so a mixed photo has its share of both.
            rows, weighted = mix(rows, targets * weights[:, np.newaxis], self._options.mixing, random)
            weights = weighted.sum(axis=1)
            targets = weighted / weights[:, np.newaxis]
        if self._table.rows.dtype == np.uint8:
            return Batch(np.rint(rows).astype(np.uint8), targets, weights)
        return Batch(rows, targets, weights)

    def _row(self, epoch: int, place: int) -> NDArray[Any]:
        rows, options = self._table.rows, self._options
        random = self._random(_VIEW, epoch, place)
        if rows.dtype != np.uint8:
            return np.asarray(rows[place, random.integers(rows.shape[1])])
        number = int(random.integers(8))
        return augment.view(
            rows[place, 0], number, augment=options.augment, seed=(options.seed, epoch, place)
        )

    def _random(self, *numbers: int) -> Generator:
        return np.random.default_rng((self._options.seed, *numbers))
