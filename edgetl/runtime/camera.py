"""Cameras. A real one lives in a child process, since picamera2 and V4L2 can block for ever after a fault
and a blocked call cannot be ended in any other way.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import IO, Any, final

import numpy as np

from edgetl import images, isolated
from edgetl.contract import Contract
from edgetl.errors import CameraError


class AbstractCamera(ABC):
    """Something that gives pictures. Use it in a ``with`` block, or call :meth:`close`."""

    @abstractmethod
    def __iter__(self) -> Iterator[images.Pixels]:
        """Yield pictures as they are now, uint8 (height, width, 3) in RGB order."""

    @abstractmethod
    def close(self) -> None:
        """Give the camera back."""

    def __enter__(self) -> "AbstractCamera":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@final
class FakeCamera(AbstractCamera):
    """Shows given pictures, once each, so that every program for a camera runs without one."""

    def __init__(self, shown: Sequence[images.Source], *, width: int = 640, height: int = 480) -> None:
        self._shown = shown
        self._view = Contract(height, width)

    def __iter__(self) -> Iterator[images.Pixels]:
        return (images.decode(picture, self._view) for picture in self._shown)

    def close(self) -> None:
        """Nothing to give back."""


@final
class ChildCamera(AbstractCamera):
    """A real camera, behind a process that is ended when the camera falls silent."""

    def __init__(self, which: str, *, width: int, height: int, timeout_s: float = 10.0) -> None:
        """Open the camera.

        Args:
            which: ``picamera2``, or the number of a V4L2 device.
            width: wanted, pixels.
            height: wanted, pixels.
            timeout_s: silence, in seconds, after which the camera is given up.

        Raises:
            CameraError: it is missing, busy or silent.
        """
        self._which = which
        self._timeout_s = timeout_s
        command = isolated.command("edgetl.runtime.camera:serve", which, str(width), str(height))
        stderr = None if os.environ.get(isolated.DEBUG_VARIABLE) else subprocess.DEVNULL
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        try:
            self._receive()
        except BaseException:
            self._kill()
            raise

    def __iter__(self) -> Iterator[images.Pixels]:
        while True:
            # Asked for one at a time: frames that nobody wanted never pile up in the pipe.
            yield self._next()

    def close(self) -> None:
        """Give the camera back; if it hangs, end its process."""
        if self._child.stdin and not self._child.stdin.closed:
            self._child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=2.0)
        self._kill()

    def _next(self) -> images.Pixels:
        try:
            assert self._child.stdin is not None
            self._child.stdin.write(b"\n")
            self._child.stdin.flush()
        except (OSError, ValueError) as error:
            raise CameraError(f"camera {self._which} is closed: open it again") from error
        shape = self._receive()["shape"]
        return np.frombuffer(self._read(int(np.prod(shape))), np.uint8).reshape(shape)

    def _receive(self) -> dict[str, Any]:
        """The child's next line, a JSON object."""
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self._read(1)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            self._kill()
            raise CameraError(f"camera {self._which}: {answer['error']}")
        return answer

    def _read(self, count: int) -> bytearray:
        assert self._child.stdout is not None
        source = self._child.stdout.fileno()
        end = time.monotonic() + self._timeout_s
        data = bytearray()
        while len(data) < count:
            ready, _, _ = select.select([source], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self._kill()
                raise CameraError(
                    f"camera {self._which} gave no picture for {self._timeout_s:g} s: check its cable, "
                    "and that no other program uses it"
                )
            part = os.read(source, min(count - len(data), 1 << 20))
            if not part:
                code = self._child.wait()
                fate = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
                raise CameraError(
                    f"camera {self._which}: its process {fate}; add --debug to see what it printed"
                )
            data += part
        return data

    def _kill(self) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


def serve() -> None:
    """Answer each line on stdin with a picture on stdout; what the child process runs."""
    which, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a driver prints must not get among the pictures
    try:
        frames = (_picamera2 if which == "picamera2" else _opencv)(which, width, height)
        _say(answers, {"ready": next(frames) is None})
        for _ in iter(sys.stdin.buffer.readline, b""):
            frame = np.ascontiguousarray(next(frames))
            _say(answers, {"shape": frame.shape})
            answers.write(frame.data)
            answers.flush()
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is the answer
        lines = str(error).strip().splitlines() or [type(error).__name__]
        _say(answers, {"error": lines[0]})


def _say(answers: IO[bytes], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message).encode() + b"\n")
    answers.flush()


def _picamera2(_: str, width: int, height: int) -> Iterator[Any]:
    from picamera2 import Picamera2

    device = Picamera2()
    # Picamera2 names formats by the order in a word, from the top: in memory BGR888 is red, green, blue.
    device.configure(device.create_video_configuration(main={"format": "BGR888", "size": (width, height)}))
    device.start()
    yield None
    while True:
        yield device.capture_array("main")


def _opencv(which: str, width: int, height: int) -> Iterator[Any]:
    import cv2

    device = cv2.VideoCapture(int(which))
    if not device.isOpened():
        raise CameraError(
            f"/dev/video{which} cannot be opened: check that it is plugged in, that no other program uses "
            "it, and that you are in the group video (sudo usermod -aG video $USER)"
        )
    device.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    device.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the driver would otherwise hand out frames of the past
    yield None
    while True:
        got, frame = device.read()
        if not got:
            raise CameraError("it stopped giving pictures: check its cable")
        yield frame[:, :, ::-1]  # OpenCV has blue, green, red
