"""The process with limits in which a model is tried; ``confined.py`` is its parent.

It reads a line of JSON and then bytes from standard input, and answers with one line of JSON. What it says is
believed by nobody: the parent looks at every value.
"""

import base64
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import EdgetlError
from edgetl.runtime import base, confined, engines, restraint, threads, trial


def serve() -> NoReturn:
    """Try the model on standard input; what the process runs."""
    os.write(1, confined.STARTED)
    say = trial.answers()
    order, files, pixels = take(sys.stdin.buffer)
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)  # whatever reads standard input later finds its end
    if os.getppid() != order["parent"]:
        os._exit(1)  # it went before it could be watched
    restraint.restrain(memory_bytes=order["memory_bytes"], cpu_s=order["cpu_s"])
    said = answer(order, files, pixels)
    say(None, said)


def take(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, bytes], NDArray[np.uint8]]:
    """One order: what to do, the model's files, and pictures uint8 (n, height, width, 3)."""
    order = json.loads(stream.readline())
    files = {name: stream.read(size) for name, size in order["files"]}
    count, height, width = order["pictures"]
    pixels = np.frombuffer(stream.read(count * height * width * 3), np.uint8)
    return order, files, pixels.reshape(count, height, width, 3)


def answer(order: Mapping[str, Any], files: Mapping[str, bytes], pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """Load the model and run it.

    Returns:
        ``refused``, why it could not; else ``threads``, the least seconds of each number of threads that was
        asked for, and ``taken``, that of them which is best; ``outputs``, base 64 of float32, and their
        ``shape`` (n, classes); ``seconds`` of each picture; ``peak``, bytes of memory.
    """
    row = engines.get(order["engine"])
    try:
        engine, least = threads.try_counts(row, files, order["threads"])
        rows: list[NDArray[np.float32]] = []
        seconds: list[float] = []
        start = time.perf_counter()
        for picture in range(len(pixels)):
            began = time.perf_counter()
            if rows and began - start > order["seconds"]:
                break
            row_of = engine.run(pixels[picture : picture + 1])[0]
            seconds.append(time.perf_counter() - began)
            if row_of.ndim != 2 or len(row_of) != 1 or row_of.dtype.kind != "f":
                words = f"answers with {row_of.dtype} of shape {row_of.shape}, not with a row of floats"
                return {"refused": f"{row.name} {words}", "memory": False, **_peak()}
            rows.append(row_of)
    except EdgetlError as error:
        return {"refused": str(error), "memory": base.lacks_memory(str(error)), **_peak()}
    outputs = np.concatenate(rows) if rows else np.empty((0, 0))
    return {
        "threads": least,
        "taken": engine.num_threads,
        "outputs": base64.b64encode(np.ascontiguousarray(outputs, "<f4").tobytes()).decode(),
        "shape": outputs.shape,
        "seconds": seconds,
        **_peak(),
    }


def _peak() -> dict[str, int | None]:
    from edgetl.benchmarks.running.memory import resident_bytes

    return {"peak": resident_bytes("VmHWM")}
