"""``edgetl install``: bring a version into a store, whole or not at all."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl import files, settings
from edgetl.bundle import MANIFEST, Bundle, check_signatures
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

    Everything that can be refused is refused before the first file is written: signatures, the kind of
    device, a version older than one that was used, room. Then every file is hashed while it is copied. Of the
    versions that are there only the active one is kept meanwhile: there are never more than two.

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
    if root.exists() and not states.is_store(root) and any(root.iterdir()):
        raise UsageError(f"{root} is not empty and no store of versions: choose another --into")
    if sources.is_open_to_all(source) and settings.read().required < 1:
        raise UsageError(
            f"{source} can be changed on its way by anybody: take https://, or require signatures with "
            "edgetl settings --require 1"
        )
    with sources.opened(source) as found, store.updating(root) as state:
        digest = hashlib.sha256(found.manifest_bytes).hexdigest()
        check_signatures(found.manifest_bytes, found.signatures, None, source)
        _check_device(found.manifest, source)
        if not allow_older:
            check_forward(found.manifest, state, source)
        if _is_whole(root, digest):
            return Installed(root, digest, found.manifest, was_there=True)
        _check_room(root, found.manifest)
        _make_room(root, digest)
        with files.new_folder(store.place_of(root, digest), replace=False) as folder:
            _copy(found, folder)
    return Installed(root, digest, found.manifest, was_there=False)


def check_forward(manifest: Manifest, state: State, what: object) -> None:
    """Refuse a version that is older than one that was used.

    Raises:
        BundleError: it is, or nobody can tell.
    """
    exported = store.instant(manifest.created)
    if state.high_water is not None and exported < store.instant(state.high_water):
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


def _make_room(root: Path, digest: str) -> None:
    """Remove every version but the active one; where that is damaged and comes anew, but the one before."""

    def change(state: State) -> State:
        if state.active == digest:
            return state.without_active("its files were damaged")
        return replace(state, previous=None) if state.previous is not None else state

    state = states.change(root, change)
    store.keep(root, {state.active})


def _is_whole(root: Path, digest: str) -> bool:
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
        files.write_pieces(folder / entry.path, _checked(entry, pieces), needed=entry.size_bytes)
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
