"""``edgetl install``: bring a version into a store, whole or not at all."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl import files, settings
from edgetl.bundle import MANIFEST, check_signatures
from edgetl.errors import BundleError, DamagedBundleError, UsageError, WriteError
from edgetl.manifest import SIGNATURES, FileEntry, Manifest
from edgetl.reports.units import format_size
from edgetl.updating import sources, store
from edgetl.updating import state as states
from edgetl.updating.sources import Source
from edgetl.updating.state import State

_ROOM_BYTES = 1_000_000
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

    Everything that can be refused is refused before the first file is written: signatures, the kind of device,
    a version older than one that was used, room. Then every file is hashed while it is copied. Of the versions
    that are there only the active one is kept meanwhile: there are never more than two.

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
    if root.exists() and not store.is_store(root) and any(root.iterdir()):
        raise UsageError(f"{root} is not empty and no store of versions: choose another --into")
    if sources.is_open_to_all(source) and settings.read().required < 1:
        raise UsageError(
            f"{source} can be changed on its way by anybody: take https://, or require signatures with edgetl "
            "keys require 1"
        )
    with sources.opened(source) as found, store.updating(root):
        digest = hashlib.sha256(found.manifest_bytes).hexdigest()
        check_signatures(found.manifest_bytes, found.signatures, None, source)
        state = _readable(root)
        _check_device(found.manifest, source)
        if not allow_older:
            check_forward(found.manifest, state, source)
        if _is_whole(root, digest):
            return Installed(root, digest, found.manifest, was_there=True)
        if digest in (state.active, state.previous):
            # Its files are damaged: as long as they are written anew, nobody may count on them.
            kept = replace(
                state,
                active=None if digest == state.active else state.active,
                previous=None if digest == state.previous else state.previous,
            )
        else:
            kept = replace(state, previous=None)
        states.change(root, lambda before: before if before == kept else kept)
        store.keep(root, {kept.active})
        _check_room(root, found.manifest)
        with files.new_folder(store.place_of(root, digest), replace=False) as folder:
            _copy(found, folder)
    return Installed(root, digest, found.manifest, was_there=False)


def check_forward(manifest: Manifest, state: State, what: object) -> None:
    """Refuse a version that is older than one that was used.

    Raises:
        BundleError: it is.
    """
    if state.high_water is None or store.instant(manifest.created) >= store.instant(state.high_water):
        store.instant(manifest.created)
        return
    raise BundleError(
        f"{what} was exported {manifest.created}, and one of {state.high_water} was used here: versions only go "
        "forward unless you add --allow-older"
    )


def _readable(root: Path) -> State:
    """The state; where it is damaged, one that keeps nothing back and forgets nothing that still is there."""
    try:
        return states.read(root)
    except BundleError:
        newest = next((one for one in store.versions(root) if one.problem is None), None)
        return State(newest.digest, high_water=newest.created) if newest is not None else State()


def _check_device(manifest: Manifest, what: object) -> None:
    kind = settings.read().kind
    if manifest.compatible and kind not in manifest.compatible:
        here = f"this one is {kind}" if kind is not None else "nobody has said what this one is"
        raise BundleError(
            f"{what} is for {' and '.join(manifest.compatible)}, and {here}: set it with edgetl keys kind, or "
            "export with another --compatible"
        )


def _is_whole(root: Path, digest: str) -> bool:
    from edgetl.bundle import Bundle

    try:
        bundle = Bundle.open(store.place_of(root, digest), require_signature=False)
        bundle.check_files()
    except BundleError:
        return False
    return bundle.digest == digest


def _check_room(root: Path, manifest: Manifest) -> None:
    needed = sum(entry.size_bytes for entry in manifest.entries) + _ROOM_BYTES
    free = shutil.disk_usage(root).free
    if free < needed:
        raise WriteError(
            f"cannot install into {root}: it takes {format_size(needed)}, and {format_size(free)} are free"
        )


def _copy(source: Source, folder: Path) -> None:
    for entry, pieces in source.contents():
        files.write_pieces(folder / entry.path, _checked(entry, pieces))
    if source.signatures is not None:
        files.write_bytes(folder / SIGNATURES, source.signatures)
    files.write_bytes(folder / MANIFEST, source.manifest_bytes)


def _checked(entry: FileEntry, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, each handed on as it comes; an error at their end if they are not those of the manifest."""
    total, hashed = 0, hashlib.sha256()
    for piece in pieces:
        total += len(piece)
        hashed.update(piece)
        yield piece
    if total != entry.size_bytes or hashed.hexdigest() != entry.sha256:
        raise DamagedBundleError(
            f"{entry.path} is not the file that was exported (SHA-256 differs): copy the bundle again"
        )
