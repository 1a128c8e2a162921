"""``--fix``: which files go, and how a folder and a CSV file are rid of them."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from edgetl import files
from edgetl.errors import UsageError
from edgetl.training.checking import quarantine
from edgetl.training.checking.findings import PhotoNote
from edgetl.training.checking.subject import Subject
from edgetl.training.dataset import Photo
from edgetl.training.listing import Listing

_FEWEST_TRAIN = 2


def plan(subject: Subject, copies: Iterable[Photo], suspects: Iterable[PhotoNote]) -> dict[Path, str]:
    """The files to move away, with the reason.

    Unreadable ones, copies that leak, and suspects where the user asked for it; but no class loses its last
    photos, since then nothing could be trained at all.
    """
    chosen = dict(subject.unreadable)
    chosen |= {photo.path: f"a copy of it is in a scored split; it was in {photo.split}" for photo in copies}
    chosen |= {suspect.path: f"suspect label: {suspect.note}" for suspect in suspects}
    left = Counter(p.label for p in subject.photos if p.split == "train" and p.path not in chosen)
    short = {label for label in range(len(subject.labels)) if left[label] < _FEWEST_TRAIN}
    kept = {photo.path for photo in subject.photos if photo.split == "train" and photo.label in short}
    return {path: why for path, why in chosen.items() if path not in kept}


def place_of_list(source: Path) -> Path:
    """The CSV file that is written beside a faulty one."""
    return source.with_name(f"{source.stem}.fixed{source.suffix}")


def refuse(source: Path) -> None:
    """Refuse to fix a CSV file over an earlier fix, before anything is looked at.

    Raises:
        UsageError: it stands there.
    """
    if source.is_file() and place_of_list(source).exists():
        raise UsageError(f"{place_of_list(source)} exists already: use it, or move it away first")


def apply(listing: Listing, why: Mapping[Path, str]) -> Path:
    """Move files of a folder away, or write a CSV file without them and without its unusable lines.

    The files of a CSV dataset stay where they are, since other lists may name them too.

    Returns:
        The quarantine folder, or the new CSV file.
    """
    if not listing.source.is_file():
        return quarantine.move_away(listing.root, why)
    kept = {entry.record for entry in listing.entries if entry.path not in why}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    with listing.source.open(newline="", encoding="utf-8-sig") as lines:
        # As listing.read counts them: blank lines are none, and the first is the header.
        rows = (row for row in csv.reader(lines) if row)
        writer.writerow(next(rows))
        writer.writerows(row for record, row in enumerate(rows, 1) if record in kept)
    place = place_of_list(listing.source)
    files.write_text(place, text.getvalue())
    return place
