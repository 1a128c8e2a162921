"""``--unlabelled DIR``: pictures of the place where the model will work, which nobody has labelled."""

from collections.abc import Sequence
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.progress import Progress
from edgetl.training import dataset as datasets
from edgetl.training.dataset import Dataset, Photo
from edgetl.wording import counted

MOST = 20_000
"""Of more pictures than this, so many are used: a head of a few thousand numbers a class learns no more."""


def find(
    folder: str | Path, photos: Dataset, strangers: Sequence[Photo], progress: Progress
) -> tuple[Photo, ...]:
    """The pictures of a folder that may be learned from, each content once, in the order of their hashes.

    Args:
        folder: of pictures, and folders of them.
        photos: the dataset; what is in it stays out, the scored photos above all.
        strangers: pictures of no class, which measure how well those are told: they stay out, too.
        progress: hears of what was left out.

    Raises:
        DatasetError: it is no folder, or has no pictures but those.
    """
    # Of pictures with the same content the first path stands for all, or the first with a label.
    found = sorted(
        datasets.unlabelled(folder, "unlabelled pictures"),
        key=lambda photo: label_of(photo, folder, photos) is None,
    )
    different = {photo.sha256: photo for photo in reversed(found)}
    splits = {photo.sha256: photo.split for photo in photos.photos}
    odd = {photo.sha256 for photo in strangers}
    scored = sum(splits.get(sha256) in ("val", "test") for sha256 in different)
    trained = sum(splits.get(sha256) == "train" for sha256 in different)
    strange = sum(sha256 in odd and sha256 not in splits for sha256 in different)
    kept = [
        photo for sha256, photo in sorted(different.items()) if sha256 not in splits and sha256 not in odd
    ]
    if not kept:
        raise DatasetError(
            f"{folder} has no pictures but those of the dataset and the unknown ones "
            f"({counted(len(different), 'picture')}): give pictures of where the model will be used"
        )
    if scored:
        progress.warn(
            f"left out {counted(scored, 'picture')} of {folder}, byte for byte in val or test: a model that "
            "has learned from them would score too well"
        )
    if trained:
        progress.warn(
            f"left out {counted(trained, 'picture')} of {folder}, byte for byte in train with a label"
        )
    if strange:
        progress.warn(f"left out {counted(strange, 'picture')} of {folder}, among the unknown ones too")
    return tuple(kept)


def label_of(photo: Photo, folder: str | Path, photos: Dataset) -> int | None:
    """The class of a picture below ``FOLDER/<class>/``, as a number; None of any other."""
    parts = photo.path.relative_to(folder).parts
    return photos.labels.index(parts[0]) if len(parts) > 1 and parts[0] in photos.labels else None


def some(pictures: Sequence[Photo], progress: Progress) -> tuple[Photo, ...]:
    """At most 20,000 of the pictures :func:`find` found, as good as drawn by chance, since they are in the
    order of their hashes; the same ones nearly all when a few are added."""
    if len(pictures) > MOST:
        progress.note(f"of {len(pictures):,} unlabelled pictures {MOST:,} are used, more add nothing")
    return tuple(pictures[:MOST])
