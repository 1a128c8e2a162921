"""The pictures that were taught: their embeddings, and which class each belongs to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import UsageError

MOST_PICTURES = 500
"""Of all classes together; solving takes a second more for every doubling on a small board."""


@dataclass(frozen=True, eq=False)
class Taught:
    """An immutable set of them."""

    labels: tuple[str, ...]
    """The new classes, in the order they were first taught."""
    variants: tuple[str, ...]
    """Which variant saw the last pictures of each class."""
    features: NDArray[np.float16]
    """float16 (n, features), as ``Exemplars.packed`` gives them."""
    owners: NDArray[np.int32]
    """int32 (n,), places in ``labels``."""

    @classmethod
    def nothing(cls, width: int) -> "Taught":
        """No class, for embeddings of ``width`` features."""
        return cls((), (), np.zeros((0, width), np.float16), np.zeros(0, np.int32))

    def with_pictures(self, label: str, rows: NDArray[np.float16], variant: str) -> "Taught":
        """The same and these; those that the class has already are not added again.

        Raises:
            UsageError: there would be too many, or one belongs to another class.
        """
        labels, variants = (*self.labels, label), (*self.variants, variant)
        if label in self.labels:
            labels = self.labels
            variants = tuple(
                variant if name == label else before
                for name, before in zip(labels, self.variants, strict=True)
            )
        owner = labels.index(label)
        seen = {row.tobytes(): int(place) for row, place in zip(self.features, self.owners, strict=True)}
        fresh = []
        for number, row in enumerate(rows, start=1):
            other = seen.setdefault(row.tobytes(), len(labels))
            if other == len(labels):
                seen[row.tobytes()] = owner
                fresh.append(row)
            elif other != owner:
                raise UsageError(
                    f"picture {number} of {len(rows)} was taught as {labels[other]!r}: forget that class, or "
                    "leave the picture out"
                )
        count = len(self.owners) + len(fresh)
        if count > MOST_PICTURES:
            raise UsageError(
                f"that would be {count} taught pictures, and {MOST_PICTURES} is the most: give fewer, forget "
                "a class, or train with them"
            )
        features = np.concatenate([self.features, np.array(fresh, np.float16).reshape(-1, rows.shape[1])])
        owners = np.concatenate([self.owners, np.full(len(fresh), owner, np.int32)])
        return Taught(labels, variants, features, owners)

    def without(self, label: str) -> "Taught":
        """The same without one of its classes."""
        place = self.labels.index(label)
        kept = self.owners != place
        owners = self.owners[kept]
        return Taught(
            self.labels[:place] + self.labels[place + 1 :],
            self.variants[:place] + self.variants[place + 1 :],
            self.features[kept],
            np.where(owners > place, owners - 1, owners).astype(np.int32),
        )
