"""Where an update comes from: a bundle's folder, a packed bundle, or the URL of one. All are read alike."""

import contextlib
import http.client
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from edgetl.bundle import Bundle
from edgetl.errors import BundleError, UsageError
from edgetl.manifest import FileEntry, Manifest
from edgetl.updating.archive import Reader

_TIMEOUT_S = 30.0
"""Of silence on the network."""


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


class _Fetched:
    """A file on the network, of which no more is read than is asked for."""

    def __init__(self, url: str) -> None:
        self._url = url
        with self._explained():
            self._answer = urllib.request.urlopen(url, timeout=_TIMEOUT_S)  # noqa: S310 - the caller looked at it

    def read(self, count: int) -> bytes:
        with self._explained():
            data: bytes = self._answer.read(count)
            return data

    def close(self) -> None:
        self._answer.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise BundleError(f"{self._url} cannot be fetched: {reason}") from error


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
    if is_url(text):
        if urllib.parse.urlsplit(text).scheme not in ("https", "http", "file"):
            raise UsageError(
                f"{text} is no address of a packed bundle: take https://, or copy the file first"
            )
        with contextlib.closing(_Fetched(text)) as stream:
            yield Reader(stream, text)
        return
    path = Path(source)
    if path.is_dir():
        yield _Folder(path)
    elif path.is_file():
        with path.open("rb") as stream:
            yield Reader(stream, str(path))
    else:
        raise BundleError(f"{path} is neither a bundle's folder nor a file of edgetl pack: check the path")


def is_url(source: str | Path) -> bool:
    """Whether it is an address and not a path."""
    return "://" in str(source)


def is_open_to_all(source: str | Path) -> bool:
    """Whether others on the network can change it on its way."""
    return str(source).lower().startswith("http://")
