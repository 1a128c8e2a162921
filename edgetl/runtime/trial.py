"""Try engines, each with a real inference in a process of its own: some import well and fail at the first
model, and some die at import with an illegal instruction.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from edgetl import isolated
from edgetl.errors import EdgetlError
from edgetl.runtime import engines, fixes, probe_models

_TIMEOUT_S = 60.0  # OpenVINO's import alone takes seconds on a Pi 3
_LONGEST = 300  # characters of what a broken library says


@dataclass(frozen=True)
class EngineCheck:
    """How one engine did."""

    name: str
    formats: tuple[str, ...]
    version: str | None
    """None when it is not installed."""
    works: bool | None
    """Whether it gave the right answer to a trial inference; None when it is not installed."""
    reason: str | None
    """Why it does not work, or cannot be installed."""
    install: str | None
    """The line that installs it; None where it cannot be."""


def check(
    row: engines.EngineRow, *, timeout_s: float = _TIMEOUT_S, no_wheel: str | None = None
) -> EngineCheck:
    """Try an engine with a small model in a process of its own.

    Args:
        row: which.
        timeout_s: seconds it may take.
        no_wheel: why it cannot be installed here, if that is so.
    """
    install = None if no_wheel else fixes.typed_here(f"pip install 'edgetl[{row.extra}]'")
    if not row.installed:
        return EngineCheck(row.name, row.formats, None, None, no_wheel, install)
    reason = attempt("edgetl.runtime.trial:probe", row.name, timeout_s=timeout_s)
    return EngineCheck(
        row.name, row.formats, row.version or "of unknown version", reason is None, reason, install
    )


def attempt(target: str, argument: str, *, timeout_s: float = _TIMEOUT_S) -> str | None:
    """Why a function does not get its answer out in a fresh process, in one line; None if it does.

    Args:
        target: ``module:function``, one that answers through :func:`answers`.
        argument: for its ``sys.argv[1]``.
        timeout_s: seconds it may take.
    """
    python = isolated.executable()
    if not python:
        return "could not be tried: Python does not know its own place, so it cannot be started again"
    try:
        ended = subprocess.run(
            isolated.command(target, argument),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"gave no answer within {timeout_s:g} s"
    except OSError as error:
        return f"could not be tried: {python} does not start ({error.strerror})"
    try:
        told = json.loads(ended.stdout.splitlines()[-1])
        if ended.returncode == 0 and told["answered"] is True:
            return None if told["reason"] is None else line(str(told["reason"]))
    except (ValueError, LookupError, TypeError):
        pass  # it says nothing of its own: what its end says is told
    return why_ended(ended.returncode, ended.stderr)


def probe() -> None:
    """Run the small model in the engine that the command line names; what the child process does."""
    say = answers()
    row = engines.get(sys.argv[1])
    reason = None
    try:
        with engines.start(row, probe_models.files(row.formats[0]), num_threads=1) as engine:
            (answer,) = engine.run(probe_models.PICTURE)
        if answer.shape != probe_models.ANSWER.shape:
            reason = f"answers wrongly: probabilities of shape {answer.shape}"
        else:
            difference = float(np.abs(answer - probe_models.ANSWER).max())
            if not difference <= probe_models.TOLERANCE:  # written so that NaN is wrong too
                reason = f"answers wrongly: a probability is off by {difference:.3f}"
    except EdgetlError as error:
        reason = str(error)
    say(reason)


def probe_import() -> None:
    """Import the module that the command line names; what the child process does."""
    say = answers()
    importlib.import_module(sys.argv[1])
    say(None)


def answers() -> Callable[..., NoReturn]:
    """What a child process calls with the reason why something does not work, or None, as its last act.

    It may call it with JSON values to be told beside the reason. Standard output is its own from here on:
    what a library prints, whatever it is, is no answer.
    """
    channel = os.dup(1)
    os.dup2(2, 1)

    def say(reason: str | None, told: object = None) -> NoReturn:
        with os.fdopen(channel, "wb") as stream:
            stream.write(b"\n" + json.dumps({"answered": True, "reason": reason, "told": told}).encode())
        os._exit(0)  # what an engine does at exit is not what is asked

    return say


def why_ended(code: int, printed: bytes) -> str:
    """Why a process gave no answer, in one line: its signal, else the last line it printed, else its code."""
    if code < 0:
        return _fate(-code)
    words = [part for part in printed.decode("utf-8", "replace").splitlines() if part.strip()]
    return line(words[-1]) if words else f"its process ended with code {code} and no answer"


def _fate(number: int) -> str:
    if number == signal.SIGILL:
        return "dies with an illegal instruction (SIGILL): it was built for a newer CPU"
    try:
        return f"dies with {signal.Signals(number).name}"
    except ValueError:  # real-time signals have no names
        return f"dies with signal {number}"


def line(text: str) -> str:
    """Fit for a terminal: one line, not too long, nothing that moves the cursor."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text.strip())
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
