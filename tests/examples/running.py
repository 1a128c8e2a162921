"""Examples in processes of their own, and a camera for them."""

import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import encoded

from examples.colours import picture

LONGEST_S = 60.0
"""What takes longer is ended, and its test fails."""


class Script:
    """A script that runs, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", pins: tuple[int, int] | None) -> None:
        self._process, self._pins = process, pins

    def line(self) -> str:
        """The next line it prints, without its end; empty when it ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().removesuffix("\n")

    def wait_for(self, wanted: str) -> list[str]:
        """Every line until this one, which is the last."""
        lines = [self.line()]
        while lines[-1] != wanted:
            assert self.runs, f"it ended before it printed {wanted!r}: {lines} {self.end()}"
            lines.append(self.line())
        return lines

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def drive(self, pin: int, *, high: bool) -> None:
        """Put a voltage on an input."""
        assert self._pins is not None
        os.write(self._pins[1], f"{pin} {int(high)}\n".encode())

    def next_pin(self) -> str:
        """The next change of a pin, as ``17 1``; waits for it."""
        assert self._pins is not None
        text = b""
        while not text.endswith(b"\n"):
            byte = os.read(self._pins[0], 1)
            assert byte, f"it ended, and no pin changed: {self.end()}"
            text += byte
        return text.decode().strip()

    def pins_left(self) -> list[str]:
        """The changes of pins that were not asked for yet; for a script that ended."""
        assert self._pins is not None
        with os.fdopen(os.dup(self._pins[0])) as report:
            return report.read().splitlines()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: the exit code, and what it still had to say on stdout and stderr."""
        out, err = self._process.communicate(timeout=LONGEST_S)
        return self._process.returncode, out, err


class Camera:
    """An MJPEG camera in the network that shows what it is told."""

    def __init__(self) -> None:
        self.show("background")
        self._flows = threading.Event()
        self._flows.set()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
                self.end_headers()
                try:
                    while camera._flows.wait():
                        self.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\n\r\n%b\r\n" % camera.jpeg())
                        time.sleep(0.02)
                except OSError:  # the viewer left
                    return

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def show(self, label: str) -> None:
        """Show pictures of a class from now on."""
        self._label, self._frame = label, 0

    def freeze(self) -> None:
        """Give no more pictures, and keep the connection."""
        self._flows.clear()

    def wait_for_frames(self, count: int) -> None:
        """Wait until so many more pictures were taken from the camera."""
        end = self._frame + count
        while self._frame < end:
            time.sleep(0.01)

    def jpeg(self) -> bytes:
        """The next picture; like a camera's, each has its own noise."""
        self._frame += 1
        return encoded(picture(self._label, seed=self._frame))

    def close(self) -> None:
        self._flows.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
