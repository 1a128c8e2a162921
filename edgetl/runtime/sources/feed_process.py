"""The child's side: asks a driver for pictures and hands them to the parent.

The first line of the input is the request; each further line asks for one picture. The answer is a line
of JSON, then the bytes of the picture.
"""

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, NoReturn, TypeAlias

import numpy as np

from edgetl.errors import EdgetlError
from edgetl.runtime.sources import mjpeg, opencv, picamera
from edgetl.runtime.sources.request import Request

Driver: TypeAlias = Callable[[Request], Iterator[Any]]

_DRIVERS: dict[str, Driver] = {
    "picamera": picamera.pictures,
    "device": opencv.device_pictures,
    "rtsp": opencv.rtsp_pictures,
    "video": opencv.video_pictures,
    "http": mjpeg.pictures,
}
_POLITE_S = 0.3
"""How long a driver may take to give its device back; less than the parent waits."""


def serve() -> NoReturn:
    """Serve the parent until it closes the input; what the child process runs."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a driver prints must not get among the pictures
    wanted: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(wanted,), daemon=True).start()
    line = wanted.get()
    if line is not None:
        request = Request.from_line(line)
        try:
            _serve(request, wanted, answers)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises is the answer
            with contextlib.suppress(BrokenPipeError):  # the parent no longer listens
                _say(answers, {"error": _sentence(request, error)})
    # Not by way of the interpreter's own end, which waits for threads of drivers.
    os._exit(0)


def _serve(request: Request, wanted: "queue.SimpleQueue[bytes | None]", answers: IO[bytes]) -> None:
    pictures = _DRIVERS[request.kind](request)
    try:
        picture = next(pictures, None)  # a device may open and yet give nothing, as a busy one does
        _say(answers, {"ready": True})
        while wanted.get() is not None:
            if picture is None:
                picture = next(pictures, None)
            _hand_over(answers, picture)
            picture = None
    finally:
        close = getattr(pictures, "close", None)
        if close is not None:
            close()


def _hand_over(answers: IO[bytes], picture: Any) -> None:
    if picture is None:
        _say(answers, {"end": True})
    elif isinstance(picture, bytes):
        _say(answers, {"bytes": len(picture)}, picture)
    else:
        pixels = np.ascontiguousarray(picture)
        _say(answers, {"shape": pixels.shape}, pixels.data)


def _say(answers: IO[bytes], message: dict[str, Any], then: bytes | memoryview = b"") -> None:
    answers.write(json.dumps(message).encode() + b"\n")
    answers.write(then)
    answers.flush()


def _sentence(request: Request, error: Exception) -> str:
    if isinstance(error, EdgetlError):
        return str(error)
    lines = str(error).strip().splitlines()
    # What a library says about a URL may repeat the password in it.
    said = lines[0] if lines and request.kind not in ("http", "rtsp") else type(error).__name__
    return f"{request.name} failed: {said}"


def _listen(wanted: "queue.SimpleQueue[bytes | None]") -> None:
    """Pass on the lines of the input; at its end, end the process even if its driver hangs."""
    # Not sys.stdin, whose lock this thread would hold at the end of the interpreter.
    rest = b""
    while data := os.read(0, 65536):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            wanted.put(line)
    wanted.put(None)
    time.sleep(_POLITE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with what this process started
    sys.stderr.flush()
    os._exit(1)
