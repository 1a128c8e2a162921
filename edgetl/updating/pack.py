"""``edgetl pack``: a bundle as one file."""

import zlib
from pathlib import Path

from edgetl import files
from edgetl.bundle import MANIFEST, SUFFIX, Bundle, read_signatures
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
    archive.refuse_too_large(opened.manifest)
    signatures = read_signatures(opened.path)
    first = {MANIFEST: (opened.path / MANIFEST).read_bytes()}
    if signatures is not None:
        first[SIGNATURES] = signatures
    members: list[tuple[str, int, int]] = []
    with files.new_file(place) as temporary, temporary.open("wb") as file:

        def add(path: str, data: bytes) -> None:
            members.append((path, zlib.crc32(data), len(data)))
            file.write(archive.local_header(*members[-1]))
            file.write(data)

        for path, data in first.items():
            add(path, data)
        for entry in opened.manifest.entries:
            add(entry.path, opened.read(entry))
        file.write(archive.directory(members))
    return place
