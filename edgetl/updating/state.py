"""What a store says of itself: which version is used, and what to do when it fails. One rename changes it."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from edgetl import files, reading, sealing
from edgetl.errors import BundleError, BusyError

FILE = "state.json"
VERSIONS = "versions"
"""Folder of a store that holds a bundle for each version."""
SCHEMA = 1
MOST_STARTS = 3
"""A version that has not answered once after so many starts is given up."""
_LOCK = ".state.lock"
UPDATE_LOCK = ".update.lock"
"""Held by whoever changes which versions there are."""
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

    def __post_init__(self) -> None:
        # They name folders: nothing that leads out of the store.
        for digest in (self.active, self.previous, *(one.digest for one in self.refused)):
            if digest is not None and not is_digest(digest):
                raise BundleError(f"{digest!r} is no version")
        if self.starts is not None and not 0 <= self.starts <= MOST_STARTS:
            raise BundleError(f"{self.starts} starts are not counted")
        if self.high_water is not None:
            instant(self.high_water)

    def without_active(self, reason: str) -> "State":
        """The state that goes back to the previous version, which has proved itself before."""
        assert self.active is not None
        others = [one for one in self.refused if one.digest != self.active]
        refused = (*others[1 - MOST_REFUSED :], Refused(self.active, reason))
        return replace(self, active=self.previous, previous=None, starts=None, refused=refused)


def is_digest(name: str) -> bool:
    """Whether it is the SHA-256 of a manifest, as 64 hexadecimal digits."""
    return re.fullmatch("[0-9a-f]{64}", name) is not None


def instant(created: str) -> datetime:
    """When a bundle was exported; what names no time zone is UTC.

    Raises:
        BundleError: it is no date.
    """
    try:
        found = datetime.fromisoformat(created)
    except ValueError:
        raise BundleError(f"the manifest was created at {created!r}, which is no date (ISO 8601)") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def is_store(path: Path) -> bool:
    """Whether a folder holds versions, or nothing but what was left where the first one was not let in."""
    if (path / VERSIONS).is_dir() or (path / FILE).is_file():
        return True
    return path.is_dir() and [entry.name for entry in path.iterdir()] == [UPDATE_LOCK]


def read(store: Path) -> State:
    """The state of a store; that of an empty one where there is none yet.

    Raises:
        BundleError: it is damaged.
    """
    place = store / FILE
    try:
        data = reading.head(place, _MOST_BYTES)
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise BundleError(f"{place} cannot be read: {error.strerror}") from error
    try:
        return sealing.read(data, State, schema=SCHEMA, max_bytes=_MOST_BYTES)
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
    files.write_text(store / FILE, sealing.sealed(asdict(state)))


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
