"""``edgetl pack``: a bundle as one file."""

import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path

from edgetl import files
from edgetl.bundle import MANIFEST, SUFFIX, Bundle
from edgetl.errors import UsageError
from edgetl.manifest import SIGNATURES
from edgetl.updating import archive


def pack(bundle: str | Path, out: str | Path | None = None, *, force: bool = False) -> Path:
    """Write a bundle as one zip; the same bundle always gives the same bytes.

    Args:
        bundle: the folder.
        out: where to write; None takes the bundle's name with ``.zip`` in the current folder.
        force: whether a file that stands there is replaced.

    Raises:
        BundleError: no bundle there, or a damaged one.
        UsageError: something stands at ``out``, or it is too large for a zip.
        WriteError: the place is read-only or full.
    """
    opened = Bundle.open(bundle, require_signature=False)
    name = opened.path.resolve().name.removesuffix(SUFFIX)
    place = Path(out) if out is not None else Path(f"{name}{archive.SUFFIX}")
    if place.exists() and not force:
        raise UsageError(f"{place} exists already: choose another --out, or add --force to replace it")
    pieces = packed(opened)
    entries = sum(entry.size_bytes for entry in opened.manifest.entries)
    total = len(opened.manifest_bytes) + len(opened.signatures or b"") + entries
    files.write_pieces(place, pieces, needed=total)
    return place


def packed(bundle: Bundle) -> Iterator[bytes]:
    """The bytes of the zip, in pieces: manifest and signatures as they were read, every other file checked.

    Raises:
        DamagedBundleError: a file is damaged; after the pieces in front of it.
        UsageError: it is too large for a zip; at once.
    """
    archive.refuse_too_large(bundle.manifest)
    first = {MANIFEST: bundle.manifest_bytes}
    if bundle.signatures is not None:
        first[SIGNATURES] = bundle.signatures
    return _pieces(bundle, first)


def _pieces(bundle: Bundle, first: dict[str, bytes]) -> Iterator[bytes]:
    members = []
    rest = ((entry.path, bundle.read(entry)) for entry in bundle.manifest.entries)
    for path, data in itertools.chain(first.items(), rest):
        members.append((path, zlib.crc32(data), len(data)))
        yield archive.local_header(*members[-1])
        yield data
    yield archive.directory(members)
