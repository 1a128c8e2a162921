"""Which layers of the backbone a head reads: the last feature map, what its blocks give, or both.

For photos like ImageNet's the last map is better (ants and bees: log loss on test 0.12 against 0.19); for
others, as electroluminescence pictures of solar cells, the blocks are (0.32 against 0.34); for kinds of
things where ImageNet knows species the two together (0.33 against 0.39 and 0.49). So all three are tried.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgetl.errors import UsageError
from edgetl.training.arrays import Labels
from edgetl.training.dataset import Photo
from edgetl.training.features import FeatureTable
from edgetl.training.heads import held_out as judging
from edgetl.training.heads.head import Solved
from edgetl.training.prepare import Prepared
from edgetl.training.scoring import folds

NAMES = ("last", "blocks", "both")
WISHES = ("auto", *NAMES)
_ENOUGH = 2000
"""Photos on which they are compared where there are more."""


@dataclass(frozen=True)
class Layers:
    """What was found out about the layers of a backbone."""

    chosen: str
    """One of ``NAMES``."""
    losses: Mapping[str, float]
    """Held-out log loss of a head on each."""
    accuracies: Mapping[str, float]
    """Share of right answers on the same photos, 0 to 1."""
    photos: int
    """Held-out photos."""

    def to_dict(self) -> dict[str, Any]:
        """For ``run.json``."""
        return {"chosen": self.chosen, "losses": dict(self.losses), "accuracies": dict(self.accuracies)} | {
            "photos": self.photos
        }


def check(wish: str) -> None:
    """Refuse an option that is not offered.

    Raises:
        UsageError: names those that are.
    """
    if wish not in WISHES:
        raise UsageError(f"layers {wish!r} are not offered: choose {', '.join(WISHES)}")


def sample(labels: Labels, seed: int) -> Labels:
    """Places of the photos to compare on, int64, ascending: all, or 2,000 with two of each class."""
    return folds.sample(labels, _ENOUGH, 2, np.random.default_rng(seed))


def reading(
    name: str, prepared: Prepared, table: FeatureTable, train: Sequence[Photo]
) -> tuple[Prepared, FeatureTable]:
    """The backbone and its features as a head on these layers reads them.

    Args:
        name: ``last``, ``blocks`` or ``both``: then the blocks are scaled to vary as much as the last map
            does over the train photos, or a regularised head would hardly look at the map.
        prepared: the backbone.
        table: of the features of all photos.
        train: photos.
    """
    evening = 1.0
    if name == "both":
        # Not the first ones: a folder lists its photos class by class.
        some = train[:: -(-len(train) // _ENOUGH)]
        rows = table.whole.rows([photo.sha256 for photo in some])
        last, blocks = (rows[:, columns].var(axis=0, dtype=np.float64).sum() for columns in table.slices)
        evening = float(np.sqrt(last / blocks)) if last and blocks else 1.0
    prepared = prepared.reading(name, evening)
    return prepared, table.part(name, prepared.scales)


def compare(solve: Callable[[str], Solved]) -> tuple[Layers, Solved]:
    """Solve a head on each and choose the one with the least held-out log loss.

    None has a right of way: they cost about the same, and asking for a difference beyond noise left the worse
    of two in place in four of ten splits of the solar cells.

    Args:
        solve: gives the head on layers of a name, judged on the same photos.

    Returns:
        The choice, and the head that won.
    """
    found = {name: solve(name) for name in NAMES}
    losses = {name: judging.log_loss(one.logits, one.truth, one.says) for name, one in found.items()}
    chosen = min(losses, key=lambda name: losses[name])  # of equals the first
    result = Layers(
        chosen,
        losses,
        {name: float((one.logits.argmax(axis=1) == one.truth).mean()) for name, one in found.items()},
        len(found[chosen].truth),
    )
    return result, found[chosen]
