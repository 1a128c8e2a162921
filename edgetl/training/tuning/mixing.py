"""Mixup and cutmix: two photos of a batch become one, and so do their labels.

Both work on pixels and, as manifold mixup does (Verma et al., ICML 2019), on what a lower part of the
network made of them, since a feature map keeps the places of the picture.
"""

import numpy as np
from numpy.random import Generator

from edgetl.training.arrays import Floats


def mixup(rows: Floats, targets: Floats, alpha: float, random: Generator) -> tuple[Floats, Floats]:
    """Blend each row with another one (Zhang et al., ICLR 2018).

    Args:
        rows: float32 (n, height, width, channels).
        targets: float32 (n, classes), rows summing to 1.
        alpha: of the beta distribution that draws the share, one a batch.
        random: draws the share and the partners.

    Returns:
        New arrays of the same shapes.
    """
    share = np.float32(random.beta(alpha, alpha))
    partners = random.permutation(len(rows))
    return (
        share * rows + (1 - share) * rows[partners],
        share * targets + (1 - share) * targets[partners],
    )


def cutmix(rows: Floats, targets: Floats, alpha: float, random: Generator) -> tuple[Floats, Floats]:
    """Paste a rectangle of another row into each (Yun et al., ICCV 2019); arguments as for :func:`mixup`."""
    height, width = rows.shape[1:3]
    side = np.sqrt(1 - random.beta(alpha, alpha))
    tall, wide = round(float(height * side)), round(float(width * side))
    top, left = random.integers(height - tall + 1), random.integers(width - wide + 1)
    partners = random.permutation(len(rows))
    mixed = rows.copy()
    mixed[:, top : top + tall, left : left + wide] = rows[partners, top : top + tall, left : left + wide]
    # By the area that was really pasted, which rounding may have changed.
    share = np.float32(1 - tall * wide / (height * width))
    return mixed, share * targets + (1 - share) * targets[partners]
