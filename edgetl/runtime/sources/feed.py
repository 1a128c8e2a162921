"""The parent's side of the child process that takes the pictures.

Drivers, decoders and name look-ups can block for ever or crash after a fault, and nothing but the end of
their process ends such a call: picamera2's ``stop()`` and ``capture_array()`` are known for it.
"""

import contextlib
import json
import math
import os
import signal
import subprocess
import time
from typing import Any, final

import numpy as np

from edgetl import debug, images, isolated
from edgetl.runtime.sources.request import Request
from edgetl.runtime.sources.stop import Stop

START_S = 20.0
"""What opening may take: a small board needs seconds to import OpenCV or picamera2."""
SILENCE_S = 10.0
"""A source that gives no picture for so long is lost."""
_POLITE_S = 0.5
"""How long the child may take to give a device back before it is ended."""


@final
class Feed:
    """Pictures of a device, stream or video, one after the other. For one thread."""

    def __init__(self, request: Request, stop: Stop) -> None:
        """Open the source and take its first picture.

        Args:
            request: what to open.
            stop: ends every wait.

        Raises:
            CameraError: a device or stream is missing, busy or silent.
            DatasetError: the file is no video.
            StoppedError: ``stop`` was set meanwhile.
        """
        self._request = request
        self._stop = stop
        self._child = subprocess.Popen(
            isolated.command("edgetl.runtime.sources.feed_process:serve"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            stderr=None if debug.is_on() else subprocess.DEVNULL,
            # Ctrl-C is for this process, which then ends the child and all that the child started.
            start_new_session=True,
        )
        try:
            # By its input, not its command line, which every user of the machine may read.
            self._send(request.to_line())
            self._receive(START_S)
        except BaseException:
            self.close()
            raise

    def read(self) -> images.Source | None:
        """The next picture: JPEG bytes or uint8 (h, w, 3) RGB; None at the end of a video.

        Raises:
            CameraError: the device or stream failed, fell silent or ended.
            DatasetError: the video is damaged.
            StoppedError: ``stop`` was set meanwhile.
        """
        # Asked for one at a time: frames that nobody wanted never pile up in the pipe.
        self._send(b"\n")
        answer = self._receive(SILENCE_S)
        if "shape" in answer:
            shape = answer["shape"]
            return np.frombuffer(self._read(math.prod(shape), SILENCE_S), np.uint8).reshape(shape)
        return bytes(self._read(answer["bytes"], SILENCE_S)) if "bytes" in answer else None

    def close(self) -> None:
        """End the child, and whatever it started."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._child.wait(_POLITE_S)  # it ends when its input does
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            # One that hangs inside the kernel ends when the kernel lets it.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_POLITE_S)

    def _send(self, line: bytes) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # why it ended is what it said last
            self._child.stdin.write(line)

    def _receive(self, limit_s: float) -> dict[str, Any]:
        """The child's next line, a JSON object."""
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self._read(1, limit_s)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise self._request.error(answer["error"])
        return answer

    def _read(self, count: int, limit_s: float) -> bytearray:
        assert self._child.stdout is not None
        source = self._child.stdout.fileno()
        end = time.monotonic() + limit_s
        data = bytearray(count)
        missing = memoryview(data)
        while missing:
            if not self._stop.wait(end - time.monotonic(), readable=source):
                way_out = "check its cable or network, and that no other program uses it"
                raise self._request.error(
                    f"{self._request.name} gave no picture for {limit_s:g} s: "
                    f"{way_out if self._request.live else 'it may be damaged'}"
                )
            got = os.readv(source, [missing])
            if not got:
                code = self._child.wait()
                fate = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
                raise self._request.error(
                    f"{self._request.name}: its process {fate}; add --debug to see what it printed"
                )
            missing = missing[got:]
        return data
