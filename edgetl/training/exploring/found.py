"""What ``edgetl explore`` gives back, and its CSV file of suggested labels."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class Picture:
    """A picture and what it may be."""

    path: Path
    sha256: str
    label: str
    """Suggested."""
    score: float | None
    """The model's probability of that label, 0 to 1; 0 where it knows no such kind, None without a model."""
    group: int
    """Number of its group, from 1."""
    first: int | None
    """Its place among those to label first, from 1; None of any other."""
    odd: bool
    """Whether no other picture is like it."""
    copies: tuple[Path, ...] = ()
    """Further files of the same bytes."""


@dataclass(frozen=True)
class Group:
    """Pictures that look alike."""

    number: int
    """From 1, the largest first."""
    label: str
    """What most of it is called."""
    new: bool
    """Whether it shows what the model does not know."""
    pictures: int
    labels: Mapping[str, int]
    """How many of its pictures have which label."""
    typical: tuple[Path, ...]
    """Some of it, the most typical first."""


@dataclass(frozen=True)
class Exploration:
    """What is in a folder of pictures."""

    folder: Path
    created: str
    """When, in UTC."""
    backbone: str
    """Whose features were looked at."""
    model: str | None
    """Name of the run or bundle that suggested labels; None: none did."""
    pictures: tuple[Picture, ...]
    """Each content once, in the order of their paths."""
    groups: tuple[Group, ...]
    silhouette: float | None
    """How far the groups stand apart, -1 to 1; None of one group."""
    apart: bool
    """Whether that is more than one cloud, cut somewhere, has."""
    tried: Mapping[int, float]
    """Silhouette of each number of groups that was tried."""
    alike: tuple[tuple[Path, ...], ...]
    """Pictures that show the same, or nearly: altered copies, frames of one moment."""
    known: tuple[Path, ...]
    """Left out: the run's dataset has labels for them."""
    unreadable: Mapping[Path, str]
    seconds: float

    @property
    def first(self) -> tuple[Picture, ...]:
        """Those to label first, the most useful first."""
        chosen = [picture for picture in self.pictures if picture.first is not None]
        return tuple(sorted(chosen, key=lambda picture: picture.first or 0))

    @property
    def odd(self) -> tuple[Picture, ...]:
        """Those that no other is like."""
        return tuple(picture for picture in self.pictures if picture.odd)

    @property
    def files(self) -> int:
        """Pictures and further files of the same bytes."""
        return sum(1 + len(picture.copies) for picture in self.pictures)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the pictures are in the CSV file."""
        return {
            "schema": SCHEMA,
            "folder": str(self.folder),
            "created": self.created,
            "backbone": self.backbone,
            "model": self.model,
            "files": self.files,
            "pictures": len(self.pictures),
            "groups": [
                {**asdict(group), "typical": [str(path) for path in group.typical]} for group in self.groups
            ],
            "silhouette": self.silhouette,
            "apart": self.apart,
            "tried": {str(number): score for number, score in self.tried.items()},
            "first": [str(picture.path) for picture in self.first],
            "odd": [str(picture.path) for picture in self.odd],
            "alike": [[str(path) for path in paths] for paths in self.alike],
            "known": [str(path) for path in self.known],
            "unreadable": {str(path): reason for path, reason in self.unreadable.items()},
            "seconds": self.seconds,
        }


def labels_csv(found: Exploration, folder: Path) -> str:
    """The text of a CSV file that ``edgetl train`` takes, and that a user looks through before.

    Those to label first are on top, then group by group, the least sure first. A file that a link leads to
    has one line.

    Args:
        found: with its pictures.
        folder: where the file is to lie: paths below it are told from there.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "score", "group", "first", "odd"])
    base = folder.resolve()
    order = sorted(
        found.pictures,
        key=lambda picture: (picture.first or len(found.pictures) + 1, picture.group, picture.score or 0),
    )
    for picture in order:
        for place in dict.fromkeys(path.resolve() for path in (picture.path, *picture.copies)):
            told = place.relative_to(base) if place.is_relative_to(base) else place
            score = "" if picture.score is None else f"{picture.score:.3f}"
            odd = "odd" if picture.odd else ""
            writer.writerow([told.as_posix(), picture.label, score, picture.group, picture.first or "", odd])
    return text.getvalue()
