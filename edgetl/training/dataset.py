"""From a folder or a CSV file to labelled, split, hashed photos."""

import csv
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.images import SUFFIXES

SPLITS = ("train", "val", "test")
_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_VAL_SHARE = _TEST_SHARE = 0.15
_FEWEST_UNSPLIT = 5
"""Photos a class needs before it can be split in three."""
_FEWEST_TRAIN = 2


@dataclass(frozen=True)
class Photo:
    """One labelled picture."""

    path: Path
    label: int
    """Index into ``Dataset.labels``."""
    split: str
    """``train``, ``val`` or ``test``."""
    sha256: str
    """Of the file's bytes."""


@dataclass(frozen=True)
class Dataset:
    """Photos in an order that depends on nothing but their names."""

    root: Path
    labels: tuple[str, ...]
    photos: tuple[Photo, ...]

    def split(self, name: str) -> tuple[Photo, ...]:
        """The photos of one split."""
        return tuple(photo for photo in self.photos if photo.split == name)

    @property
    def scored_split(self) -> str:
        """Where accuracy is measured: ``test``, or ``val`` in a dataset without one."""
        return "test" if self.split("test") else "val"

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every photo's content, label and split; names and order do not matter."""
        lines = sorted(f"{photo.sha256} {self.labels[photo.label]} {photo.split}" for photo in self.photos)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def without(self, paths: Iterable[Path]) -> "Dataset":
        """The dataset less some photos, checked anew.

        Raises:
            DatasetError: too little is left.
        """
        gone = set(paths)
        kept = replace(self, photos=tuple(photo for photo in self.photos if photo.path not in gone))
        _check_counts(kept)
        return kept

    def leaks(self) -> tuple[Photo, ...]:
        """Photos of val and test whose very bytes are in train too."""
        trained = {photo.sha256 for photo in self.split("train")}
        return tuple(photo for photo in self.photos if photo.split != "train" and photo.sha256 in trained)


def read(data: str | Path) -> Dataset:
    """Find, label, hash and split the photos.

    Args:
        data: a folder ``<class>/*``, a folder ``{train,val,test}/<class>/*``, or a CSV file with the
            columns ``path,label`` and perhaps ``split``, its paths relative to the file's folder.

    Raises:
        DatasetError: nothing there, no pictures, one class only, an empty class, too few photos of
            one, or a label in val or test that train does not have.
    """
    source = Path(data)
    rows = find(source)
    root = source.parent if source.is_file() else source
    labels = tuple(sorted({label for _, label, _ in rows}))
    hashes = hash_all([path for path, _, _ in rows])
    numbers = {label: number for number, label in enumerate(labels)}
    photos = [
        Photo(path, numbers[label], split or "", digest)
        for (path, label, split), digest in zip(rows, hashes, strict=True)
    ]
    _check_classes(source, labels)
    _check_labels(rows)
    if not all(photo.split for photo in photos):
        if any(photo.split for photo in photos):
            raise DatasetError(f"{source} gives a split for some photos only: give it for all or for none")
        photos = _split(photos, labels)
    elif not {"val", "test"} & {photo.split for photo in photos}:
        raise DatasetError(f"{source} has no val and no test photos: give one, or leave the split out")
    dataset = Dataset(root, labels, tuple(photos))
    _check_counts(dataset)
    return dataset


