"""Files moved out of a dataset, never deleted, with a list by which all of them come back.

The list is on the disk before the first file moves, and each file is renamed on its own: whenever the process
dies, every photo stands in one of the two places that the list names.
"""

import filecmp
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgetl import files
from edgetl.errors import DatasetError, UsageError

FOLDER = ".edgetl-quarantine"
"""Inside the data: on the same disk, and passed over by whoever lists the classes, for its dot."""
LIST = "undo.json"
_SCHEMA = 1


@dataclass(frozen=True)
class Undone:
    """What came back."""

    restored: tuple[Path, ...]
    kept: tuple[Path, ...]
    """Files that stay in quarantine, since something else stands in their place now."""


def move_away(root: Path, why: Mapping[Path, str]) -> Path:
    """Move files of a dataset into its quarantine folder.

    Args:
        root: the data.
        why: the files, all below the root, each with the reason.

    Returns:
        The folder that they are in.

    Raises:
        WriteError: the data cannot be written.
    """
    folder = root / FOLDER
    moves = _read(folder)
    number = max((int(PurePosixPath(move["to"]).parts[0]) for move in moves), default=0) + 1
    new = [
        {
            "from": path.relative_to(root).as_posix(),
            "to": f"{number}/{path.relative_to(root).as_posix()}",
            "why": reason,
        }
        for path, reason in why.items()
    ]
    files.write_json(folder / LIST, {"schema": _SCHEMA, "moves": [*moves, *new]})
    for move in new:
        files.move(root / move["from"], folder / move["to"])
    return folder / str(number)


def undo(data: str | Path) -> Undone:
    """Move everything back that was ever moved away; nothing that stands there now is replaced.

    Raises:
        UsageError: the data is a CSV file, or nothing was moved away.
        DatasetError: the list is damaged.
        WriteError: the data cannot be written.
    """
    root = Path(data)
    if root.is_file():
        raise UsageError(f"{root} is a CSV file, which --fix never changes: there is nothing to undo")
    folder = root / FOLDER
    moves = _read(folder)
    if not moves:
        files.remove_empty(folder)  # a move may have been killed as it began
        raise UsageError(f"{root} has nothing in quarantine: there is nothing to undo")
    restored, kept = [], []
    left = []
    for move in moves:
        here, there = folder / move["to"], root / move["from"]
        if not here.exists() and not here.is_symlink():
            continue  # it was never moved, or came back before
        if _is_copy(here, there):
            files.remove(here)  # a power cut kept both names of what was moved
            continue
        if there.exists() or there.is_symlink():
            kept.append(here)
            left.append(move)
            continue
        files.move(here, there)
        restored.append(there)
    if left:
        files.write_json(folder / LIST, {"schema": _SCHEMA, "moves": left})
    else:
        # It may come back with a power cut: it then names nothing that is there.
        files.remove(folder / LIST, durable=False)
    for place in (*sorted(folder.rglob("*"), reverse=True), folder):
        if place.is_dir():
            files.remove_empty(place)
    return Undone(tuple(restored), tuple(kept))


def _read(folder: Path) -> list[dict[str, str]]:
    """The moves of the list: ``from`` below the data, ``to`` below the folder, and ``why``."""
    file = folder / LIST
    if not file.exists():
        return []
    try:
        found: Any = json.loads(file.read_text("utf-8"))
        moves = [{name: str(move[name]) for name in ("from", "to", "why")} for move in found["moves"]]
        right = found["schema"] == _SCHEMA and all(
            _is_inside(move["from"]) and _is_inside(move["to"]) and move["to"].partition("/")[0].isdigit()
            for move in moves
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{file} is damaged ({error}): move what lies beside it back by hand") from error
    if not right:
        raise DatasetError(f"{file} was not written by edgetl: move what lies beside it back by hand")
    return moves


def _is_copy(one: Path, other: Path) -> bool:
    """Whether both are files of the same content, not links."""
    plain = all(path.is_file() and not path.is_symlink() for path in (one, other))
    return plain and filecmp.cmp(one, other, shallow=False)


def _is_inside(path: str) -> bool:
    place = PurePosixPath(path)
    return not place.is_absolute() and ".." not in place.parts
