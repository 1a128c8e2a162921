"""What a command asks of the disk, in order and with the data: the functions of ``edgetl.disk``, overheard.

What libraries write by themselves is seen too, by looking at the folder before each operation. It counts as
written then, and must lie under a temporary name: a write elsewhere is a write that goes round the seam.
"""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgetl import disk

TEMPORARY = re.compile(r"\..+\.tmp-(old-)?\d+")
SEAM = (
    "create",
    "open_lock",
    "write",
    "allocate",
    "sync",
    "sync_file",
    "sync_folder",
    "rename",
    "exchange",
    "unlink",
    "make_folder",
    "remove_folder",
)
_BY_DESCRIPTOR = ("write", "sync")
Tree = dict[str, bytes | None]
"""Path below the root: the content of a file, None for a folder."""


@dataclass(frozen=True)
class Operation:
    """One change, or one flush."""

    name: str
    """``create``, ``write``, ``sync_file``, ``sync_folder``, ``rename``, ``exchange``, ``unlink``,
    ``make_folder`` or ``remove_folder``; ``replace`` is a library's: the whole content anew."""
    path: str
    """Below the root."""
    other: str = ""
    """The second path of ``rename`` and ``exchange``."""
    data: bytes = b""
    foreign: bool = False
    """Seen afterwards, not asked for."""


def tree_of(root: Path) -> Tree:
    """All that is in a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


def temporary_names(root: Path) -> list[str]:
    """What stands half-written anywhere in a folder."""
    return sorted(path.name for path in root.rglob("*") if TEMPORARY.match(path.name))


def record(root: Path, command: Callable[[], object]) -> list[Operation]:
    """Run a command and write down what it does below ``root``."""
    recorder = _Recorder(root)
    with pytest.MonkeyPatch.context() as patch:
        for name in SEAM:
            patch.setattr(disk, name, recorder.overheard(name, getattr(disk, name)))
        recorder.look()
        command()
        recorder.foreign()
    for operation in recorder.operations:
        if operation.foreign and not any(TEMPORARY.match(part) for part in operation.path.split("/")):
            raise AssertionError(f"{operation.name} of {operation.path} goes round edgetl.disk")
    return recorder.operations


class _Recorder:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.operations: list[Operation] = []
        self._seen: dict[str, tuple[int, ...]] = {}
        self._open: dict[int, str] = {}

    def overheard(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            if name not in _BY_DESCRIPTOR and not arguments[0].absolute().is_relative_to(self.root):
                return function(*arguments)
            if name in _BY_DESCRIPTOR and arguments[0] not in self._open:
                return function(*arguments)
            self.foreign()
            missing = name == "open_lock" and not arguments[0].exists()
            result = function(*arguments)
            self._note(name, arguments, result, missing)
            self.look()
            return result

        return called

    def look(self) -> None:
        self._seen = self._now()

    def foreign(self) -> None:
        """Write down what changed since the last look: folders before what is in them, removals last."""
        before, now = self._seen, self._now()
        for path, state in now.items():
            if before.get(path) == state:
                continue
            if stat.S_ISDIR(state[0]):
                if path not in before:
                    self._add("make_folder", path, foreign=True)
            else:
                if before.get(path, (0, 0))[1] != state[1]:  # another file than stood there
                    self._add("create", path, foreign=True)
                self._add("replace", path, data=(self.root / path).read_bytes(), foreign=True)
        for path in sorted(set(before) - set(now), reverse=True):
            name = "remove_folder" if stat.S_ISDIR(before[path][0]) else "unlink"
            self._add(name, path, foreign=True)
        self._seen = now

    def _note(self, name: str, arguments: tuple[Any, ...], result: Any, missing: bool) -> None:
        if name in _BY_DESCRIPTOR:
            path = self._open[arguments[0]]
            data = bytes(arguments[1][:result]) if name == "write" else b""
            self._add("write" if name == "write" else "sync_file", path, data=data)
            return
        path = self._below(arguments[0])
        if name == "create" or (name == "open_lock" and missing):
            self._open[result] = path
            self._add("create", path)
        elif name == "allocate":
            self._add("replace", path, data=(self.root / path).read_bytes())
        elif name in ("rename", "exchange"):
            self._add(name, path, other=self._below(arguments[1]))
            self._open = {
                file: arguments[1].relative_to(self.root).as_posix() if known == path else known
                for file, known in self._open.items()
            }
        elif name != "open_lock":
            self._add(name, path)

    def _add(self, name: str, path: str, **more: Any) -> None:
        self.operations.append(Operation(name, path, **more))

    def _below(self, path: Path) -> str:
        return path.absolute().relative_to(self.root).as_posix()

    def _now(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for folder, folders, names in os.walk(self.root):
            for name in (*folders, *names):
                path = Path(folder) / name
                state = path.lstat()
                # Of a folder only that it is there: what is in it has entries of its own.
                whole = (state.st_mode, state.st_ino, state.st_size, state.st_mtime_ns)
                found[path.relative_to(self.root).as_posix()] = (
                    whole[:2] if stat.S_ISDIR(state.st_mode) else whole
                )
        return dict(sorted(found.items()))
