"""What the child process does with OpenCV: V4L2 cameras, RTSP streams and video files."""

import math
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgetl.errors import CameraError, DatasetError
from edgetl.runtime.sources import devices
from edgetl.runtime.sources.request import Request

_RTSP_PORT = 554  # RFC 7826, 1.2
_CONNECT_S = 5.0
_STREAM_MS = 8000  # less than the parent waits, so that the better message is the one that is read
_LONGEST_PAUSE_S = 5.0
# A whole video has at least this share of the frames its header promises, which may be an estimate.
_WHOLE = 0.9


def device_pictures(request: Request) -> Iterator[Any]:
    """Yield pictures of a V4L2 camera."""
    import cv2

    # By its number, which a link such as /dev/v4l/by-id/... leads to, wherever the camera was plugged in.
    number = re.fullmatch(r"/dev/video(\d+)", os.path.realpath(request.where))
    device = cv2.VideoCapture(int(number[1])) if number else None
    if device is None or not device.isOpened():
        raise CameraError(devices.why_not(Path(request.where)))
    try:
        device.set(cv2.CAP_PROP_FRAME_WIDTH, request.width)
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, request.height)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the driver would otherwise hand out frames of the past
        count = 0
        while (frame := _read(device)) is not None:
            count += 1
            yield frame
    finally:
        device.release()
    if count == 0:
        raise CameraError(devices.why_not(Path(request.where)))
    raise CameraError(f"{request.name} stopped giving pictures: check its cable")


def rtsp_pictures(request: Request) -> Iterator[Any]:
    """Yield pictures of an RTSP stream."""
    import cv2

    url = urlsplit(request.where)
    try:  # OpenCV does not say why it could not open a stream
        socket.create_connection((url.hostname or "", url.port or _RTSP_PORT), _CONNECT_S).close()
    except OSError as error:
        raise CameraError(
            f"{request.name} cannot be reached ({error.strerror or error}): check the address, and that the "
            "camera is switched on"
        ) from error
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _STREAM_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _STREAM_MS]
    stream = cv2.VideoCapture(request.where, cv2.CAP_FFMPEG, limits)
    if not stream.isOpened():
        raise CameraError(
            f"{request.name} answers, but gives no stream that OpenCV can read: check its path, user and "
            "password"
        )
    try:
        while (frame := _read(stream)) is not None:
            yield frame
    finally:
        stream.release()
    raise CameraError(f"{request.name} stopped giving pictures: check the camera and the network")


def video_pictures(request: Request) -> Iterator[Any]:
    """Yield the frames of a video file, at its own speed if asked to."""
    import cv2

    # Absolute, so that a file whose name looks like a URL stays a file.
    video = cv2.VideoCapture(str(Path(request.where).absolute()))
    try:
        frame = _read(video) if video.isOpened() else None
        if frame is None:
            raise DatasetError(
                f"{request.name} is no video that OpenCV can read: it is damaged, cut off, or of another kind"
            )
        rate = video.get(cv2.CAP_PROP_FPS)
        rate = rate if math.isfinite(rate) and rate > 0 else 25.0
        promised = video.get(cv2.CAP_PROP_FRAME_COUNT)
        start, count, reached_s = time.monotonic(), 0, 0.0
        while frame is not None:
            if request.paced:
                time.sleep(min(max(0.0, start + count / rate - time.monotonic()), _LONGEST_PAUSE_S))
            count, reached_s = count + 1, video.get(cv2.CAP_PROP_POS_MSEC) / 1000
            yield frame
            frame = _read(video)
    finally:
        video.release()
    # Both, since a video whose frames are not evenly spaced may have fewer than its length suggests.
    if count < _WHOLE * promised and reached_s < _WHOLE * promised / rate:
        raise DatasetError(
            f"{request.name} breaks off after {count} of {promised:.0f} frames: it is damaged or cut off"
        )


def _read(capture: Any) -> Any | None:
    """uint8 (h, w, 3) RGB, or None at the end."""
    import cv2

    got, frame = capture.read()
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if got else None
