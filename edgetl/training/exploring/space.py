"""Features as a few numbers a picture, so that a hundred thousand pictures fit into memory."""

from collections.abc import Iterator, Sequence

import numpy as np

from edgetl.training.arrays import Floats, Rows
from edgetl.training.features import FeatureTable
from edgetl.training.heads.logistic import Basis

COMPONENTS = 20
"""Of the features. With 50, the silhouette is lower and told the right number of clusters no better."""


def components(table: FeatureTable, hashes: Sequence[str]) -> Floats:
    """The pictures in the largest principal components of their features, read in blocks.

    Args:
        table: of features.
        hashes: of different pictures, 2 or more.

    Returns:
        float32 (n, components), at most 20 of them, the strongest first.
    """

    def read() -> Iterator[Floats]:
        for block in table.blocks(hashes):
            yield roots(block)

    basis = Basis.of(Rows((len(hashes), table.width), read))
    assert basis.rotation is not None
    axes = basis.rotation[:, : -COMPONENTS - 1 : -1].astype(np.float32)  # they come weakest first
    centre = basis.centre.astype(np.float32)
    return np.concatenate([(block - centre) @ axes for block in read()])


def roots(features: Floats) -> Floats:
    """The roots of features, float32 (n, features), each picture's brought to length 1.

    So a feature that is very strong does not decide alone, and how much contrast there is decides nothing.
    """
    found = np.sqrt(np.abs(features)) * np.sign(features)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), np.float32)
