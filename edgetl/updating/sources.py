"""Where an update comes from: a bundle's folder, a packed bundle, or the URL of one. All are read alike."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from edgetl import reading
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, UsageError
from edgetl.manifest import FileEntry, Manifest
from edgetl.updating.archive import Reader


class Source(Protocol):
    """A bundle that is read once, from its manifest on."""

    manifest: Manifest
    manifest_bytes: bytes
    signatures: bytes | None

    def contents(self) -> Iterator[tuple[FileEntry, Iterator[bytes]]]:
        """Every file that the manifest names, and its bytes in pieces; none is checked yet."""


class _Folder:
    def __init__(self, path: Path) -> None:
        # What is required is asked of the bytes that are copied, by whoever copies them.
        self._bundle = Bundle.open(path, require_signature=False)
        self.manifest = self._bundle.manifest
        self.manifest_bytes = self._bundle.manifest_bytes
        self.signatures = self._bundle.signatures

    def contents(self) -> Iterator[tuple[FileEntry, Iterator[bytes]]]:
        for entry in self.manifest.entries:
            yield entry, self._bundle.pieces(entry)


class _File:
    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path

    def read(self, count: int) -> bytes:
        with _explained(self._path):
            return self._file.read(count)


@contextlib.contextmanager
def opened(source: str | Path) -> Iterator[Source]:
    """Open what a user names.

    Args:
        source: a bundle's folder, a file of ``edgetl pack``, or ``https://``, ``http://`` or ``file://`` of
            such a file. Over http whoever is on the way can put another in its place: the caller asks for
            signatures.

    Raises:
        UsageError: it is none of these.
        BundleError: it cannot be read, or is no bundle.
    """
    text = str(source)
    if (scheme := scheme_of(source)) is None:
        path = Path(source)
    elif scheme in ("https", "http"):
        from edgetl.updating.network import Fetched  # only here: ssl takes as long to import as Pillow

        with contextlib.closing(Fetched(text)) as answer:
            yield Reader(answer, text)
        return
    elif scheme == "file" and urlsplit(text).netloc in ("", "localhost"):
        path = Path(url2pathname(urlsplit(text).path))
    else:
        raise UsageError(f"{text} is no address of a packed bundle: take https://, or copy the file first")
    with contextlib.ExitStack() as stack:
        with _explained(path):
            if path.is_dir():
                found: Source = _Folder(path)
            else:
                found = Reader(_File(stack.enter_context(reading.regular(path)), path), str(path))
        yield found


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BundleError(
            f"{path} is neither a bundle's folder nor a file of edgetl pack: check the path"
        ) from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): copy it again") from error


def scheme_of(source: str | Path) -> str | None:
    """``https`` of an address, in small letters; None where it is a path.

    Raises:
        UsageError: it is neither: what one library takes for an address, and another does not.
    """
    text = str(source)
    if isinstance(source, Path) or "://" not in text:
        return None
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if not scheme or not text.isprintable() or not text.lower().startswith(f"{scheme}://"):
        raise UsageError(f"{text!r} is neither an address nor a path: give https://HOST/FILE.zip or a path")
    return scheme


def is_open_to_all(source: str | Path) -> bool:
    """Whether others on the network can change it on its way.

    Raises:
        UsageError: see :func:`scheme_of`.
    """
    return scheme_of(source) == "http"
