"""Learning rates: over time, and over the depth of the network. Plain numbers, the same at every start."""

import math
from collections.abc import Sequence


def rate(step: int, steps: int, *, peak: float, warm_up_share: float) -> float:
    """The learning rate of a step: a linear rise, then half a cosine down to nothing.

    Warm-up after Goyal et al. 2017 (arXiv 1706.02677), cosine after Loshchilov & Hutter, ICLR 2017.

    Args:
        step: 0 to steps - 1.
        steps: of the whole training.
        peak: the highest rate.
        warm_up_share: share of the steps that rise, 0 to 1.

    Returns:
        Above 0 and at most ``peak``.
    """
    rising = round(steps * warm_up_share)
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    return peak * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2


def shares(layers: int, bottom: float) -> list[float]:
    """The share of the rate that each layer has, lowest layer first: geometric from ``bottom`` to 1.

    Discriminative rates: Howard & Ruder, ACL 2018. Low layers hold what all pictures have in common.
    """
    if layers == 1:
        return [1.0]
    return [bottom ** (1 - place / (layers - 1)) for place in range(layers)]


def freed(shares_of_depth: Sequence[float], epoch: int, epochs: int) -> list[float]:
    """The same shares with 0 for layers that are still frozen: the head is free first, the lowest layer last.

    Args:
        shares_of_depth: lowest layer first.
        epoch: from 0.
        epochs: over which layers are set free; 0 frees all at once.
    """
    if epoch >= epochs:
        return list(shares_of_depth)
    free = max(1, math.ceil(len(shares_of_depth) * (epoch + 1) / (epochs + 1)))
    frozen = len(shares_of_depth) - free
    return [0.0] * frozen + list(shares_of_depth[frozen:])
