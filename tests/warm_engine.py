"""A process with limits that tries model after model, so that a test need not start an engine for each.

The product starts one for each model (``runtime/confined.py``); the code that tries it is the same, and so
are the limits, except that processor time and leaks add up over the models.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgetl import isolated
from edgetl.runtime import confined, confined_process, engines, restraint, trial

_MEMORY = 512 << 20
_MOST = 100_000
_RESTARTED_AFTER = 200


def serve() -> None:
    """What the process does: orders from standard input, a line of JSON for each to standard output."""
    channel = os.dup(1)
    os.dup2(2, 1)
    stream = sys.stdin.buffer
    if sys.argv[1] == "openvino":
        import openvino

        core = openvino.Core()  # while there is one, the plug-in stays loaded
        core.get_versions("CPU")
    restraint.restrain(memory_bytes=_MEMORY, cpu_s=1e6)
    while stream.peek(1):
        said = confined_process.answer(*confined_process.take(stream))
        os.write(channel, json.dumps({"told": said}).encode() + b"\n")


class WarmEngine:
    """The test's side of it."""

    def __init__(self, engine: str, timeout_s: float = 20) -> None:
        self.row = engines.get(engine)
        self.started = 0
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._tried = 0

    def run(self, files: Mapping[str, bytes], pictures: NDArray[np.uint8], values: int) -> confined.Ran:
        """As ``confined.run``."""
        process = self._running()
        order = {
            "engine": self.row.name,
            "files": [(name, len(content)) for name, content in files.items()],
            "pictures": pictures.shape[:3],
            "threads": [1],
            "seconds": self._timeout_s,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        data = json.dumps(order).encode() + b"\n" + b"".join(files.values()) + pictures.tobytes()
        answer, deadline = b"", time.monotonic() + self._timeout_s
        try:
            process.stdin.write(data)
        except BrokenPipeError:  # it died of the last model, after its answer
            self.close()
            return self.run(files, pictures, values)
        while not answer.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                self.close()
                raise confined.ConfinedError("it hung", "hung")
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                code = process.wait()
                self.close()
                raise confined.ConfinedError(trial.why_ended(code, b""), "crashed")
            answer += chunk
            if len(answer) > _MOST:
                self.close()
                raise confined.ConfinedError("more values", "refused")
        self._tried += 1
        asked = confined._Asked(len(pictures), (1,), _MEMORY, _MOST, self._timeout_s)
        return confined._understood(self.row, 0, answer, b"", asked)

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._tried >= _RESTARTED_AFTER:
            self.close()
        if self._process is None:
            self.started += 1
            self._tried = 0
            self._process = subprocess.Popen(
                isolated.command("warm_engine:serve", self.row.name),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
