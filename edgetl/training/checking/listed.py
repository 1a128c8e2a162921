"""What is wrong with how photos are listed: all that training refuses, nested folders, files passed over."""

from collections import Counter, defaultdict
from pathlib import Path

from edgetl import images
from edgetl.errors import ImageError
from edgetl.training.checking.findings import Finding, PhotoNote
from edgetl.training.checking.subject import Subject
from edgetl.training.columns import with_separators
from edgetl.training.listing import SPLIT_FOLDERS, Fault
from edgetl.wording import counted

_TOLD_TOGETHER = {
    "missing file": (
        "{} of the CSV file names no file, so training refuses it: correct the path, or take it out",
        "{} of the CSV file name no files, so training refuses them: correct the paths, or take them out",
        "line",
    ),
    "bad line": (
        "{} of the CSV file cannot be used, so training refuses it: correct it",
        "{} of the CSV file cannot be used, so training refuses them: correct them",
        "line",
    ),
    "empty class": (
        "{} has no pictures, so training refuses it: fill the folder or remove it",
        "{} have no pictures, so training refuses them: fill the folders or remove them",
        "class",
    ),
    "label without train photos": (
        "{} is not in train, so no model can learn it: move some of its photos to train, or remove it",
        "{} are not in train, so no model can learn them: move some of their photos to train, or remove them",
        "class",
    ),
}
_CONVERTIBLE = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".raw"}
)
_LARGE = 20_000_000
"""Bytes of a file that is not opened to see whether it is a picture: it is a video or an archive."""
_ENDINGS = 5


def find(subject: Subject) -> list[Finding]:
    """Everything that the list of photos tells."""
    return [*_faults(subject.faults), *_several(subject), *_passed_over(subject), *_nested(subject)]


def _faults(faults: tuple[Fault, ...]) -> list[Finding]:
    by_kind: dict[str, list[Fault]] = defaultdict(list)
    found = []
    for fault in faults:
        if fault.kind in _TOLD_TOGETHER:
            by_kind[fault.kind].append(fault)
        else:
            found.append(Finding(fault.kind, "error", _sentence(fault.sentence)))
    for kind, same in by_kind.items():
        one, many, unit = _TOLD_TOGETHER[kind]
        amount = counted(len(same), unit, "classes" if unit == "class" else None)
        title = (one if len(same) == 1 else many).format(amount)
        notes = tuple(PhotoNote(fault.place, note=fault.sentence) for fault in same)
        found.append(Finding(kind, "error", title, notes))
    return found


def _several(subject: Subject) -> list[Finding]:
    marked = with_separators(subject.listing.source, subject.labels)
    if not marked:
        return []
    listed = ", ".join(map(repr, marked[:_ENDINGS])) + (" …" if len(marked) > _ENDINGS else "")
    title = (
        f"{counted(len(marked), 'label looks', 'labels look')} like several in one cell ({listed}), and "
        "training takes each for one: if a photo may have several, train with --multi-label"
    )
    return [Finding("several labels in a cell", "warning", title)]


def _passed_over(subject: Subject) -> list[Finding]:
    files = subject.listing.passed_over
    hidden = [path for path in files if path.suffix.lower() in _CONVERTIBLE or _is_picture(path)]
    found = []
    if hidden:
        title = (
            f"{counted(len(hidden), 'picture')} passed over for what the file name ends with "
            f"({_endings(hidden)}), so training never sees them: save them as .jpg or .png"
        )
        notes = tuple(PhotoNote(path, note=_true_ending(path)) for path in hidden)
        found.append(Finding("pictures passed over", "warning", title, notes))
    known = set(hidden)
    others = [path for path in files if path not in known]
    if others:
        title = f"{counted(len(others), 'file')} beside the photos taken for no picture ({_endings(others)})"
        found.append(Finding("other files", "note", title, tuple(PhotoNote(path) for path in others)))
    return found


def _is_picture(path: Path) -> bool:
    try:
        if path.stat().st_size > _LARGE:
            return False
        images.open_header(path)
    except (ImageError, OSError):
        return False
    return True


def _true_ending(path: Path) -> str:
    try:
        return f"really {images.open_header(path).format}"
    except ImageError:
        return ""


def _endings(files: list[Path]) -> str:
    common = Counter(path.suffix.lower() or "no ending" for path in files).most_common()
    words = [f"{count} {ending}" for ending, count in common[:_ENDINGS]]
    return ", ".join(words) + (" …" if len(common) > _ENDINGS else "")


def _nested(subject: Subject) -> list[Finding]:
    if subject.listing.source.is_file():
        return []
    inner: dict[tuple[str, str], list[PhotoNote]] = defaultdict(list)
    for photo in subject.dataset.photos:
        label = subject.labels[photo.label]
        below = photo.path.relative_to(subject.dataset.root).parts[1 if subject.split_here else 2 : -1]
        if below:
            inner[label, below[0]].append(subject.note(photo, f"in {label}/{'/'.join(below)}"))
    if not inner:
        return []
    names = [f"{label}/{folder}" for label, folder in inner]
    known = {label.casefold() for label in subject.labels} | set(SPLIT_FOLDERS)
    odd = [name for name, (_, folder) in zip(names, inner, strict=True) if folder.casefold() in known]
    notes = tuple(note for photos in inner.values() for note in photos)
    listed = ", ".join((odd or names)[:_ENDINGS]) + (" …" if len(odd or names) > _ENDINGS else "")
    count = counted(len(notes), "photo")
    is_labelled = "is" if len(notes) == 1 else "are"
    what = f"{count} in folders inside class folders ({listed}) {is_labelled} labelled by the outer one"
    if odd:
        title = f"{what}, and the inner name is a class or a split itself: move them to where they belong"
        return [Finding("nested folders", "warning", title, notes)]
    return [Finding("nested folders", "note", f"{what}: fine when the inner folders only sort them", notes)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text[:2] == "a " else text
