"""Progress of a child process, told line by line through a pipe and repeated to the parent's listener."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, final

from edgetl.progress import Progress


@final
class Relay(Progress):
    """The child's side: writes each event as a line of JSON.

    When nobody reads any more the parent is gone, and with it whoever wanted the answer: the process ends.
    """

    def __init__(self, descriptor: int) -> None:
        """Args: descriptor: the pipe's end for writing."""
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._steps = 0

    @contextlib.contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """As :meth:`Progress.step`."""
        with self._lock:
            self._steps += 1
            number = self._steps
        self._tell("begin", number, what, total)
        try:
            yield lambda count: self._tell("advance", number, count)
        finally:
            self._tell("end", number)

    def note(self, text: str) -> None:
        """As :meth:`Progress.note`."""
        self._tell("note", text)

    def warn(self, text: str) -> None:
        """As :meth:`Progress.warn`."""
        self._tell("warn", text)

    def _tell(self, *event: Any) -> None:
        try:
            # A line is shorter than what a pipe takes in one piece, so lines of threads never mix.
            os.write(self._descriptor, json.dumps(event).encode() + b"\n")
        except BrokenPipeError:
            os._exit(1)


def repeat(lines: Iterable[bytes], progress: Progress) -> None:
    """The parent's side: tell what the lines say, until there are no more.

    Steps that a child which died left open are ended.
    """
    with contextlib.ExitStack() as left_open:
        steps: dict[int, tuple[contextlib.ExitStack, Callable[[int], None]]] = {}
        for line in lines:
            if not line.endswith(b"\n"):
                break  # the child died within a word
            kind, *values = json.loads(line)
            if kind == "begin":
                number, what, total = values
                stack = left_open.enter_context(contextlib.ExitStack())
                steps[number] = (stack, stack.enter_context(progress.step(what, total)))
            elif kind == "advance":
                steps[values[0]][1](values[1])
            elif kind == "end":
                steps.pop(values[0])[0].close()
            else:
                getattr(progress, kind)(values[0])
