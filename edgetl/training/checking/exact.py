"""Photos that are the same to the byte."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgetl.training.dataset import Photo


@dataclass(frozen=True)
class Group:
    """Photos that show the same."""

    photos: tuple[Photo, ...]
    """Two or more."""
    kind: Literal["exact", "copy", "similar"]
    """``exact``: the same bytes. ``copy``: the same picture. ``similar``: the same scene, as in a burst."""
    score: float
    """How alike, 0 to 1."""


def find(photos: Sequence[Photo]) -> tuple[Group, ...]:
    """Groups of photos with the same SHA-256."""
    same: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        same[photo.sha256].append(photo)
    return tuple(Group(tuple(group), "exact", 1.0) for group in same.values() if len(group) > 1)
