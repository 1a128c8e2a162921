"""A head for the classes that were taught, beside the one in the model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.runtime.teaching.features import directions, rooted

Floats = NDArray[np.float32]

_SHARPNESS = 5.0
"""How fast the odds of a new class grow with its margin. Of 3 to 30 the one with the least log loss over
old and new pictures at 5 and 10 pictures a class (``docs/teaching.md``)."""
_MOST = 50.0
"""Exponents beyond it change no probability in float32."""


@dataclass(frozen=True)
class Guard:
    """What the new classes cost the old ones, each exemplar judged by a head that was solved without it."""

    exemplars: int
    """Pictures of old classes that travel in the bundle."""
    classes: int
    """Old classes among them; the others are not guarded."""
    right_before: int
    """Exemplars that the float model classifies right."""
    right_after: int
    """Those of them that no new class takes."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What was taught beside one bundle."""

    labels: tuple[str, ...]
    """The new classes, in order."""
    pictures: tuple[int, ...]
    """How many each was taught with."""
    recognised: tuple[int | None, ...]
    """How many of those a head that is solved without the picture, and what shows the same scene, recognises;
    None for a class of one scene."""
    guard: Guard
    scale: float
    """Unit of the embeddings."""
    centre: Floats
    """float32 (features,), of the rooted embeddings."""
    kernel: Floats
    """float32 (features, old + new); ``old`` are the classes that have exemplars."""
    bias: Floats
    """float32 (old + new,)."""
    threshold: float
    """Margin over the best old class at which a new class is as probable as that."""

    def extend(self, probabilities: Floats, embedding: NDArray[np.float32]) -> Floats:
        """Probabilities of old and new classes.

        Old classes keep their order and their shares among each other, whatever is taught.

        Args:
            probabilities: float32 (n, classes) of the bundle's own classes, rows summing to 1.
            embedding: float32 (n, features) of the same pictures; axes of length 1 in between are dropped.

        Returns:
            float32 (n, classes + new), rows summing to 1.

        Raises:
            ModelError: the embedding is of another model, or no number.
        """
        rows = embedding.reshape(len(probabilities), -1)
        if rows.shape[1] != len(self.centre):
            raise ModelError(
                f"the model gives embeddings of {rows.shape[1]} features and was taught with "
                f"{len(self.centre)}: teach it again"
            )
        if not np.isfinite(rows).all():
            raise ModelError(
                "the model gives an embedding with values that are no numbers: try another variant"
            )
        above = (self.margins(rows) - self.threshold).astype(np.float64)
        odds = np.exp(np.clip(_SHARPNESS * above, -_MOST, _MOST))
        odds *= probabilities.max(axis=1, keepdims=True)
        together = np.concatenate([probabilities.astype(np.float64), odds], axis=1)
        return np.asarray(together / together.sum(axis=1, keepdims=True), np.float32)

    def margins(self, embedding: Floats) -> Floats:
        """How far each new class is above the best old one: float32 (n, features) -> float32 (n, new)."""
        seen = directions(rooted(embedding / np.float32(self.scale)), self.centre)
        return margins(seen @ self.kernel + self.bias, len(self.labels))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: classes, their pictures, and the guard."""
        return {
            "labels": [
                {"label": label, "pictures": pictures, "recognised": recognised}
                for label, pictures, recognised in zip(
                    self.labels, self.pictures, self.recognised, strict=True
                )
            ],
            "guard": vars(self.guard),
        }


def margins(scores: NDArray[np.floating], new: int) -> Floats:
    """The scores of the ``new`` last classes over the best of the others: (n, old + new) -> (n, new)."""
    return np.asarray(scores[:, -new:] - scores[:, :-new].max(axis=1, keepdims=True), np.float32)
