"""What the child process does with the Pi's own camera: picamera2, or else the program rpicam-vid."""

import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from typing import IO, Any

from edgetl.errors import CameraError
from edgetl.runtime.sources.jpeg import JpegCutter
from edgetl.runtime.sources.request import Request

_PROGRAMS = ("rpicam-vid", "libcamera-vid")  # its name since, and before, Raspberry Pi OS of November 2023
_LAST_WORDS = 50
_CHECK = "check its ribbon cable and rpicam-hello --list-cameras, and that no other program uses it"


def program() -> str | None:
    """The path of the program that gives the camera's pictures where picamera2 does not."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def pictures(request: Request) -> Iterator[Any]:
    """Yield pictures of the Pi's own camera: uint8 (h, w, 3) RGB by picamera2, JPEG bytes by rpicam-vid."""
    try:
        from picamera2 import Picamera2
    except Exception as error:
        # Not installed, or built for another numpy or Python than this environment's, as often happens.
        command = program()
        if command is None:
            raise CameraError(
                f"picamera2 cannot be imported ({_first_line(error)}), and there is no {_PROGRAMS[0]} "
                "to take its place: sudo apt install rpicam-apps"
            ) from error
        return _of_program(command, request)
    return _of_picamera2(Picamera2, request)


def _of_picamera2(device_class: Any, request: Request) -> Iterator[Any]:
    try:
        device = device_class()
        # Picamera2 names formats by the order in a word, from the top: in memory BGR888 is red, green, blue.
        size = (request.width, request.height)
        device.configure(device.create_video_configuration(main={"format": "BGR888", "size": size}))
        device.start()
    except Exception as error:
        raise CameraError(f"{request.name} cannot be opened ({_first_line(error)}): {_CHECK}") from error
    try:
        while True:
            yield device.capture_array("main")
    finally:
        device.stop()
        device.close()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _of_program(command: str, request: Request) -> Iterator[bytes]:
    process = subprocess.Popen(
        # Words, not a line for a shell.
        [command, *f"--codec mjpeg -t 0 -n --width {request.width} --height {request.height} -o -".split()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    words: deque[bytes] = deque(maxlen=_LAST_WORDS)
    # It prints a line for each picture, and stands still when nobody reads them.
    listener = threading.Thread(target=_listen, args=(process.stderr, words), daemon=True)
    listener.start()
    cutter = JpegCutter()
    try:
        while data := process.stdout.read(1 << 16):
            yield from cutter.feed(data)
        code = process.wait()
        listener.join(1.0)
    finally:
        process.kill()
        process.wait()
    raise CameraError(f"{request.name}: {command} ended with code {code}{_said(words)}: {_CHECK}")


def _listen(stderr: IO[bytes], words: deque[bytes]) -> None:
    while part := stderr.read(4096):
        words.append(part)


def _said(words: deque[bytes]) -> str:
    """Its last line about an error, in brackets."""
    lines = [line.strip() for line in b"".join(words).decode("utf-8", "replace").splitlines()]
    errors = [line for line in lines if "error" in line.lower()]
    return f" ({errors[-1].strip('*: ')})" if errors else ""
