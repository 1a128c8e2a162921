"""Which camera, stream or video a user's words name."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from edgetl import extras
from edgetl.errors import MissingPackageError, UsageError
from edgetl.runtime.sources.request import Kind, Request

VIDEO_SUFFIXES = frozenset(
    {".avi", ".h264", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov"}
    | {".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
)
"""File name endings taken for videos, in lower case; upper case is taken too."""

DEVICES = ("/dev/video", "/dev/v4l/")
"""How the paths of cameras begin; other files of /dev may be pictures, as in /dev/shm."""

_SCHEMES: dict[str, Kind] = {"http": "http", "https": "http", "rtsp": "rtsp"}
_CAMERA = "camera:"


def request_for(text: str, width: int, height: int, *, paced: bool) -> Request | None:
    """What to ask of the child process; None where the text names neither camera, stream nor video.

    Raises:
        UsageError: an address or the name of a camera is not one of those offered.
        MissingPackageError: what reads it is not installed; the message names the line that does.
    """
    found = _camera(text) or _stream(text) or _video(text)
    if found is None:
        return None
    kind, where, name = found
    if kind in ("device", "rtsp", "video") and not extras.is_installed("cv2"):
        raise MissingPackageError(f"{name} needs OpenCV: pip install {extras.requirement('camera')}")
    return Request(kind, name, where, width, height, paced)


def _camera(text: str) -> tuple[Kind, str, str] | None:
    if text.startswith(DEVICES):
        return "device", text, text
    if text != "picamera" and not text.startswith(_CAMERA):
        return None
    which = text.removeprefix(_CAMERA)
    if which.isascii() and which.isdecimal():
        device = f"/dev/video{int(which)}"
        return "device", device, device
    if which not in ("auto", "picamera"):
        raise UsageError(
            f"camera {which!r} is not known: choose camera:auto, picamera, camera:0, camera:1, ... or "
            "fake:PICTURES"
        )
    from edgetl.runtime.sources import picamera

    if extras.is_installed("picamera2") or picamera.program():
        return "picamera", "", "picamera"
    if which == "auto":
        return _camera("camera:0")
    raise MissingPackageError(
        "the Pi's camera needs picamera2 or rpicam-vid: sudo apt install python3-picamera2, "
        "and python3 -m venv --system-site-packages"
    )


def _stream(text: str) -> tuple[Kind, str, str] | None:
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if match is None:
        return None
    scheme = match[1].lower()
    if scheme not in _SCHEMES:
        raise UsageError(f"{scheme}:// is not offered: choose {', '.join(_SCHEMES)}")
    try:
        url = urlsplit(text)
        good = bool(url.hostname) and url.port != 0 and re.fullmatch(r"[!-~]+", text) is not None
    except ValueError:
        good = False
    if not good:  # not repeated: there may be a password in it
        raise UsageError(
            f"the {scheme} address is not valid: write {scheme}://camera:8080/path, and any character of a "
            "password but letters and digits as in %40"
        )
    # A slash in a password makes its rest part of the path, which an @ then follows.
    path = "/..." if "@" in url.path else url.path
    name = f"{scheme}://{url.netloc.rpartition('@')[2]}{path}{'?...' if url.query else ''}"
    return _SCHEMES[scheme], text, name


def _video(text: str) -> tuple[Kind, str, str] | None:
    path = Path(text)
    try:
        found = path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    except OSError:  # pictures() says what is wrong with it
        return None
    return ("video", text, text) if found else None
