"""Open a bundle: every byte is checked against the manifest before an engine sees it. numpy only."""

import hashlib
import io
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import files, limits, reading, settings, signing
from edgetl.errors import BundleError, DamagedBundleError, SignatureError, UsageError
from edgetl.manifest import NAME, SIGNATURES, FileEntry, Manifest, Variant, parse
from edgetl.runtime import probes
from edgetl.signing import NOT_ASKED, Signed
from edgetl.updating import state

MANIFEST = NAME
SUFFIX = ".edgetl"
_WAY_OUT = "copy the bundle again, or export it anew"
_HEADER_BYTES = 16_384
"""Of an array in a file of NumPy, at most; those of ours take 128."""


@dataclass(frozen=True)
class Bundle:
    """A folder that ``edgetl export`` wrote."""

    path: Path
    manifest: Manifest
    digest: str = ""
    """SHA-256 of the manifest's bytes, which names this bundle and no other."""
    signed: Signed = NOT_ASKED
    """Who vouches for it, as far as this machine asks."""
    manifest_bytes: bytes = field(default=b"", repr=False)
    """What was read, checked and parsed: whoever copies or signs the manifest takes these."""
    signatures: bytes | None = field(default=None, repr=False)
    """Likewise of the file of signatures; None where there is none."""

    @classmethod
    def open(cls, path: str | Path, *, require_signature: bool | None = None) -> "Bundle":
        """Read the manifest; model files are read and checked when they are asked for.

        Args:
            path: the folder, or a store of versions (``edgetl install``), of which the active one is taken.
            require_signature: whether trusted keys must have signed it: as many as the settings of this
                machine say, one at least. None leaves it to the settings (``edgetl settings --require``).
                False is for who writes a bundle or copies it unread: only that the signatures are of this
                manifest is looked at.

        Raises:
            BundleError: there is no bundle at ``path``, or its manifest breaks a rule.
            SignatureError: signatures that are required are missing, or any are not of this manifest.
            SettingsError: the settings of this machine cannot be read.
        """
        folder = _active(Path(path))
        place = folder / MANIFEST
        files.recover(folder)
        try:
            if not folder.exists():
                raise BundleError(f"{folder} does not exist: write a bundle with edgetl export")
            if not place.is_file():
                raise BundleError(
                    f"{folder} is no bundle: it has no {MANIFEST}; write one with edgetl export"
                )
            data = reading.head(place, limits.current().manifest_bytes)
        except OSError as error:
            raise BundleError(f"{place} cannot be read: {error.strerror}") from error
        try:
            manifest = parse(data)
        except BundleError as error:
            raise type(error)(f"{place}: {error}") from error
        signatures = read_signatures(folder)
        signed = check_signatures(data, signatures, require_signature, folder)
        return cls(folder, manifest, hashlib.sha256(data).hexdigest(), signed, data, signatures)

    def check_files(self) -> None:
        """Read every file that the manifest names, a piece at a time.

        Raises:
            DamagedBundleError: one is missing or damaged.
        """
        for entry in self.manifest.entries:
            for _ in self.pieces(entry):
                pass

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the model's outputs."""
        return self.manifest.contract.labels

    def variant(self, name: str) -> Variant:
        """The variant of that name.

        Raises:
            UsageError: the bundle has none; the message lists those it has.
        """
        names = {variant.name: variant for variant in self.manifest.variants}
        if name in names:
            return names[name]
        import difflib  # only here: a right name does not need it

        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"{self.path} has no variant {name!r}: choose {', '.join(names)}{hint}")

    def read(self, entry: FileEntry) -> bytes:
        """The bytes of a file, which are those the manifest names.

        Raises:
            DamagedBundleError: the file is missing, a link out of the bundle, or not the same bytes.
        """
        return b"".join(self.pieces(entry))

    def pieces(self, entry: FileEntry) -> Iterator[bytes]:
        """The same in pieces; only at their end it is known that they are those that the manifest names.

        Raises:
            DamagedBundleError: see :meth:`read`.
        """
        place = self.path / entry.path
        total, hashed = 0, hashlib.sha256()
        try:
            if not place.resolve().is_relative_to(self.path.resolve()):
                raise DamagedBundleError(f"{place} is a link that leaves the bundle: {_WAY_OUT}")
            with reading.regular(place) as file:
                # One byte more than there should be tells that it is too long.
                for piece in reading.pieces(file, entry.size_bytes + 1):
                    total += len(piece)
                    hashed.update(piece)
                    if total <= entry.size_bytes:
                        yield piece
        except OSError as error:
            raise DamagedBundleError(f"{place} cannot be read ({error.strerror}): {_WAY_OUT}") from error
        except (RuntimeError, ValueError) as error:  # a loop of links before Python 3.13; a name no disk has
            raise DamagedBundleError(f"{place} cannot be read ({error}): {_WAY_OUT}") from error
        if total != entry.size_bytes:
            least = "more than " if total > entry.size_bytes else ""
            raise DamagedBundleError(
                f"{place} has {least}{min(total, entry.size_bytes)} bytes and the manifest says "
                f"{entry.size_bytes}: {_WAY_OUT}"
            )
        if hashed.hexdigest() != entry.sha256:
            raise DamagedBundleError(
                f"{place} is not the file that was exported (SHA-256 differs): {_WAY_OUT}"
            )

    def model_files(self, variant: Variant) -> dict[str, bytes]:
        """The checked bytes of a variant's files, by file name without folder.

        Raises:
            BundleError: all of them together are more than ``limits.model_bytes``; nothing was read.
            DamagedBundleError: a file is missing, or not the same bytes.
        """
        most = limits.current().model_bytes
        if variant.size_bytes > most:
            raise BundleError(
                f"{self.path / variant.name} has {variant.size_bytes} bytes and the limit for a model is "
                f"{most}: take a smaller variant, or set {limits.variable('model_bytes')} higher"
            )
        return {Path(entry.path).name: self.read(entry) for entry in variant.files}

    def expected(self) -> dict[str, NDArray[np.generic]]:
        """The self-test's arrays: ``pixels``, ``keras``, ``probes``, one per variant (``manifest.Golden``).

        ``probes`` has no rows where the bundle has none.

        Raises:
            DamagedBundleError: the file is damaged, lacks an array, or has one of another shape.
        """
        entry = self.manifest.golden.expected
        place, data = self.path / entry.path, self.read(entry)
        count, classes = len(self.manifest.golden.pictures), len(self.labels)
        shapes: dict[str, tuple[int, ...]] = {
            "keras": (count, classes),
            "pixels": (count, *self.manifest.contract.shape),
        }
        names = [variant.name for variant in self.manifest.variants]
        rows = count + probes.MOST
        most = sum(_HEADER_BYTES + 8 * math.prod(shape) for shape in shapes.values())
        most += _HEADER_BYTES + probes.NONE.itemsize * 4 * probes.MOST
        most += len(names) * (_HEADER_BYTES + 8 * rows * classes)
        try:
            # What is unpacked may be a thousand times as large as the file.
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                size = sum(member.file_size for member in archive.infolist())
            if size > most:
                raise ValueError(f"it holds {size} bytes, and {most} are enough")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                expected = {name: arrays[name] for name in arrays.files}
        except Exception as error:
            raise DamagedBundleError(f"{place} is no NumPy archive: {error}") from error
        recipes = expected.setdefault("probes", probes.NONE)
        if wrong := probes.check(recipes, count):
            raise DamagedBundleError(f"{place} has probes of {wrong}: {_WAY_OUT}")
        shapes |= dict.fromkeys(names, (count + len(recipes), classes))
        if missing := set(shapes) - set(expected):
            raise DamagedBundleError(f"{place} lacks {', '.join(sorted(missing))}")
        for name, shape in shapes.items():
            found = expected[name]
            if found.shape != shape or found.dtype.kind not in "fu":
                raise DamagedBundleError(
                    f"{place} has {name} as {found.dtype} {found.shape}, where {shape} numbers are due: "
                    f"{_WAY_OUT}"
                )
        return expected


