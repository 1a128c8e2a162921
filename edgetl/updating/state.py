"""What a store says of itself: which version is used, and what to do when it fails. One rename changes it."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgetl import files
from edgetl.errors import BundleError, BusyError
from edgetl.manifest import build, read_json
from edgetl.sealing import sealed, unseal

FILE = "state.json"
VERSIONS = "versions"
"""Folder of a store that holds a bundle for each version."""
SCHEMA = 1
MOST_STARTS = 3
"""A version that has not answered once after so many starts is given up."""
_LOCK = ".state.lock"
_WAIT_S = 5.0
"""For others who change the state, which takes them milliseconds."""
_MOST_BYTES = 64_000
MOST_REFUSED = 8


@dataclass(frozen=True)
class Refused:
    """A version that failed here."""

    digest: str
    reason: str


@dataclass(frozen=True)
class State:
    """The content of ``state.json``."""

    active: str | None = None
    """Digest of the version that is used; None until the first is."""
    previous: str | None = None
    """What was used before, to go back to."""
    starts: int | None = None
    """How often the active version was started without an answer; None once it has answered."""
    high_water: str | None = None
    """When the newest version that was ever active was exported: UTC, ISO 8601."""
    refused: tuple[Refused, ...] = ()
    """Versions that failed, the latest last."""
    schema: int = SCHEMA

    def without_active(self, reason: str) -> "State":
        """The state that goes back to the previous version, which has proved itself before."""
        assert self.active is not None
        others = [one for one in self.refused if one.digest != self.active]
        refused = (*others[1 - MOST_REFUSED :], Refused(self.active, reason))
        return replace(self, active=self.previous, previous=None, starts=None, refused=refused)


def is_store(path: Path) -> bool:
    """Whether a folder holds versions."""
    return (path / VERSIONS).is_dir() or (path / FILE).is_file()


def read(store: Path) -> State:
    """The state of a store; that of an empty one where there is none yet.

    Raises:
        BundleError: it is damaged.
    """
    place = store / FILE
    try:
        with place.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise BundleError(f"{place} cannot be read: {error.strerror}") from error
    try:
        value = read_json(data, "it", max_bytes=_MOST_BYTES)
        if not isinstance(value, dict) or value.get("schema") != SCHEMA:
            raise BundleError(f"its schema is not {SCHEMA}")
        unseal(data, value, "it")
        return build(State, value, "state")
    except BundleError as error:
        raise BundleError(f"{place} is damaged ({error}): type edgetl activate {store}") from error


def change(store: Path, changing: Callable[[State], State]) -> State:
    """Read the state, change it and write it back, with nobody in between.

    Args:
        store: its folder.
        changing: from the state as it is to the state as it shall be; the same object writes nothing.

    Raises:
        BusyError: others change it all the time.
        BundleError: it is damaged.
        WriteError: the place is read-only or full; it stays as it was.
    """
    with _held(store):
        before = read(store)
        after = changing(before)
        if after is not before:
            write(store, after)
        return after


def write(store: Path, state: State) -> None:
    """Replace the state."""
    files.write_text(store / FILE, sealed(asdict(state)))


@contextlib.contextmanager
def _held(store: Path) -> Iterator[None]:
    deadline = time.monotonic() + _WAIT_S
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(files.lock(store / _LOCK))
            except BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
                continue
            yield
            return
