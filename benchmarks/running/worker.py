"""The child process of a benchmark: one task in a fresh process. JSON in, JSON out.

It is started as ``python -m edgetl.benchmarks.running.worker``, reads ``{"task": ..., "request": {...}}``
from stdin and answers with one object on stdout: ``{"measured": ...}`` with the fields of what the task's
``measure`` returns, or ``{"error": ...}`` with a sentence. Whatever libraries print goes to stderr.
"""

import importlib
import json
import os
import sys
from dataclasses import asdict
from typing import Any

from edgetl.benchmarks.running import pinning
from edgetl.errors import EdgetlError

TASKS = {
    "latency": "edgetl.benchmarks.running.latency",
    "throughput": "edgetl.benchmarks.running.throughput",
    "timer": "edgetl.benchmarks.running.timer",
}
"""Each module has ``Request``, whose ``cores`` are obeyed here, and ``measure(Request)``."""


def main() -> None:
    """Answer one request."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not stand among the JSON
    asked = json.load(sys.stdin)
    if asked["request"]["cores"] is not None:
        pinning.pin(asked["request"]["cores"])  # before anything is imported that starts threads
    task = importlib.import_module(TASKS[asked["task"]])
    try:
        reply: dict[str, Any] = {"measured": asdict(task.measure(task.Request(**asked["request"])))}
    except EdgetlError as error:
        reply = {"error": str(error)}
    with os.fdopen(answer, "w") as channel:
        json.dump(reply, channel)
    # An engine's threads can hang or crash while Python shuts down, after the answer is safe.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
