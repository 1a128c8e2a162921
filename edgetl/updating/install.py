"""``edgetl install``: bring a version into a store, whole or not at all."""

import errno
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl import files, settings
from edgetl.bundle import MANIFEST, Bundle, check_signatures, read_signatures
from edgetl.errors import BundleError, DamagedBundleError, SignatureError, UsageError, WriteError
from edgetl.manifest import SIGNATURES, FileEntry, Manifest
from edgetl.reports.units import format_size
from edgetl.updating import sources, store
from edgetl.updating import state as states
from edgetl.updating.sources import Source
from edgetl.updating.state import State

_ROOM_BYTES = 100_000
"""Beside the files: folders, the state."""


@dataclass(frozen=True)
class Installed:
    """What :func:`install` did."""

    store: Path
    digest: str
    manifest: Manifest
    was_there: bool
    """Whether the same version was installed already."""


def install(source: str | Path, into: str | Path, *, allow_older: bool = False) -> Installed:
    """Copy a bundle into a store; which version is used stays as it is until :func:`activate`.

    Everything that can be refused is refused before the first file is written: signatures, the kind of
    device, a version older than one that was used, room. Then every file is hashed while it is copied. Once
    all are whole, every version but the active one goes, so there are never more than two; where the disk has
    no room for a third meanwhile, it goes before. Where the active one itself comes anew, being damaged, the
    one before is what stays.

    Args:
        source: a bundle's folder, a file of ``edgetl pack``, or the URL of one.
        into: the store; it is made if it is missing.
        allow_older: whether to take a version that was exported before one that was used.

    Raises:
        BundleError: it is no bundle, damaged, not for this machine, or older.
        SignatureError: it is not signed as this machine requires.
        UsageError: ``into`` is something else, or the source is open to others on the network and unsigned.
        BusyError: another update is under way.
        WriteError: there is no room, or the place is read-only.
    """
    root = Path(into)
    if not states.is_free(root):
        raise UsageError(f"{root} is not empty and no store of versions: choose another --into")
    if sources.is_open_to_all(source) and settings.read().required < 1:
        raise UsageError(
            f"{source} can be changed on its way by anybody: take https://, or require signatures with "
            "edgetl settings --require 1"
        )
    with sources.opened(source) as found:
        # Before the first folder is made: who brings what is refused changes nothing.
        check_signatures(found.manifest_bytes, found.signatures, None, source)
        _check_device(found.manifest, source)
        states.instant(found.manifest.created)
        digest = hashlib.sha256(found.manifest_bytes).hexdigest()
        with store.updating(root) as state:
            if not allow_older:
                check_forward(found.manifest, state, source)
            place = store.place_of(root, digest)
            if _is_whole(place, digest):
                _renew_signatures(place, found)
                return Installed(root, digest, found.manifest, was_there=True)
            # Beside the one that comes: the active one, or, where that comes anew, the one before.
            kept: set[str | None] = {state.active if digest != state.active else state.previous}
            if _is_tight(root, found.manifest, kept):
                _make_room(root, kept)
            # Until every byte has come and is right, what is there stays: a bad source costs no version.
            with files.new_folder(place, replace=True) as folder:
                _copy(found, folder)
                _make_room(root, {*kept, digest})
    return Installed(root, digest, found.manifest, was_there=False)


def check_forward(manifest: Manifest, state: State, what: object) -> None:
    """Refuse a version that is older than one that was used.

    Raises:
        BundleError: it is, or nobody can tell.
    """
    exported = states.instant(manifest.created)
    if state.high_water is not None and exported < states.instant(state.high_water):
        raise BundleError(
            f"{what} was exported {manifest.created}, and one of {state.high_water} was used here: versions "
            "only go forward unless you add --allow-older"
        )


def _check_device(manifest: Manifest, what: object) -> None:
    kind = settings.read().kind
    if manifest.compatible and kind not in manifest.compatible:
        here = f"this one is {kind}" if kind is not None else "nobody has said what this one is"
        raise BundleError(
            f"{what} is for {' and '.join(manifest.compatible)}, and {here}: say it with edgetl settings "
            "--kind, or export with another --compatible"
        )


def _make_room(root: Path, kept: set[str | None]) -> None:
    """Remove every version but some: the active one, and one that comes anew because it is damaged."""

    def change(state: State) -> State:
        return state if state.previous in {None, *kept} else replace(state, previous=None)

    states.change(root, change)
    store.keep(root, kept)


def _is_whole(place: Path, digest: str) -> bool:
    if place.is_symlink():
        return False
    try:
        bundle = Bundle.open(place, require_signature=False)
        bundle.check_files()
    except BundleError:
        return False
    return bundle.digest == digest


def _renew_signatures(place: Path, found: Source) -> None:
    """Let a version that is there have the signatures that were accepted, if its own would not be."""
    try:
        check_signatures(found.manifest_bytes, read_signatures(place), None, place)
    except SignatureError:
        if found.signatures is None:  # none is required, and those that are there are damaged
            files.remove(place / SIGNATURES)
        else:
            files.write_bytes(place / SIGNATURES, found.signatures)


def _is_tight(root: Path, manifest: Manifest, kept: set[str | None]) -> bool:
    """Whether a version must go before the new one comes.

    Raises:
        WriteError: that would not be enough.
    """
    needed = sum(entry.size_bytes for entry in manifest.entries) + _ROOM_BYTES
    free = shutil.disk_usage(root).free
    spare = sum(one.size_bytes for one in store.versions(root) if one.digest not in kept)
    if free + spare < needed:
        refused = WriteError(
            f"cannot install into {root}: the disk is full (it needs at least {needed:,} bytes, "
            f"{format_size(free + spare)} are free or would be): free some space"
        )
        refused.errno, refused.needed, refused.place = errno.ENOSPC, needed, root
        raise refused
    return free < needed


def _copy(source: Source, folder: Path) -> None:
    for entry, pieces in source.contents():
        files.write_pieces(folder / entry.path, checked(entry, pieces), needed=entry.size_bytes)
    if source.signatures is not None:
        files.write_bytes(folder / SIGNATURES, source.signatures)
    files.write_bytes(folder / MANIFEST, source.manifest_bytes)


def checked(entry: FileEntry, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, each handed on as it comes.

    Raises:
        DamagedBundleError: at their end, if they are not those that the manifest names.
    """
    total, hashed = 0, hashlib.sha256()
    for piece in pieces:
        total += len(piece)
        hashed.update(piece)
        yield piece
    if total != entry.size_bytes or hashed.hexdigest() != entry.sha256:
        raise DamagedBundleError(
            f"{entry.path} is not the file that was exported (SHA-256 differs): copy the bundle again"
        )
