"""Finding photos that show the same."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgetl.files import scratch_folder
from edgetl.progress import SILENT, Progress
from edgetl.training.checking.duplicates import candidates, judging, places, space, thumbnails
from edgetl.training.checking.duplicates.groups import Group, Kind, Link, joined
from edgetl.training.checking.duplicates.space import Floats
from edgetl.training.dataset import Photo
from edgetl.training.features import FeatureTable

# Chosen on hymenoptera and solar cells (benchmarks/peers/planted_duplicates.py): different photos of insects
# stay under 0.1; 30 pairs of published solar cells, drawn from 0.35 upward, show the same grain to the eye.
COPY = 0.35
SIMILAR = 0.25
_LIKELY = 0.7
"""Cosine in the learned space, at the best of the known places, below which a pair is not compared."""
_ASKEW = 0.02
"""How far, in pictures, the corners of a copy may be from where a cropped or turned photo can have them."""


def find(
    photos: Sequence[Photo],
    features: FeatureTable | None = None,
    progress: Progress = SILENT,
) -> tuple[Group, ...]:
    """Find photos of the same bytes, altered copies, and other photos of the same moment.

    Memory is bounded: thumbnails lie on disk. Photos that cannot be decoded are compared byte by byte only.

    Args:
        photos: in any order, which decides nothing but the order of what is returned.
        features: of the photos; neighbours by them are compared too. None: do without.
        progress: hears of each step.

    Returns:
        Groups of exact ones, then of copies, then of similar ones; within a kind in the order of the photos.

    Raises:
        WriteError: no room for the thumbnails in the folder of temporary files.
    """
    owners: dict[str, list[int]] = defaultdict(list)
    for place, photo in enumerate(photos):
        owners[photo.sha256].append(place)
    # In the order of the contents, so that renaming or shuffling changes nothing.
    distinct = [photos[owners[digest][0]] for digest in sorted(owners)]
    copies, similar = _links(distinct, features, progress)
    numbers = {photo.sha256: number for number, photo in enumerate(distinct)}
    places_of = {numbers[digest]: found for digest, found in owners.items()}
    exact = [([numbers[digest]], 1.0) for digest, found in owners.items() if len(found) > 1]
    alike = joined(len(distinct), copies)
    loose = joined(len(distinct), [*copies, *similar], [group for group, _ in alike])
    whole = {tuple(group) for group, _ in alike}
    kinds: tuple[tuple[Kind, list[tuple[list[int], float]]], ...] = (
        ("exact", exact),
        ("copy", alike),
        ("similar", [(group, score) for group, score in loose if tuple(group) not in whole]),
    )
    return tuple(
        Group(tuple(photos[place] for place in members), kind, score)
        for kind, found in kinds
        for members, score in sorted(
            (sorted(place for number in group for place in places_of[number]), score)
            for group, score in found
        )
    )


def _links(
    distinct: Sequence[Photo], features: FeatureTable | None, progress: Progress
) -> tuple[list[Link], list[Link]]:
    """Copies and similar ones among photos of different content, by their numbers."""
    if len(distinct) < 2:
        return [], []
    with scratch_folder() as folder:
        pixels, readable = thumbnails.write(distinct, folder / "thumbnails.npy", progress)
        small = thumbnails.coarse(pixels, folder / "small.npy")
        pairs, scores, found = _compare(pixels, small, _rows(features, readable), progress)
    numbers = {photo.sha256: number for number, photo in enumerate(distinct)}
    straight = upright(found)
    links: tuple[list[Link], list[Link]] = [], []
    for (first, second), score, whole in zip(pairs, scores.tolist(), straight, strict=True):
        if score >= SIMILAR:
            one, two = numbers[readable[first].sha256], numbers[readable[second].sha256]
            links[0 if score >= COPY and whole else 1].append(Link(min(one, two), max(one, two), score))
    return links


def _compare(
    pixels: NDArray[np.uint8], small: NDArray[np.float16], features: Floats | None, progress: Progress
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Pairs worth a comparison, int64 (n, 2), their agreement and their places."""
    if len(pixels) < 2:
        return np.zeros((0, 2), np.int64), np.zeros(0, np.float32), np.zeros((0, 2, 3), np.float32)
    learned = space.learn(small)
    plain = candidates.directions(learned, small)
    pairs = candidates.near(learned, small, plain, progress)
    if features is not None:
        pairs = np.unique(np.concatenate([pairs, candidates.near_in_features(features)]), axis=0)
    likeness, begin = places.best(learned, small, plain, pairs)
    likely = likeness > _LIKELY
    return pairs[likely], *judging.judge(pixels, pairs[likely], begin[likely], progress)


def _rows(features: FeatureTable | None, photos: Sequence[Photo]) -> Floats | None:
    if features is None or not photos:
        return None
    return features.rows([photo.sha256 for photo in photos])


def upright(found: Floats) -> NDArray[np.bool_]:
    """Which places a crop, a mirror or a turn by right angles makes, and no moved camera.

    Args:
        found: float32 (n, 2, 3).
    """
    linear = np.abs(found[:, :, :2])
    askew = np.minimum(linear[:, 0, 1] + linear[:, 1, 0], linear[:, 0, 0] + linear[:, 1, 1])
    return np.asarray(askew / 2 < _ASKEW)
