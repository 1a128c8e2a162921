"""Resident memory of this process, as Linux counts it. None where there is no /proc.

The kernel keeps these counters per core and adds them up late, so they are right to about a megabyte
(proc_pid_status(5): "This value is inaccurate"). Pages of libraries count in full, also where others share
them.
"""

import os
from pathlib import Path

from edgetl.benchmarks.state import read_text

NO_ARENA = {
    "litert": "ai-edge-litert's Interpreter has no call that tells the size of its arena",
    "tflite-runtime": "tflite-runtime's Interpreter has no call that tells the size of its arena",
    "onnxruntime": "ONNX Runtime's Python API has no call that tells the size of its arena",
    "openvino": "OpenVINO's CPU plug-in has no property that tells the size of its buffers",
    "fake": "the fake engine has no arena",
}
"""Why the size of each engine's arena is unknown. Looked up in ai-edge-litert 2.3, tflite-runtime 2.14, ONNX
Runtime 1.31 and OpenVINO 2026.4; what running the model adds to resident memory is measured instead."""

_RESET_PEAK = b"5"  # proc_pid_clear_refs(5), since Linux 4.0


def resident_bytes(field: str) -> int | None:
    """Resident memory of this process: ``VmRSS`` now, ``VmHWM`` at its largest.

    Not ``getrusage``: its peak is carried over from the parent through fork and exec, so a child of a
    process that once held 600 MB never reports less than that.
    """
    status = read_text(Path("/proc/self/status")) or ""
    values = (line.split() for line in status.splitlines() if line.startswith(f"{field}:"))
    return next((int(words[1]) * 1024 for words in values), None)


def reset_peak() -> bool:
    """Let ``VmHWM`` begin anew at what is resident now; whether the kernel allows it."""
    try:
        knob = os.open("/proc/self/clear_refs", os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(knob, _RESET_PEAK)
    except OSError:
        return False
    finally:
        os.close(knob)
    return True
