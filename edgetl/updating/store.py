"""A store: the folder on a device that holds the versions of a bundle, by the digest of their manifests.

/var/lib/edgetl/NAME/
  state.json            which version is used (``state.py``)
  versions/DIGEST/      a bundle each, two at most
"""

import contextlib
import errno
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgetl import files
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, UsageError, WriteError
from edgetl.updating import state as states
from edgetl.updating.state import State

_OWNER = "permission denied: type sudo before it, or be the user whom the store belongs to"
_WAYS_OUT = {
    errno.EACCES: _OWNER,
    errno.EPERM: _OWNER,
    errno.EROFS: "the disk is read-only: mount it so that it can be written",
}
"""A store cannot lie elsewhere, unlike what is written once."""

SHORT = 12
"""Digits of a digest that people see."""


@dataclass(frozen=True)
class Version:
    """A bundle in a store."""

    digest: str
    name: str
    created: str
    """When it was exported: UTC, ISO 8601."""
    size_bytes: int
    problem: str | None
    """Why it cannot be opened; None when it can. Its model files are looked at when they are used."""


@dataclass(frozen=True)
class Status:
    """What :func:`status` found."""

    store: str
    state: State
    versions: tuple[Version, ...]
    """The newest first."""

    @property
    def active(self) -> Version | None:
        """The version that is used."""
        return self._of(self.state.active)

    @property
    def previous(self) -> Version | None:
        """The version that ``edgetl rollback`` goes back to."""
        return self._of(self.state.previous)

    def _of(self, digest: str | None) -> Version | None:
        return next((version for version in self.versions if version.digest == digest), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def status(store: str | Path) -> Status:
    """What a store holds and which version is used.

    Raises:
        UsageError: there is no store.
        BundleError: its state is damaged.
    """
    root = existing(store)
    return Status(str(root), states.read(root), tuple(versions(root)))


def existing(store: str | Path) -> Path:
    """The folder of a store.

    Raises:
        UsageError: it is none.
    """
    root = Path(store)
    if not states.is_store(root):
        raise UsageError(f"{root} is no store of versions: make one with edgetl install BUNDLE --into {root}")
    return root


def place_of(store: Path, digest: str) -> Path:
    """Where a version stands, or would."""
    return store / states.VERSIONS / digest


def versions(store: Path) -> list[Version]:
    """Every version of a store, the newest first."""
    found = [_version(place) for place in digests(store).values()]
    usable = [version for version in found if version.problem is None]
    usable.sort(key=lambda version: states.instant(version.created), reverse=True)
    return usable + [version for version in found if version.problem is not None]


def digests(store: Path) -> dict[str, Path]:
    """The versions' folders by digest; whatever else is there is nobody's business: ``lost+found``."""
    folder = store / states.VERSIONS
    if not folder.is_dir():
        return {}
    return {
        place.name: place
        for place in sorted(folder.iterdir())
        if states.is_digest(place.name) and place.is_dir() and not place.is_symlink()
    }


def find(store: Path, prefix: str) -> str:
    """The digest that begins so.

    Raises:
        UsageError: none does, or several do.
    """
    known = [digest for digest in digests(store) if digest.startswith(prefix)]
    if len(known) == 1 and prefix:
        return known[0]
    there = ", ".join(digest[:SHORT] for digest in digests(store)) or "none"
    raise UsageError(f"{prefix!r} is not the beginning of one version of {store}: it has {there}")


@contextlib.contextmanager
def updating(store: Path) -> Iterator[State]:
    """Be the only one who installs, activates, rolls back or removes while the block runs; yields the state.

    What killed ones left is cleared away first, and a damaged state is written anew.

    Raises:
        BusyError: somebody else is.
        WriteError: the place is read-only, or somebody else's.
    """
    try:
        with files.lock(store / states.UPDATE_LOCK):
            files.remove_leftovers(store)
            files.remove_leftovers(store / states.VERSIONS)
            yield recovered(store)
    except WriteError as error:
        if (way_out := _WAYS_OUT.get(error.errno or 0)) is None:
            raise
        refused = WriteError(f"cannot write {error.place}: {way_out}")
        refused.errno, refused.place = error.errno, error.place
        raise refused from error


def recovered(store: Path) -> State:
    """The state of a store; where it is damaged, one that tries a version that is there.

    Nobody knows any more which one was used. The newest may only have been installed, or have failed, so it
    is the older of two; like any new one it is given up without an answer, and ``activate`` tries the newest.
    """
    try:
        return states.read(store)
    except BundleError:
        state, usable = State(), [one for one in versions(store) if one.problem is None]
        if usable:
            newest, *older = usable[:2]
            state = State(newest.digest, starts=0, high_water=newest.created)
            if older:
                state = replace(
                    state, active=older[0].digest, previous=newest.digest, previous_answered=False
                )
        with contextlib.suppress(WriteError):  # the next one finds out the same
            states.write(store, state)
        return state


def keep(store: Path, kept: set[str | None]) -> list[str]:
    """Remove every version but some, with what was remembered and taught beside it; say which went."""
    gone = [digest for digest in digests(store) if digest not in kept]
    for digest in gone:
        files.remove_folder(place_of(store, digest))
    # Also what a program that still ran a version has remembered since that was removed.
    for beside in (store / states.VERSIONS).glob("*.*"):
        digest = beside.name.partition(".")[0]
        if states.is_digest(digest) and digest not in kept and beside.is_file():
            files.remove(beside)
    return gone


def gc(store: str | Path) -> list[str]:
    """Remove what is neither used nor the version before, and what killed updates left.

    Returns:
        The digests that were removed.

    Raises:
        UsageError: there is no store.
        BusyError: an update is under way.
    """
    root = existing(store)
    with updating(root) as state:
        return keep(root, {state.active, state.previous})


def _version(place: Path) -> Version:
    size = 0
    with contextlib.suppress(OSError):  # another process may be removing it
        for file in place.rglob("*"):
            state = file.lstat()
            size += state.st_size if stat.S_ISREG(state.st_mode) else 0
    try:
        bundle = Bundle.open(place)
        if bundle.digest != place.name:
            raise BundleError("its manifest is another than was installed")
        states.instant(bundle.manifest.created)
    except BundleError as error:
        return Version(place.name, "", "", size, str(error))
    return Version(place.name, bundle.manifest.name, bundle.manifest.created, size, None)