def unlabelled(folder: str | Path) -> tuple[Photo, ...]:
    """The pictures of a folder and of those inside it, which have no class: their label is -1.

    Raises:
        DatasetError: it is no folder, or has no pictures.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DatasetError(f"{place} is no folder: give one of pictures of none of the classes")
    paths = _pictures(place)
    if not paths:
        raise DatasetError(f"{place} has no pictures ({', '.join(sorted(SUFFIXES))})")
    return tuple(
        Photo(path, -1, "unknown", digest) for path, digest in zip(paths, hash_all(paths), strict=True)
    )


Row = tuple[Path, str, str | None]
"""A photo, its label and its split, None where the data does not say."""


def find(data: str | Path) -> list[Row]:
    """The photos of a folder or CSV file with their labels, as :func:`read` finds them.

    Raises:
        DatasetError: nothing there, or a class without pictures.
    """
    source = Path(data)
    if not source.exists():
        raise DatasetError(f"{source} does not exist: give a folder of photos or a CSV file")
    return _rows_of_csv(source) if source.is_file() else _rows_of_folder(source)


def _rows_of_folder(folder: Path) -> list[Row]:
    children = _subfolders(folder)
    if children and {child.name.lower() for child in children} <= set(_SPLIT_FOLDERS):
        if not any(child.name.lower() == "train" for child in children):
            raise DatasetError(f"{folder} has {_names(children)} but no train folder")
        return [
            (path, label, _SPLIT_FOLDERS[child.name.lower()])
            for child in children
            for path, label in _rows_of_classes(child)
        ]
    return [(path, label, None) for path, label in _rows_of_classes(folder)]


def _rows_of_classes(folder: Path) -> list[tuple[Path, str]]:
    classes = _subfolders(folder)
    if not classes:
        found = len(_pictures(folder))
        hint = f"its {found} pictures lie beside each other" if found else "it has none"
        raise DatasetError(f"{folder} needs one folder of photos per class, and {hint}")
    rows = []
    for child in classes:
        pictures = _pictures(child)
        if not pictures:
            raise DatasetError(
                f"{child} has no pictures ({', '.join(sorted(SUFFIXES))}): remove it or fill it"
            )
        rows += [(path, child.name) for path in pictures]
    return rows


def _rows_of_csv(file: Path) -> list[Row]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            if not {"path", "label"} <= set(columns):
                raise DatasetError(f"{file} needs a first line with the columns path,label and perhaps split")
            reader.fieldnames = columns
            return [_row_of_line(file, reader.line_num, line) for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file} is no CSV file in UTF-8: {error}") from error


def _row_of_line(file: Path, number: int, line: dict[str, str | None]) -> Row:
    values = {name: (line.get(name) or "").strip() for name in ("path", "label", "split")}
    where = f"{file}, line {number}"
    if not values["path"] or not values["label"]:
        raise DatasetError(f"{where} has no path or no label")
    split = _SPLIT_FOLDERS.get(values["split"].lower()) if values["split"] else None
    if values["split"] and split is None:
        raise DatasetError(f"{where} has the split {values['split']!r}: choose train, val or test")
    path = file.parent / values["path"]
    if not path.is_file():
        raise DatasetError(f"{where} names {path}, which is not there")
    return path, values["label"], split


def _subfolders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def hash_all(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file, in the order of the paths."""
    # hashlib lets go of the interpreter lock, so the disk and the cores are both kept busy.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_hash, paths))


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error


def _split(photos: Sequence[Photo], labels: tuple[str, ...]) -> list[Photo]:
    """Split each class 70/15/15 by content hash: renaming, adding or removing photos moves few others.

    Copies of one photo share a hash and so a split.
    """
    by_class: dict[int, dict[str, list[Photo]]] = defaultdict(lambda: defaultdict(list))
    for photo in photos:
        by_class[photo.label][photo.sha256].append(photo)
    few = [labels[label] for label, groups in sorted(by_class.items()) if len(groups) < _FEWEST_UNSPLIT]
    if few:
        raise DatasetError(
            f"a class needs {_FEWEST_UNSPLIT} different photos to be split into train, val and test; "
            f"too few of: {', '.join(few)}"
        )
    split_of = {}
    for groups in by_class.values():
        hashes = sorted(groups)
        tests = max(1, round(len(hashes) * _TEST_SHARE))
        vals = max(1, round(len(hashes) * _VAL_SHARE))
        for place, digest in enumerate(hashes):
            split_of[digest] = "test" if place < tests else "val" if place < tests + vals else "train"
    return [replace(photo, split=split_of[photo.sha256]) for photo in photos]


def _check_classes(source: Path, labels: tuple[str, ...]) -> None:
    if not labels:
        raise DatasetError(f"{source} has no pictures")
    if len(labels) < 2:
        raise DatasetError(f"{source} has only one class, {labels[0]!r}: a classifier needs two or more")


def _check_labels(rows: Sequence[Row]) -> None:
    known = {label for _, label, split in rows if split == "train"}
    for path, label, split in rows:
        if split and label not in known:
            raise DatasetError(
                f"{path} is a {split} photo with the label {label!r}, which train does not have: "
                f"it has {', '.join(sorted(known)) or 'none'}"
            )


def _check_counts(dataset: Dataset) -> None:
    counts = Counter(photo.label for photo in dataset.split("train"))
    few = [label for number, label in enumerate(dataset.labels) if counts[number] < _FEWEST_TRAIN]
    if few:
        raise DatasetError(
            f"a class needs {_FEWEST_TRAIN} readable train photos or more; too few of: {', '.join(few)}"
        )
    if not dataset.split(dataset.scored_split):
        raise DatasetError(f"{dataset.root} has no readable val or test photo left")


def _names(folders: Sequence[Path]) -> str:
    return ", ".join(folder.name for folder in folders)
