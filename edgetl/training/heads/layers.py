"""Which layers of the backbone a head reads: the last feature map, or what its blocks give.

For photos like ImageNet's the last map is better (ants and bees: held-out log loss 0.12 against 0.21); for
others, as electroluminescence pictures of solar cells, the blocks are (0.30 against 0.33). So both are tried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgetl.errors import UsageError
from edgetl.training.head import Solved
from edgetl.training.heads import held_out as judging
from edgetl.training.logistic import Labels

WISHES = ("auto", "last", "blocks")
_ENOUGH = 5000
"""Photos on which the two are compared where there are more."""


@dataclass(frozen=True)
class Layers:
    """What was found out about the layers of a backbone."""

    chosen: str
    """``last`` or ``blocks``."""
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
    """Places of the photos to compare on, int64, ascending: all, or 5,000 with two of each class."""
    if len(labels) <= _ENOUGH:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    # The place of each photo among those of its class, in the order drawn.
    by_class = order[np.argsort(labels[order], kind="stable")]
    starts = np.searchsorted(labels[by_class], labels[by_class])
    pairs = by_class[np.arange(len(by_class)) - starts < 2]
    return np.union1d(order[:_ENOUGH], pairs)


def compare(solve: Callable[[str], Solved]) -> tuple[Layers, Solved]:
    """Solve a head on each and choose the one with the lower held-out log loss.

    Neither has a right of way: they cost the same, and asking for a difference beyond noise left the worse
    one in place in four of ten splits of the solar cells.

    Args:
        solve: gives the head on ``last`` or on ``blocks``, judged on the same photos.

    Returns:
        The choice, and the head that won.
    """
    found = {name: solve(name) for name in ("last", "blocks")}
    losses = {name: judging.log_loss(one.logits, one.truth, one.says) for name, one in found.items()}
    chosen = min(losses, key=lambda name: losses[name])  # of equals the last map
    result = Layers(
        chosen,
        losses,
        {name: float((one.logits.argmax(axis=1) == one.truth).mean()) for name, one in found.items()},
        len(found[chosen].truth),
    )
    return result, found[chosen]