def check_signatures(
    manifest: bytes, signatures: bytes | None, require: bool | None, where: Path | str
) -> Signed:
    """Hold a file of signatures beside the manifest, and beside the keys that this machine trusts.

    Args:
        manifest: its bytes.
        signatures: the bytes of ``manifest.dsse.json``; None where there is no such file.
        require: see :meth:`Bundle.open`.
        where: the bundle, for messages.

    Raises:
        SignatureError: they are those of another manifest, whatever is required, or too few, or one that is
            said to be a trusted key's is not.
        SettingsError: the settings of this machine cannot be read.
    """
    found = settings.read()
    required = max(found.required, int(bool(require)))
    if signatures is None and (require is False or not required):
        return NOT_ASKED
    try:
        envelope = signing.read(signatures) if signatures is not None else None
        if envelope is not None and envelope.payload != manifest:
            raise SignatureError(
                "its signatures are those of another manifest: copy it again, or remove "
                f"{SIGNATURES} and sign it anew"
            )
        return NOT_ASKED if require is False else signing.check(envelope, found.keys, required)
    except SignatureError as error:
        raise SignatureError(f"{where}: {error}") from error


def read_signatures(folder: Path) -> bytes | None:
    """The bytes of a bundle's file of signatures; None where it has none.

    Raises:
        SignatureError: it cannot be read.
    """
    place = folder / SIGNATURES
    try:
        return reading.head(place, signing.most_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SignatureError(f"{place} cannot be read: {error.strerror}") from error


def _active(path: Path) -> Path:
    """The folder itself; of a store that of its active version."""
    if not state.is_store(path):
        return path
    active = state.read(path).active
    if active is None:
        raise BundleError(f"{path} has no active version: edgetl activate {path}")
    return path / state.VERSIONS / active


def entry_of(root: Path, path: Path) -> FileEntry:
    """Describe a file below ``root`` as the manifest does."""
    data = path.read_bytes()
    return FileEntry(path.relative_to(root).as_posix(), hashlib.sha256(data).hexdigest(), len(data))
