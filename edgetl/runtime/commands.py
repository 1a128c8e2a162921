"""Run a program for each of certain labels, without a shell and without holding up the frames."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

from edgetl.errors import UsageError
from edgetl.runtime.quiet import duplicate_stderr
from edgetl.runtime.stream import Seen

_WAITING = 32
_LOOK_S = 0.05  # between two looks at whether it has ended, as in Popen.wait
_POLITE_S = 0.5  # from SIGTERM to SIGKILL: a program may have a relay to switch off


class CommandRunner:
    """Runs one command at a time, in a thread of its own. Call :meth:`finish` or :meth:`stop` in the end.

    The program is told what was seen by its environment: ``EDGETL_LABEL``, ``EDGETL_SCORE`` (0 to 1),
    ``EDGETL_PICTURE`` (the frame's name), ``EDGETL_FRAME`` (its number). So no label and no file name can
    become an option of it.
    """

    def __init__(
        self, command: Sequence[str], *, on_problem: Callable[[str], object], timeout_s: float = 30.0
    ) -> None:
        """Check the command and wait for work.

        Args:
            command: the program and its arguments. What it prints goes to stderr.
            on_problem: told when it fails, takes too long, or cannot keep up; called from another thread.
            timeout_s: seconds after which it is ended.

        Raises:
            UsageError: there is no such program.
        """
        if not command or shutil.which(command[0]) is None:
            name = command[0] if command else ""
            raise UsageError(f"the program {name!r} cannot be run: give its path, and chmod +x it")
        self._command = list(command)
        self._on_problem = on_problem
        self._timeout_s = timeout_s
        # What the program is told of each frame; not the frames, which may be megabytes.
        self._waiting: queue.Queue[dict[str, str] | None] = queue.Queue(_WAITING)
        self._stopping = threading.Event()
        # Waited for in place of the thread: a join that a signal's exception ends makes Python before 3.13
        # believe that the thread has ended.
        self._ended = threading.Event()
        # Of its own, since what libraries print is kept off the other one for moments (runtime/quiet.py).
        self._stderr = _stderr()
        threading.Thread(target=self._serve, name="edgetl command", daemon=True).start()

    def run(self, seen: Seen, label: str | None = None, *, wait: bool = False) -> None:
        """Run the command for this frame as soon as those before it have ended.

        Args:
            seen: the frame.
            label: one that holds in it; None takes the most probable.
            wait: whether to wait while too many calls wait already, as long as pictures can. A camera cannot:
                the frame is then left out, and the problem told.
        """
        result, score = seen.result, seen.result.score
        if label is not None:
            score = float(result.probabilities[result.labels.index(label)])
        told = {
            "EDGETL_LABEL": label or result.label,
            "EDGETL_SCORE": f"{score:.6f}",
            "EDGETL_PICTURE": seen.frame.name,
            "EDGETL_FRAME": str(seen.frame.index),
        }
        try:
            self._waiting.put(told, block=wait)
        except queue.Full:
            self._tell(
                f"{self._command[0]} is too slow: {_WAITING} calls wait, {seen.frame.name} is left out"
            )

    def finish(self) -> None:
        """Wait until every command that was asked for has ended."""
        self._waiting.put(None)
        self._ended.wait()

    def stop(self) -> None:
        """End the command that runs, within a second, and forget those that wait."""
        self._stopping.set()
        with contextlib.suppress(queue.Full):  # full, it looks at _stopping before the next one
            self._waiting.put_nowait(None)
        self._ended.wait(1.0)

    def _serve(self) -> None:
        try:
            self._run_all()
        finally:
            if self._stderr >= 0:
                os.close(self._stderr)
            self._ended.set()

    def _run_all(self) -> None:
        while (told := self._waiting.get()) is not None and not self._stopping.is_set():
            try:
                # A group of its own, so that what it starts ends with it.
                child = subprocess.Popen(
                    self._command,
                    env={**os.environ, **told},
                    stdin=subprocess.DEVNULL,
                    stdout=self._stderr,
                    stderr=self._stderr,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                self._tell(f"{self._command[0]} cannot be run: {error}")
            else:
                self._wait(child)

    def _wait(self, child: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + self._timeout_s
        # Nobody but this thread waits for the child or kills it: its number may be another's afterwards.
        while (code := child.poll()) is None and time.monotonic() < end:
            if self._stopping.wait(_LOOK_S):
                break
        if code is None:
            _end(child)
            if not self._stopping.is_set():
                self._tell(f"{self._command[0]} was ended after {self._timeout_s:g} s")
        elif code:
            self._tell(f"{self._command[0]} ended with code {code}")

    def _tell(self, problem: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads it any more; the commands go on
            self._on_problem(problem)


def _stderr() -> int:
    try:
        return duplicate_stderr()
    except OSError:  # a daemon without one
        return subprocess.DEVNULL


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Ask it and all that it started to end; kill what has not."""
    _signal(child, signal.SIGTERM)
    end = time.monotonic() + _POLITE_S
    # Left unreaped, so that the number of its group stays its own until the last signal.
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > end:
            break
        time.sleep(_LOOK_S / 5)
    _signal(child, signal.SIGKILL)
    child.wait()


def _signal(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(PermissionError):  # it runs as another user: sudo
        os.killpg(child.pid, number)
