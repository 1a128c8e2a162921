"""From what a user names to an open source."""

import os
from collections.abc import Callable, Iterable, Sized
from typing import TypeAlias, cast

import numpy as np
from PIL import Image

from edgetl import images
from edgetl.errors import UsageError
from edgetl.runtime.sources import given, stdin
from edgetl.runtime.sources.base import AbstractSource
from edgetl.runtime.sources.folders import pictures
from edgetl.runtime.sources.naming import request_for
from edgetl.runtime.sources.stop import Stop

Source: TypeAlias = AbstractSource | images.Source | Iterable[images.Source]
"""What :func:`open_source` takes."""

_LARGEST = 16_384
_FAKE = "fake:"


def open_source(
    source: Source,
    *,
    every: bool | None = None,
    width: int = 640,
    height: int = 480,
    reconnect: bool = True,
    on_event: Callable[[str], None] | None = None,
) -> AbstractSource:
    """Open anything that gives pictures.

    Args:
        source: a picture, a folder or a pattern, as :func:`pictures` takes them; ``-``, paths on the standard
            input, one a line; a video file; ``/dev/video0`` or ``camera:0``, a USB camera; ``picamera``, the
            Pi's own camera; ``camera:auto``, that one, or else USB camera 0; ``http://...``, an MJPEG stream;
            ``rtsp://...``; ``fake:PICTURES``, a camera that shows the pictures of a file, folder or pattern
            once each; a picture in memory; any iterable of pictures; a source that is open already, which is
            returned as it is.
        every: whether each frame is given: True holds up the source while the loop is busy; False keeps only
            the newest, and plays a video at its own speed. None is False for cameras and streams and True
            for all else. Pictures and lists of them are always given whole.
        width: of a camera's picture, pixels; a camera that cannot takes the nearest it can.
        height: of a camera's picture, pixels.
        reconnect: whether a camera or stream that is lost is opened again, after pauses of 0.5 s that
            double up to 30 s, without end. One that is not there at the start is an error at once.
        on_event: called with a sentence when a camera or stream is lost, not back yet, or back; from another
            thread.

    Raises:
        UsageError: it is none of these, or does not exist.
        MissingPackageError: what reads it is not installed; the message names the line that does.
        CameraError: a camera or stream is missing, busy or silent.
        DatasetError: a folder has no pictures, or a file is no video.
    """
    if isinstance(source, AbstractSource):
        return source
    for name, pixels in (("width", width), ("height", height)):
        if not 1 <= pixels <= _LARGEST:
            raise UsageError(f"{name} {pixels} is not offered: choose 1 to {_LARGEST} pixels")
    if not isinstance(source, (str, os.PathLike)):
        several = _in_memory(source)
        length = len(several) if isinstance(several, Sized) else None
        return given.GivenSource(given.named(several), length=length)
    text = os.fspath(source)
    if text == "-":
        stop = Stop()
        return given.GivenSource(given.named(stdin.paths(stop)), stop)
    if text.startswith(_FAKE):
        shown = pictures(text.removeprefix(_FAKE))
        return given.GivenSource(given.fake_camera(shown, width, height), length=len(shown))
    request = request_for(text, width, height, paced=every is False)
    if request is None:
        files = pictures(text)
        return given.GivenSource(given.named(files), length=len(files))
    # Only now: child processes take longer to import than all that a picture needs.
    from edgetl.runtime.sources.streamed import StreamedSource

    return StreamedSource(
        request, every=not request.live if every is None else every, reconnect=reconnect, on_event=on_event
    )


def _in_memory(source: images.Source | Iterable[images.Source]) -> Iterable[images.Source]:
    """Several pictures, or one."""
    if isinstance(source, np.ndarray):
        return source if source.ndim == 4 else [source]
    if isinstance(source, (str, os.PathLike, bytes, Image.Image)) or hasattr(source, "read"):
        return [cast(images.Source, source)]  # mypy does not see that files are ruled out below
    if isinstance(source, Iterable):
        return source
    raise UsageError(
        f"a {type(source).__name__} is no source of pictures: give a path, a camera such as camera:0, a URL, "
        "or an iterable of pictures"
    )
