"""The pictures of where the model will be used: most without a label, perhaps a few with one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.progress import Progress
from edgetl.training import unlabelled
from edgetl.training.dataset import Dataset, Photo
from edgetl.wording import counted


@dataclass(frozen=True)
class Target:
    """What ``--unlabelled`` names."""

    folder: Path
    pictures: tuple[Photo, ...]
    """Without a label, each content once."""
    labelled: tuple[Photo, ...]
    """In subfolders called as a class is; nothing is learned from them, they judge."""

    def without(self, unreadable: Mapping[Path, str]) -> "Target":
        """Less what cannot be decoded.

        Raises:
            DatasetError: no picture without a label is left.
        """
        kept = replace(
            self,
            pictures=tuple(photo for photo in self.pictures if photo.path not in unreadable),
            labelled=tuple(photo for photo in self.labelled if photo.path not in unreadable),
        )
        if not kept.pictures:
            raise DatasetError(
                f"none of the {len(self.pictures)} unlabelled pictures can be read: give JPEG or PNG files "
                "that open, or leave --unlabelled out"
            )
        return kept


def read(folder: str | Path, photos: Dataset, strangers: Sequence[Photo], progress: Progress) -> Target:
    """List the pictures, checked before the slow work.

    A picture below ``FOLDER/<class>/`` is one of that class; any other has no label.

    Args:
        folder: of pictures, and those inside it.
        photos: the dataset; what is in it is left out.
        strangers: pictures of no class, which measure how well those are told; left out as well.
        progress: hears of what is left out.

    Raises:
        DatasetError: it is no folder, or has no unlabelled pictures but those of the dataset.
    """
    place = Path(folder)
    pictures, labelled = [], []
    for photo in unlabelled.find(place, photos, strangers, progress):
        label = unlabelled.label_of(photo, place, photos)
        if label is None:
            pictures.append(photo)
        else:
            labelled.append(replace(photo, label=label))
    if not pictures:
        raise DatasetError(
            f"{place} has {counted(len(labelled), 'picture')} in folders called as classes are and none "
            "without a label: give unlabelled pictures of where the model will be used"
        )
    return Target(place, unlabelled.some(pictures, progress), tuple(labelled))
