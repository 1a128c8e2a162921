"""Where a training stands, on the disk: two files that are written in turn, so that one is always whole.

A file is the SHA-256 of the rest, then an ``.npz`` of the arrays and of a JSON text. A file that is cut off,
damaged or of another training is passed over, and the older one is taken.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import files

_NAMES = ("even.checkpoint", "odd.checkpoint")
_DIGEST = 32  # bytes of a SHA-256


@dataclass(frozen=True)
class State:
    """All that the rest of a training depends on."""

    position: dict[str, Any]
    """Plain JSON: epoch, step, the history and what was best so far."""
    arrays: tuple[NDArray[np.generic], ...]
    """Weights, the optimizer's variables and the best weights, in an order that the loop knows."""


class Checkpoints:
    """The two files of a training."""

    def __init__(self, folder: Path, identity: str) -> None:
        """Look at what is there.

        Args:
            folder: of this training alone.
            identity: of the training: a digest of whatever decides its result.
        """
        self._folder = folder
        self._identity = identity
        self._number = 0

    def load(self) -> State | None:
        """The newest state that is whole, or None."""
        found = [read for name in _NAMES if (read := self._read(self._folder / name)) is not None]
        if not found:
            return None
        self._number, state = max(found, key=lambda pair: pair[0])
        return state

    def save(self, position: dict[str, Any], arrays: Sequence[NDArray[np.generic]]) -> None:
        """Write a state over the older of the two files.

        Raises:
            WriteError: the disk is full; the newer file stays.
        """
        self._number += 1
        buffer = io.BytesIO()
        head = json.dumps({"identity": self._identity, "number": self._number, "position": position})
        # NaN, of a loss that blew up, would make the file unreadable for good: json writes and reads it.
        named: dict[str, Any] = {f"{place:04d}": array for place, array in enumerate(arrays)}
        np.savez(buffer, head=np.frombuffer(head.encode(), np.uint8), **named)
        content = buffer.getvalue()
        digest = hashlib.sha256(content).digest()
        files.write_bytes(self._folder / _NAMES[self._number % 2], digest + content)

    def _read(self, path: Path) -> tuple[int, State] | None:
        try:
            data = path.read_bytes()
        except OSError:
            return None
        content = data[_DIGEST:]
        if hashlib.sha256(content).digest() != data[:_DIGEST]:
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                names = sorted(arrays.files)
                head = json.loads(arrays["head"].tobytes())
                values = tuple(arrays[name] for name in names if name != "head")
        except (ValueError, KeyError, zipfile.BadZipFile):
            return None
        if head.get("identity") != self._identity:
            return None
        return int(head["number"]), State(head["position"], values)
