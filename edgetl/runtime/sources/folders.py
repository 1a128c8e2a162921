"""Picture files that a user names."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from edgetl.errors import DatasetError, UsageError
from edgetl.images import SUFFIXES

_WAY_OUT = "give a picture, a folder or a pattern such as 'photos/*.jpg'"


def pictures(source: str | Path) -> list[Path]:
    """The picture files that a source names, sorted by path.

    Args:
        source: a file, taken whatever its name; a folder, searched with all its subfolders for names
            that end as pictures do, without hidden ones; or a pattern such as ``photos/*.jpg``, in which
            ``**`` stands for any folders.

    Raises:
        UsageError: there is no such file or folder, it cannot be read, or nothing matches the pattern.
        DatasetError: the folder holds no pictures.
    """
    text = os.fspath(source)
    try:
        return _pictures(text)
    except OSError as error:
        raise UsageError(f"{text} cannot be read: {error.strerror}") from error


def _pictures(text: str) -> list[Path]:
    path = Path(text)
    if text and path.is_dir():
        found = sorted(_below(path))
        if not found:
            raise DatasetError(f"{path} has no pictures: edgetl takes {', '.join(sorted(SUFFIXES))}")
        return found
    if text and path.exists():
        return [path]
    if glob.has_magic(text):
        matching = sorted(Path(name) for name in glob.glob(text, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        files = [match for match in matching if match.is_file()]
        if not files:
            raise UsageError(f"nothing matches {text}: {_WAY_OUT}")
        return files
    raise UsageError(f"{text or repr(text)} does not exist: {_WAY_OUT}")


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (path for name in names if is_picture(path := Path(root, name)))


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture which is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
