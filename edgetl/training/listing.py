"""What a folder or a CSV file lists: photos with labels and splits, and every fault in how they are listed.

``edgetl train`` refuses the first fault, ``edgetl check`` tells all of them: both read here.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.images import SUFFIXES
from edgetl.training import columns as cells
from edgetl.training.columns import Column, Labels
from edgetl.wording import encodable

SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of folders, in lower case, that are splits and not classes."""


@dataclass(frozen=True)
class Fault:
    """Something that training refuses."""

    kind: str
    """Faults of one kind are told together: ``missing file``, ``empty class`` …"""
    sentence: str
    """What was wrong, where, and the way out."""
    place: Path
    """The file or folder it is about."""
    record: int | None = None
    """Number of the record of the CSV file that cannot be used; None of anything else."""


@dataclass(frozen=True)
class Entry:
    """One photo as it is listed; nobody has looked into its file yet."""

    path: Path
    label: str
    split: str | None
    """``train``, ``val`` or ``test``; None where the data does not say."""
    record: int | None = None
    """Its number among the records of the CSV file, from 1; None in a folder."""
    answers: tuple[Labels, ...] = ()
    """What each column says, where there are several or one of several labels; ``label`` then has it all."""


@dataclass(frozen=True)
class Listing:
    """All that was found."""

    source: Path
    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()
    passed_over: tuple[Path, ...] = ()
    """Files beside the photos whose names do not end like a picture's."""
    columns: tuple[Column, ...] = ()
    """That label the photos; empty where each has one label."""

    @property
    def root(self) -> Path:
        """What the photos lie below."""
        return self.source.parent if self.source.is_file() else self.source

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label once, sorted."""
        return tuple(sorted({entry.label for entry in self.entries}))

    def of_column(self, number: int) -> "Listing":
        """What one of the columns says: an entry for each label of a photo."""
        entries = [
            replace(entry, label=label, answers=())
            for entry in self.entries
            for label in entry.answers[number] or ()
        ]
        return replace(self, entries=tuple(entries), faults=(), columns=())


def read(data: str | Path, columns: Sequence[Column] = ()) -> Listing:
    """List the photos of a folder or CSV file.

    Args:
        data: a folder ``<class>/*``, a folder ``{train,val,test}/<class>/*``, or a CSV file with the
            columns ``path,label`` and perhaps ``split``, its paths relative to the file's folder. Splits may
            have other usual names, those of ``SPLIT_FOLDERS``.
        columns: of a CSV file that label the photos in place of ``label``. In one of single labels an empty
            cell says nothing of its photo; in one of several an empty cell is an answer, none of them, and
            ``?`` says nothing. Photos of which nothing is said are left out.

    Raises:
        DatasetError: there is nothing, or nothing that could be told from faults; or columns are named that
            the file does not have, or that a folder cannot have.
    """
    source = Path(data)
    if not source.exists():
        raise DatasetError(f"{source} does not exist: give a folder of photos or a CSV file")
    found = _Found()
    if source.is_file():
        _read_csv(source, columns, found)
    elif columns:
        raise DatasetError(
            f"{source} is a folder, which gives each photo one label: --tasks and --multi-label need a CSV "
            "file with a line for each photo"
        )
    else:
        _read_folder(source, found)
    if found.faults and not found.entries:
        raise DatasetError(found.faults[0].sentence)
    kept = tuple(columns) if cells.is_several(columns) else ()
    return Listing(source, tuple(found.entries), tuple(found.faults), tuple(found.passed_over), kept)


@dataclass
class _Found:
    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)

    def fault(self, kind: str, sentence: str, place: Path, record: int | None = None) -> None:
        self.faults.append(Fault(kind, sentence, place, record))


def _read_folder(folder: Path, found: _Found) -> None:
    children = _subfolders(folder)
    splits = [child for child in children if child.name.lower() in SPLIT_FOLDERS]
    names = {SPLIT_FOLDERS[child.name.lower()] for child in splits}
    are_splits = splits == children or ("train" in names and len(names) > 1)
    if not splits or not are_splits:  # one class may well show trains
        _read_classes(folder, None, found)
        return
    if "train" not in names:
        found.fault("splits", f"{folder} has {_names(splits)} but no train folder", folder)
    others = [child for child in children if child not in splits]
    if others:
        found.fault(
            "splits",
            f"{folder} has {_names(others)} beside {_names(splits)}: photos belong into the splits, and "
            "anything else elsewhere",
            others[0],
        )
    for child in splits:
        _read_classes(child, SPLIT_FOLDERS[child.name.lower()], found)


def _read_classes(folder: Path, split: str | None, found: _Found) -> None:
    classes = _subfolders(folder)
    if not classes:
        count = sum(1 for _ in _pictures(folder, []))
        hint = f"its {count} pictures lie beside each other" if count else "it has none"
        found.fault("no classes", f"{folder} needs one folder of photos per class, and {hint}", folder)
        return
    stray = [path for path in sorted(folder.iterdir()) if _is_shown(path, folder) and path.is_file()]
    found.passed_over += stray
    for child in classes:
        pictures = sorted(_pictures(child, found.passed_over))
        if not pictures:
            sentence = f"{child} has no pictures ({', '.join(sorted(SUFFIXES))}): remove it or fill it"
            found.fault("empty class", sentence, child)
        found.entries += [Entry(path, child.name, split) for path in pictures]


def _read_csv(file: Path, columns: Sequence[Column], found: _Found) -> None:
    try:
        # Names of files are bytes, and need not be UTF-8; all else must be, see _read_line.
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
            reader = csv.DictReader(lines)
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            if not all(map(_is_text, names)):
                raise _no_text(f"{file}, line 1")
            missing = [column.name for column in columns if column.name not in names]
            if missing and "path" in names:
                there = ", ".join(name for name in names if name not in cells.RESERVED) or "columns you add"
                raise DatasetError(f"{file} has no column {', '.join(missing)}: choose --tasks from {there}")
            if missing or not {"path", *([] if columns else ["label"])} <= set(names):
                raise DatasetError(f"{file} needs a first line with the columns path,label and perhaps split")
            reader.fieldnames = names
            for record, line in enumerate(reader, 1):
                _read_line(file, reader.line_num, record, line, columns, found)
    except csv.Error as error:
        raise DatasetError(f"{file} is no CSV file: {error}") from error


def _read_line(
    file: Path,
    number: int,
    record: int,
    line: dict[str, str | None],
    columns: Sequence[Column],
    found: _Found,
) -> None:
    values = {name: (line.get(name) or "").strip() for name in ("path", "label", "split")}
    answers = tuple(cells.labels_of(column, (line.get(column.name) or "").strip()) for column in columns)
    if columns:
        if values["path"] and all(answer is None for answer in answers):
            return
        values["label"] = cells.text_of([column.name for column in columns], answers)
    where = f"{file}, line {number}"
    path = file.parent / values["path"]
    is_there = _is_file(path)
    if not (_is_text(values["label"]) and (is_there or _is_text(values["path"]))):
        raise _no_text(where)
    split = SPLIT_FOLDERS.get(values["split"].lower()) if values["split"] else None
    if not values["path"] or not (values["label"] or columns):
        found.fault("bad line", f"{where} has no path or no label", file, record)
    elif values["split"] and split is None:
        sentence = f"{where} has the split {values['split']!r}: choose train, val or test"
        found.fault("bad line", sentence, file, record)
    elif not is_there:
        found.fault("missing file", f"{where} names {path}, which is not there", path, record)
    else:
        kept = answers if cells.is_several(columns) else ()
        found.entries.append(Entry(path, values["label"], split, record, kept))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a NUL
        return False


def _is_text(cell: str) -> bool:
    return encodable(cell) == cell


def _no_text(where: str) -> DatasetError:
    return DatasetError(f"{where} is no text in UTF-8: save the file as CSV in UTF-8")


def _subfolders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _pictures(folder: Path, passed_over: list[Path]) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if _is_shown(path, folder) and path.is_file():
            if path.suffix.lower() in SUFFIXES:
                yield path
            else:
                passed_over.append(path)


def pictures(folder: Path) -> list[Path]:
    """The pictures of a folder and of those inside it, sorted; hidden ones are not taken."""
    return sorted(_pictures(folder, []))


def _is_shown(path: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _names(folders: Sequence[Path]) -> str:
    return ", ".join(folder.name for folder in folders)
