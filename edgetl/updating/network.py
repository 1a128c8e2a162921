"""A packed bundle on the network: read once from front to back, and never waited for without an end."""

import contextlib
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from edgetl.errors import BundleError

TIMEOUT_S = 30.0
"""Of silence; also of all that stands before the content."""
GRACE_S = 60.0
"""After which the content must have come faster than ``SLOWEST``, all in all."""
SLOWEST = 1024
"""Bytes a second: less is a server that keeps an update waiting for days."""


class Fetched:
    """A file of which no more is read than is asked for."""

    def __init__(self, url: str) -> None:
        """Ask for it.

        Raises:
            BundleError: it cannot be had.
        """
        self._url, self._begun, self._count = url, time.monotonic(), 0
        secret = urlsplit(url).scheme == "https"
        opener = urllib.request.build_opener(_Http(), _Https(), _Redirects(secret))
        with self._explained():
            self._answer = opener.open(url, timeout=TIMEOUT_S)
            if self._answer.headers.get("Transfer-Encoding"):
                # Lines that tell how long each piece is may take for ever, each byte in time for itself.
                self._answer.close()
                raise http.client.HTTPException("the server does not say how long it is")

    def read(self, count: int) -> bytes:
        """The next bytes, ``count`` of them or fewer, none at the end.

        Raises:
            BundleError: the network is silent, slow or broken.
        """
        with self._explained():
            # What has come: `read` would wait for all of it, each byte with a time limit of its own.
            data: bytes = self._answer.read1(count)
            self._count += len(data)
            taken = time.monotonic() - self._begun
            if taken > GRACE_S and self._count < SLOWEST * taken:
                raise TimeoutError(f"{self._count} bytes came in {taken:.0f} s")
            return data

    def close(self) -> None:
        """Hang up."""
        self._answer.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            words = str(reason) or type(reason).__name__
            raise BundleError(
                f"{self._url} cannot be fetched: {words}: try again, or copy the file"
            ) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows no answer that leads from where nobody can listen to where everybody can, or off the web."""

    def __init__(self, secret: bool) -> None:
        self._allowed = ("https",) if secret else ("https", "http")

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme not in self._allowed:
            raise urllib.error.URLError(
                f"it leads to {newurl[:200]}, which is not {' or '.join(self._allowed)}"
            )
        fp.close()  # else the rest of this answer would be read, however long it is
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Hurried(http.client.HTTPConnection):
    """Hangs up on a server that takes its time with the lines before the content, each in time for itself."""

    def getresponse(self) -> http.client.HTTPResponse:
        timer = threading.Timer(TIMEOUT_S, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()

    def _hang_up(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _HurriedTls(_Hurried, http.client.HTTPSConnection):
    """The same, over TLS."""


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Hurried, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HurriedTls, req)
