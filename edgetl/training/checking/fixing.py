"""``--fix``: what goes, and how a folder and a CSV file are rid of it."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl import files
from edgetl.errors import UsageError, WriteError
from edgetl.training.checking import quarantine
from edgetl.training.checking.findings import PhotoNote
from edgetl.training.checking.subject import Subject
from edgetl.training.counts import FEWEST_UNSPLIT
from edgetl.training.dataset import Photo
from edgetl.training.listing import Listing

_FEWEST_TRAIN = 2
_Line = tuple[Path, str | None, str | None]
"""Path, label and split of a photo: a CSV file may list one path several times."""


@dataclass(frozen=True)
class Plan:
    """What is to be taken out of a dataset."""

    why: Mapping[Path, str]
    """The files that go, each with the reason."""
    photos: frozenset[Photo]
    """What they are photos of, as far as they could be read."""
    records: frozenset[int]
    """Of a CSV file: the lines that go, those that cannot be used among them."""

    @property
    def count(self) -> int:
        """Files to move away, or lines to leave out of the CSV file."""
        return len(self.records or self.why)

    def rest(self, listing: Listing) -> Listing:
        """What is still listed afterwards."""
        is_file = listing.source.is_file()
        entries = (
            entry
            for entry in listing.entries
            if (entry.record not in self.records if is_file else entry.path not in self.why)
        )
        faults = (fault for fault in listing.faults if fault.record not in self.records)
        return replace(listing, entries=tuple(entries), faults=tuple(faults))


def plan(subject: Subject, copies: Iterable[Photo], suspects: Iterable[PhotoNote]) -> Plan:
    """What to take out.

    Unreadable files, copies that leak, and suspects where the user asked for it; but nothing without which a
    class could not be trained any more, and no file that a photo which stays has too, by a link.
    """
    reasons = {
        _line(subject, photo.path, subject.labels[photo.label], photo.split): (
            f"a copy of it is in a scored split; it was in {photo.split}"
        )
        for photo in copies
    }
    reasons |= {
        _line(subject, note.path, note.label, note.split): f"suspect label: {note.note}" for note in suspects
    }
    going: dict[Photo, str] = {}
    for photo in subject.dataset.photos:
        line = _line(subject, photo.path, subject.labels[photo.label], photo.split)
        if why := reasons.get(line) or subject.unreadable.get(photo.path):
            going[photo] = why
    for kept_by in (_needed, _linked):  # what the first keeps, the second must know of
        kept = set(kept_by(subject, going))
        going = {photo: why for photo, why in going.items() if photo not in kept}
    read = {photo.path for photo in subject.dataset.photos}
    lost = {path: why for path, why in subject.unreadable.items() if path not in read}
    lines = {_line(subject, photo.path, subject.labels[photo.label], photo.split) for photo in going}
    records = {fault.record for fault in subject.listing.faults} | {
        entry.record
        for entry in subject.listing.entries
        if entry.path in lost or _line(subject, entry.path, entry.label, entry.split or "train") in lines
    }
    return Plan(
        lost | {photo.path: why for photo, why in going.items()},
        frozenset(going),
        frozenset(record for record in records if record is not None),
    )


def _line(subject: Subject, path: Path, label: str | None, split: str | None) -> _Line:
    # Where edgetl splits, no line says so, and all lines of a path are in one split.
    return path, label, None if subject.split_here else split


def _needed(subject: Subject, going: Collection[Photo]) -> Iterator[Photo]:
    """Photos without which a class has too few, to train on or to be split."""
    left = Counter(p.label for p in subject.photos if p.split == "train" and p not in going)
    before, after = defaultdict[int, set[str]](set), defaultdict[int, set[str]](set)
    for photo in subject.dataset.photos:
        before[photo.label].add(photo.sha256)
        if photo not in going:
            after[photo.label].add(photo.sha256)
    for photo in going:
        label = photo.label
        # What cannot be decoded is no photo to train on, but counts where a class is split.
        trains = photo.split == "train" and photo.path not in subject.unreadable
        splits = subject.split_here and len(after[label]) < FEWEST_UNSPLIT <= len(before[label])
        if (trains and left[label] < _FEWEST_TRAIN) or splits:
            yield photo


def _linked(subject: Subject, going: Collection[Photo]) -> Iterator[Photo]:
    """Photos whose file one that stays has too: it would go with them, or its link would lead nowhere."""
    if subject.listing.source.is_file():
        return  # lines go, and no files
    contents = {photo.sha256 for photo in going}
    stay = [p.path for p in subject.dataset.photos if p.sha256 in contents and p not in going]
    held = {place for path in stay for place in (_renamed(path), path.resolve())}
    yield from (photo for photo in going if _renamed(photo.path) in held)


def _renamed(path: Path) -> Path:
    """What it is that a move takes: a link itself, but in the folder that it really is in."""
    return path.parent.resolve() / path.name


def place_of_list(source: Path) -> Path:
    """The CSV file that is written beside a faulty one."""
    return source.with_name(f"{source.stem}.fixed{source.suffix}")


def refuse(source: Path) -> None:
    """Refuse what could not be fixed, before anything is looked at.

    Raises:
        UsageError: the CSV file of an earlier fix stands there.
        WriteError: the data cannot be written.
    """
    place = place_of_list(source) if source.is_file() else source / quarantine.FOLDER / quarantine.LIST
    if source.is_file() and place.exists():
        raise UsageError(f"{place} exists already: use it, or move it away first")
    if not source.exists():
        return  # which is told by whoever reads it
    try:
        files.try_file(place)
    except WriteError as error:
        raise WriteError(
            f"--fix cannot write {place}: make {source.absolute().parent if source.is_file() else source} "
            "writable, or copy the data and fix the copy"
        ) from error


def apply(listing: Listing, plan: Plan) -> Path:
    """Move files of a folder away, or write a CSV file without their lines and without its unusable ones.

    The files of a CSV dataset stay where they are, since other lists may name them too.

    Returns:
        The quarantine folder, or the new CSV file.
    """
    if not listing.source.is_file():
        return quarantine.move_away(listing.root, plan.why)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    with listing.source.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
        # As listing.read counts them: blank lines are none, and the first is the header.
        rows = (row for row in csv.reader(lines) if row)
        writer.writerow(next(rows))
        writer.writerows(row for record, row in enumerate(rows, 1) if record not in plan.records)
    place = place_of_list(listing.source)
    files.write_text(place, text.getvalue())
    return place
