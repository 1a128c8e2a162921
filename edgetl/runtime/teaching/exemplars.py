"""What travels in a bundle so that teaching cannot harm its classes: embeddings of some of their pictures.

They are those of the float model and serve every variant: with the variant's own, new classes were found
no better and old ones kept no better (``docs/teaching.md``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.bundle import Bundle
from edgetl.errors import BundleError, DamagedBundleError, ImageError, UsageError
from edgetl.runtime.teaching.archive import Archive

FILE = "exemplars.npz"
MOST_BYTES = 1_000_000
"""Of the embeddings; an embedding of 1,280 features leaves room for 390 pictures."""
FEWEST = 20
"""Pictures; fewer say too little of what the classes look like."""
_ARRAYS = ("features", "scale", "labels", "answers")


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Embeddings of pictures that the model knows, none of which was scored."""

    features: NDArray[np.float16]
    """float16 (n, features), in units of ``scale``, -1 to 1."""
    scale: float
    """Largest absolute value of an embedding."""
    labels: NDArray[np.int32]
    """int32 (n,), the right classes, as places in the bundle's labels."""
    answers: NDArray[np.int32]
    """int32 (n,), what the float model takes them for."""

    @property
    def width(self) -> int:
        """Features of an embedding."""
        return int(self.features.shape[1])

    def packed(self, embeddings: NDArray[np.float32]) -> NDArray[np.float16]:
        """Embeddings of new pictures as those of the exemplars are kept: float16 (n, features).

        Args:
            embeddings: float32 (n, features); axes of length 1 in between are dropped.

        Raises:
            UsageError: there are none, or they are of another model.
            ImageError: one is zero or no number.
        """
        if not len(embeddings):
            raise UsageError("a class is taught with pictures, and there are none: give 10 or more")
        rows = np.asarray(embeddings, np.float32).reshape(len(embeddings), -1)
        if rows.shape[1] != self.width:
            raise UsageError(
                f"the embeddings have {rows.shape[1]} features and those of the bundle {self.width}: "
                "take them from a variant of this bundle"
            )
        with np.errstate(over="ignore"):
            packed = (rows / np.float32(self.scale)).astype(np.float16)
        empty = ~np.isfinite(packed).all(axis=1) | ~packed.any(axis=1)
        if empty.any():
            number = int(np.flatnonzero(empty)[0]) + 1
            raise ImageError(
                f"the model sees nothing in picture {number} of {len(rows)} (its embedding is zero or no "
                "number): leave that picture out"
            )
        return packed

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What the file holds."""
        return {
            "features": self.features,
            "scale": np.array([self.scale], np.float32),
            "labels": self.labels,
            "answers": self.answers,
        }


def most_pictures(width: int) -> int:
    """How many pictures travel when an embedding has ``width`` features; 0 when too few would."""
    count = MOST_BYTES // (2 * width)
    return count if count >= FEWEST else 0


def pack(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> Exemplars:
    """Exemplars of what the float model gives.

    Args:
        embeddings: float32 (n, features), not all zero.
        labels: int64 (n,), the right classes.
        probabilities: float32 (n, classes).
    """
    scale = float(np.abs(embeddings).max())
    return Exemplars(
        (embeddings / np.float32(scale)).astype(np.float16),
        scale,
        labels.astype(np.int32),
        probabilities.argmax(axis=1).astype(np.int32),
    )


def read(bundle: Bundle) -> Exemplars:
    """The exemplars of a bundle, whose SHA-256 is the manifest's.

    Raises:
        BundleError: the bundle has none, or what it has breaks a rule.
        DamagedBundleError: the file is missing or changed.
    """
    entry = bundle.manifest.exemplars
    if entry is None:
        raise BundleError(f"{bundle.path} has no exemplars: export it anew with --embedding")
    if entry.size_bytes > 2 * MOST_BYTES:
        raise BundleError(f"{bundle.path / entry.path} is larger than exemplars can be: export it anew")
    try:
        return _parse(bundle.read(entry), len(bundle.labels))
    except ValueError as error:
        if isinstance(error, BundleError):
            raise
        raise DamagedBundleError(f"{bundle.path / entry.path}: {error}; export it anew") from error


def _parse(data: bytes, classes: int) -> Exemplars:
    archive = Archive(data, _ARRAYS, most_bytes=2 * MOST_BYTES)
    features = archive.read("features", np.float16, 2)
    scale = archive.read("scale", np.float32, 1)
    labels = archive.read("labels", np.int32, 1)
    answers = archive.read("answers", np.int32, 1)
    if not len(features) == len(labels) == len(answers) or len(features) < FEWEST or not features.shape[1]:
        raise ValueError(f"its arrays are {features.shape}, {labels.shape} and {answers.shape}")
    for places in (labels, answers):
        if places.min() < 0 or places.max() >= classes:
            raise ValueError(f"it has classes beyond the bundle's {classes}")
    if len(scale) != 1 or not scale[0] > 0:
        raise ValueError("its scale is no positive number")
    return Exemplars(features, float(scale[0]), labels, answers)  # type: ignore[arg-type]
