"""The soaking process: one variant, run without a pause, its times told window by window.

It answers with a line of JSON for each window, ``{"start_s", "end_s", "inference_s"}``, the first two by
``time.monotonic()``, or with ``{"error": ...}``. Whatever libraries print goes to stderr.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgetl.bundle import Bundle
from edgetl.errors import EdgetlError
from edgetl.runtime import engines


@dataclass(frozen=True)
class SoakRequest:
    """What the parent asks for."""

    bundle: str
    variant: str
    engine: str
    threads: int
    seconds: float
    window_s: float


def windows(infer: Callable[[], Any], seconds: float, window_s: float) -> Iterator[dict[str, Any]]:
    """Call a function again and again, and tell the seconds of each call, a window at a time.

    Args:
        infer: what is called.
        seconds: for how long; the window that is then under way is told too.
        window_s: a window ends with the first call that ends after so many seconds.
    """
    start = began = time.monotonic()
    while began - start < seconds:
        taken, before = [], time.monotonic()
        while before - began < window_s and before - start < seconds:
            infer()
            after = time.monotonic()
            taken.append(round(after - before, 9))
            before = after
        yield {"start_s": began, "end_s": before, "inference_s": taken}
        began = time.monotonic()


def main() -> None:
    """Answer the request on the command line."""
    answer = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not stand among the JSON
    request = SoakRequest(**json.loads(sys.argv[1]))
    try:
        bundle = Bundle.open(request.bundle)
        variant = bundle.variant(request.variant)
        pixels = np.asarray(bundle.expected()["pixels"][:1], np.uint8)
        files = bundle.model_files(variant)
        with engines.start(engines.get(request.engine), files, num_threads=request.threads) as engine:
            engine.warm_up()
            for window in windows(lambda: engine.run(pixels), request.seconds, request.window_s):
                answer.write(json.dumps(window) + "\n")
    except EdgetlError as error:
        answer.write(json.dumps({"error": str(error)}) + "\n")
    answer.flush()
    sys.stderr.flush()
    # An engine's threads can hang or crash while Python shuts down, after the answer is safe.
    os._exit(0)
