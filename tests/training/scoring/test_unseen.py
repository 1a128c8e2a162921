"""Classes that play the unknown one are all of them, the rare ones too."""

import numpy as np
import pytest

from edgetl.training.heads.head import Head
from edgetl.training.scoring import unseen


@pytest.mark.parametrize("counts", [[12_000, 12_000, 12], [20_000, 4, 4], [30_000, 3, 2]])
def test_a_rare_class_is_learnt_and_left_out_like_any(counts: list[int]) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), counts)
    features = (4 * np.eye(3)[labels] + random.normal(size=(len(labels), 3))).astype(np.float32)
    head = Head(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 0.1, "val", "none", 1.0, 0.5)
    hashes = [f"{number:064x}" for number in range(len(labels))]
    found = unseen.of_classes(features, labels, hashes, head, seed=0)
    assert "photos of 3 classes" in found.source
    assert counts[-1] == np.bincount(found.groups)[-1]
    # A head of a single class would be sure of everything.
    assert found.scores.min() < 0.99
