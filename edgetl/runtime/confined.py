"""Run a model in a fresh process with limits: whatever it does to its engine, this process lives on.

Hashes say that a model is the one that was exported, not that it is harmless: of 3,000 models with damaged
metadata three took LiteRT down with them, and OpenVINO dies on deeply nested XML.
"""

import base64
import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgetl import isolated, strict_json
from edgetl.errors import ModelError
from edgetl.runtime import engines, trial
from edgetl.runtime.base import NO_MEMORY, Images, lacks_memory

Fate = Literal["refused", "crashed", "hung", "memory"]

TIMEOUT_S = 180.0
"""OpenVINO's import alone takes seconds on a Pi 3; all of it took an emulated Pi that was busy a minute."""
_OWN_BYTES, _TIMES_MODEL = 512 << 20, 16
"""Writable memory that a model may take: so much, and so many times its size. Measured for
EfficientNet-Lite0 with two threads, Python and NumPy included: LiteRT 112 to 132 MB, ONNX Runtime 142 to 175,
OpenVINO 206 to 212."""
_UNTOUCHED_BYTES = 192 << 20
"""Of those, what is never touched and so takes none of the machine's memory: mostly stacks."""
_LOOK_S = 0.002  # between two looks at whether it has ended: it does right after its last word
_MOST_PEAK = 1 << 48  # bytes: more than a processor can address
_ANSWER_BYTES, _ERROR_BYTES, _CHUNK = 65_536, 65_536, 1 << 16

STARTED = b"\n"
"""The first that the process says: what was started is a Python, and has edgetl."""


class ConfinedError(ModelError):
    """A model that gave no answer."""

    def __init__(self, message: str, fate: Fate, peak_memory_bytes: int | None = None) -> None:
        super().__init__(message)
        self.fate: Fate = fate
        """``refused``: the engine said so; ``crashed``: it died; ``hung``: it took too long; ``memory``."""
        self.peak_memory_bytes = peak_memory_bytes


@dataclass(frozen=True, eq=False)
class Ran:
    """What a model did in the process."""

    outputs: NDArray[np.float32]
    """(n, values): the first output for the first n pictures, at least one; every value finite."""
    seconds: tuple[float, ...]
    """Of each of those pictures."""
    least_s: dict[int, float]
    """The least seconds of a picture for each number of threads that was tried."""
    num_threads: int
    """The fastest of them, with which the pictures were run."""
    peak_memory_bytes: int | None
    """Resident memory of the process at its largest; None where there is no /proc."""


def can_start() -> bool:
    """Whether a fresh Python can be started; not from a program that carries its own (PyInstaller)."""
    return bool(isolated.executable()) and not getattr(sys, "frozen", False)


