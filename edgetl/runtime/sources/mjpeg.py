"""What the child process does with an MJPEG stream over HTTP (``multipart/x-mixed-replace``)."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

from edgetl.errors import CameraError
from edgetl.runtime.sources.jpeg import JpegCutter
from edgetl.runtime.sources.request import Request

_MANUAL = "look up the path of its MJPEG stream in the camera's manual"
_SILENCE_S = 8.0  # less than the parent waits, so that the better message is the one that is read


def pictures(request: Request) -> Iterator[bytes]:
    """Yield the JPEG bytes of each picture.

    Cut by the JPEG markers: cameras get boundaries and lengths wrong.
    """
    response = _open(urlsplit(request.where), request.name)
    with response:
        kind = response.headers.get_content_type()
        if not kind.startswith("multipart/"):
            raise CameraError(
                f"{request.name} answers with {kind}, and MJPEG is multipart/x-mixed-replace: {_MANUAL}"
            )
        cutter = JpegCutter()
        try:
            while data := response.read1(1 << 16):
                yield from cutter.feed(data)
        except (OSError, http.client.HTTPException) as error:
            raise CameraError(f"{request.name} broke off ({_reason(error)}): check the network") from error
    raise CameraError(f"{request.name} ended the stream: check the camera")


def _open(url: SplitResult, name: str) -> http.client.HTTPResponse:
    host = url.netloc.rpartition("@")[2]
    bare = url._replace(netloc=host, fragment="").geturl()
    handlers: list[urllib.request.BaseHandler] = []
    if url.username is not None:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        # For the whole camera, since it may send us on to another path.
        root = url._replace(netloc=host, path="/", query="", fragment="").geturl()
        passwords.add_password(None, root, unquote(url.username), unquote(url.password or ""))
        handlers = [
            urllib.request.HTTPBasicAuthHandler(passwords),
            urllib.request.HTTPDigestAuthHandler(passwords),
        ]
    try:
        opener = urllib.request.build_opener(*handlers)
        response: http.client.HTTPResponse = opener.open(bare, timeout=_SILENCE_S)
    except urllib.error.HTTPError as error:
        with error:
            phrase = http.client.responses.get(error.code, "")
            raise CameraError(f"{name} answers {error.code} {phrase}: {_way_out(error.code)}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CameraError(
            f"{name} cannot be reached ({_reason(error)}): check the address, and that the camera is on"
        ) from error
    return response


def _way_out(code: int) -> str:
    if code in (401, 403):
        return "give its user and password, as in http://USER:PASSWORD@camera/path"
    return _MANUAL


def _reason(error: Exception) -> str:
    """What went wrong, without the URL, which may hold a password."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"no answer for {_SILENCE_S:g} s"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was cut"
    if isinstance(error, http.client.HTTPException):
        return "what it sends is not HTTP"
    return type(inner).__name__
