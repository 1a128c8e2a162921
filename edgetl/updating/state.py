"""What a store says of itself: which version is used, and what to do when it fails. One rename changes it."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from edgetl import files, manifest, processes, reading, sealing
from edgetl.errors import BundleError
from edgetl.wording import said

FILE = "state.json"
VERSIONS = "versions"
"""Folder of a store that holds a bundle for each version."""
SCHEMA = 1
MOST_STARTS = 3
"""A version that has not answered once after so many starts is given up."""
_MOST_STARTING = 32
_LOCK = ".state.lock"
UPDATE_LOCK = ".update.lock"
"""Held by whoever changes which versions there are."""
_OURS = {UPDATE_LOCK, _LOCK, "lost+found"}
_WAIT_S = 5.0
"""For others who change the state, which takes them milliseconds."""
_MOST_BYTES = 64_000
MOST_REFUSED = 8


@dataclass(frozen=True)
class Refused:
    """A version that failed here."""

    digest: str
    reason: str
    in_use: bool = False
    """Whether it passed its self-test before: then another self-test says nothing new."""


@dataclass(frozen=True)
class State:
    """The content of ``state.json``."""

    active: str | None = None
    """Digest of the version that is used; None until the first is."""
    previous: str | None = None
    """What was used before, to go back to."""
    previous_answered: bool = True
    """Whether that one ever gave an answer to a program, beside its self-test."""
    starts: int | None = None
    """How often the active version was started, tried to answer and did not; None once it has answered."""
    starting: tuple[str, ...] = ()
    """Processes that load it or wait for its first answer (``processes.mark``). A dead one has failed."""
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
        if not all(re.fullmatch(r"\d{1,10}-[0-9a-f]{1,8}", mark) for mark in self.starting):
            raise BundleError("what is starting is no process")
        if self.high_water is not None:
            instant(self.high_water)

    @property
    def failed_starts(self) -> int:
        """Starts that ended without an answer, those of processes that are dead with them; at most three."""
        return min(MOST_STARTS, (self.starts or 0) + len(self.starting) - len(self._alive()))

    def _alive(self) -> tuple[str, ...]:
        return tuple(mark for mark in self.starting if processes.is_alive(*_parts(mark)))

    def with_start(self, mark: str) -> "State":
        """The state in which a process is starting the active version, and dead ones have failed."""
        starting = (*self._alive()[1 - _MOST_STARTING :], mark)
        return replace(self, starts=self.failed_starts, starting=starting)

    def without_start(self, mark: str, *, failed: bool) -> "State":
        """The state in which a process has come through, or could not answer."""
        starting = list(self.starting)
        if mark in starting:
            starting.remove(mark)  # one: a program may have loaded it twice
        return replace(self, starts=min(MOST_STARTS, (self.starts or 0) + failed), starting=tuple(starting))

    def with_answer(self) -> "State":
        """The state in which the active version is trusted."""
        return replace(self, starts=None, starting=())

    def with_active(self, digest: str, high_water: str) -> "State":
        """The state in which another version is active, and has yet to answer."""
        return replace(
            self,
            active=digest,
            previous=self.active,
            previous_answered=self.starts is None,
            starts=0,
            starting=(),
            high_water=high_water,
            refused=tuple(one for one in self.refused if one.digest != digest),
        )

    def without_active(self, reason: str) -> "State":
        """The state that goes back to the previous version."""
        assert self.active is not None
        return replace(
            self.with_refused(self.active, reason, in_use=True),
            active=self.previous,
            previous=None,
            starts=None if self.previous_answered else 0,
            starting=(),
            previous_answered=True,
        )

    def with_refused(self, digest: str, reason: str, *, in_use: bool = False) -> "State":
        """The state that knows why a version is not used."""
        others = [one for one in self.refused if one.digest != digest]
        return replace(self, refused=(*others[1 - MOST_REFUSED :], Refused(digest, said(reason), in_use)))

    def refusal(self, digest: str) -> Refused | None:
        """Why a version was given up here; None where it was not."""
        return next((one for one in self.refused if one.digest == digest), None)


def _parts(mark: str) -> tuple[int, str]:
    pid, _, start = mark.partition("-")
    return int(pid), start


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
    with _readable(path):
        if (path / manifest.NAME).exists():  # a bundle, whatever else somebody put beside it
            return False
        if (path / VERSIONS).is_dir() or (path / FILE).is_file():
            return True
        return path.is_dir() and bool({UPDATE_LOCK, _LOCK} & _names(path)) and _names(path) <= _OURS


def is_free(path: Path) -> bool:
    """Whether a store may be made there: nothing is, or a store, or a folder as a new disk has it."""
    with _readable(path):
        return not path.exists() or is_store(path) or (path.is_dir() and _names(path) <= _OURS)


def _names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error


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
    with files.lock(store / _LOCK, wait_s=_WAIT_S):
        before = read(store)
        after = changing(before)
        if after is not before:
            write(store, after)
        return after


def write(store: Path, state: State) -> None:
    """Replace the state."""
    files.write_text(store / FILE, sealing.sealed(asdict(state)))