def run(
    row: engines.EngineRow,
    files: Mapping[str, bytes],
    pictures: Images,
    *,
    values: int,
    threads: Sequence[int] = (1,),
    seconds: float = math.inf,
    timeout_s: float = TIMEOUT_S,
    memory_bytes: int | None = None,
) -> Ran:
    """Load a model in its engine in a process of its own, and run pictures through it.

    Args:
        row: the engine.
        files: the model's bytes by file name.
        pictures: uint8 (n, height, width, 3), n at least 1.
        values: numbers of the first output for a picture, as the manifest has them; more are not read.
        threads: numbers of threads to try, before the pictures.
        seconds: after which no other picture is begun.
        timeout_s: seconds it may take in all, from the start of the process.
        memory_bytes: of writable memory; None takes :func:`memory_for`.

    Raises:
        ConfinedError: it gave no answer; the message says why.
    """
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3 or not len(pictures):
        raise ConfinedError(f"{row.name} is given {pictures.dtype} {pictures.shape}, no pictures", "refused")
    limit = memory_bytes or memory_for(sum(map(len, files.values())))
    order = {
        "parent": os.getpid(),
        "engine": row.name,
        "files": [(name, len(content)) for name, content in files.items()],
        "pictures": pictures.shape[:3],
        "threads": list(threads),
        "seconds": min(seconds, timeout_s),
        "memory_bytes": limit,
        # Spinning threads take a core each. It is for the day this process cannot end that one.
        "cpu_s": timeout_s * max(*threads, 2),
    }
    given = [
        json.dumps(order).encode() + b"\n",
        *files.values(),
        np.ascontiguousarray(pictures).data.cast("B"),
    ]
    most = _ANSWER_BYTES + 6 * values * len(pictures)
    asked = _Asked(len(pictures), tuple(threads), limit, most, timeout_s)
    try:
        process = subprocess.Popen(
            isolated.command("edgetl.runtime.confined_process:serve"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # so that whatever it starts goes with it
            # A buffer for each core of the machine would count as its memory.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    except OSError as error:
        raise ConfinedError(
            f"{row.name} could not be tried: {isolated.executable()} does not start ({error.strerror})",
            "refused",
        ) from error
    with process:
        try:
            answer, printed = _exchange(process, given, most, timeout_s)
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if answer is None:
        raise ConfinedError(f"{row.name} gave no answer within {timeout_s:g} s", "hung")
    return _understood(row, process.returncode, answer, printed, asked)


def memory_for(model_bytes: int) -> int:
    """Bytes of writable memory that a model of so many bytes may take: never more than is free here."""
    wanted = _OWN_BYTES + _TIMES_MODEL * model_bytes
    free = _free_bytes(Path("/"))
    return wanted if free is None else min(wanted, free + _UNTOUCHED_BYTES)


def _free_bytes(root: Path) -> int | None:
    """Memory and swap that this process could still get, as Linux tells; None where it does not."""
    try:
        lines = (line.split() for line in (root / "proc/meminfo").read_text("ascii").splitlines())
        found = {words[0]: int(words[1]) * 1024 for words in lines if len(words) > 1}
        free: float = found["MemAvailable:"] + found["SwapFree:"]
    except (OSError, ValueError, KeyError):
        return None
    with contextlib.suppress(OSError, ValueError):
        group = (root / "proc/self/cgroup").read_text("utf-8").partition("0::/")[2].partition("\n")[0]
        top = root / "sys/fs/cgroup"
        place = top / group
        for one in (place, *place.parents):
            free = min(free, _left_to(one))
            if one == top:
                break
    return int(free)


def _left_to(group: Path) -> float:
    """Bytes of memory that a control group may still take; infinitely many where it has no limit."""
    try:
        most = int((group / "memory.max").read_text("ascii"))
        taken = int((group / "memory.current").read_text("ascii"))
    except (OSError, ValueError):  # there is no such group, or its limit is "max"
        return math.inf
    with contextlib.suppress(OSError, ValueError):
        lines = (line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
        # What was read from files is kept as long as nobody needs the room.
        taken -= sum(int(value) for name, value in lines if name in ("active_file", "inactive_file"))
    return max(0, most - max(0, taken))


def _exchange(
    process: "subprocess.Popen[bytes]", given: Sequence[Any], most: int, timeout_s: float
) -> tuple[bytes | None, bytes]:
    """Write the order, and read what comes back until the process ends.

    Returns:
        what it answered, at most one byte more than ``most``, None when time ran out; and the end of what it
        printed.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + timeout_s
    left = [memoryview(part) for part in given]
    told = {process.stdout: b"", process.stderr: b""}
    with selectors.DefaultSelector() as selector:
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        for stream in told:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return None, told[process.stderr]
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    try:
                        sent = os.write(key.fd, left[0][: 1 << 20])
                    except OSError:  # it is gone; what it left says why
                        left.clear()
                    else:
                        left[0] = left[0][sent:]
                        left = left if len(left[0]) else left[1:]
                    if not left:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif chunk := os.read(key.fd, _CHUNK):
                    stream = process.stdout if key.fileobj is process.stdout else process.stderr
                    told[stream] += chunk
                    if stream is process.stderr:
                        told[stream] = told[stream][-_ERROR_BYTES:]
                    elif len(told[stream]) > most:
                        return told[stream], told[process.stderr]
                else:
                    selector.unregister(key.fileobj)
    return told[process.stdout] if _has_ended(process, deadline) else None, told[process.stderr]


def _has_ended(process: "subprocess.Popen[bytes]", deadline: float) -> bool:
    """Wait for its end, but leave it unreaped: until the last signal, the number of its group is its own."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        return process.returncode is not None
    with contextlib.suppress(ChildProcessError):  # the program has children reaped by themselves
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
    return True


@dataclass(frozen=True)
class _Asked:
    """What an answer has to go with."""

    pictures: int
    threads: tuple[int, ...]
    limit: int
    """Bytes of memory."""
    most: int
    """Bytes of an answer."""
    timeout_s: float


def _understood(row: engines.EngineRow, code: int, answer: bytes, printed: bytes, asked: _Asked) -> Ran:
    """What the process said, of which nothing is taken on trust."""
    if len(answer) > asked.most:
        raise ConfinedError(f"{row.name} answers with more values than the bundle has labels", "refused")
    if code == 0:
        try:
            said = strict_json.read(answer.splitlines()[-1], row.name, max_bytes=asked.most)["told"]
            peak = said["peak"] if type(said["peak"]) is int and 0 < said["peak"] < _MOST_PEAK else None
            if "refused" not in said:
                return _ran(said, peak, asked)
            words = trial.line(str(said["refused"]))
            raise ConfinedError(words, "memory" if said["memory"] is True else "refused", peak)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            if str(error) == _NO_NUMBERS:
                raise ConfinedError(f"{row.name} {_NO_NUMBERS}", "refused") from None
    # Nobody but the kernel kills it before it has ended, and does so to whoever takes the last memory.
    if lacks_memory(printed.decode("utf-8", "replace")) or -code == signal.SIGKILL:
        raise ConfinedError(
            f"{row.name} cannot run the model with {asked.limit >> 20} MB: {NO_MEMORY}", "memory"
        )
    if -code == getattr(signal, "SIGXCPU", None):
        raise ConfinedError(f"{row.name} took all the processor time it was given, and did not end", "hung")
    if code > 0 and not answer.startswith(STARTED) and b"Traceback (most recent" not in printed:
        raise ConfinedError(
            f"{row.name} could not be tried: {isolated.executable()} is no Python "
            f"({trial.why_ended(code, printed)}); name one with multiprocessing.set_executable()",
            "refused",
        )
    raise ConfinedError(f"{row.name} {trial.why_ended(code, printed)}", "crashed")


_NO_NUMBERS = "answers with values that are no numbers"


def _ran(said: Mapping[str, Any], peak: int | None, asked: _Asked) -> Ran:
    count, values = said["shape"]
    if type(count) is not int or type(values) is not int:
        raise ValueError("no shape")
    if not (0 < count <= asked.pictures and 0 < values <= asked.most):
        raise ValueError("no such shape")
    outputs = np.frombuffer(base64.b64decode(said["outputs"], validate=True), "<f4").reshape(count, values)
    if not np.isfinite(outputs).all():
        raise ValueError(_NO_NUMBERS)
    # They are tried in this order, as far as there is memory.
    tried = dict(zip(map(str, asked.threads), asked.threads, strict=True))
    least = {tried[name]: _seconds(value, asked) for name, value in said["threads"].items()}
    seconds = tuple(_seconds(value, asked) for value in said["seconds"])
    if len(seconds) != count:
        raise ValueError("no times")
    taken = said["taken"]
    if type(taken) is not int or taken not in least:
        raise ValueError("no such number of threads")
    return Ran(outputs.astype(np.float32), seconds, least, taken, peak)


def _seconds(value: Any, asked: _Asked) -> float:
    """A time that can have been measured."""
    if type(value) not in (int, float) or not 0 <= value <= asked.timeout_s:
        raise ValueError("no time")
    return float(value)
