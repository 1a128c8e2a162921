"""Progress where rich is not installed, as on a board: a line for each step, and its seconds meanwhile."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import click

from edgetl import extras
from edgetl.cli import output
from edgetl.progress import Progress

_EVERY_S = 0.5
_CLEAR = "\r\x1b[2K"


def console_progress(*, notes_are_results: bool = False) -> Progress:
    """Draws the progress of a command, with bars where rich is installed.

    Args:
        notes_are_results: whether notes are what the command was asked for, and so belong on stdout.
    """
    if extras.is_installed("rich"):
        from edgetl.cli.bars import ConsoleProgress

        return ConsoleProgress(notes_are_results=notes_are_results)
    return LineProgress(notes_are_results=notes_are_results)


class LineProgress(Progress):
    """Counts seconds and pictures of one step at a time on a terminal; elsewhere only its end is said."""

    def __init__(self, *, notes_are_results: bool = False) -> None:
        self._notes_are_results = notes_are_results

    @contextlib.contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Say how long the step takes, while it does and in the end."""
        start, done, ended = time.perf_counter(), 0, threading.Event()
        terminal = output.terminal()

        def advance(count: int) -> None:
            nonlocal done
            done += count

        def draw() -> None:
            while not ended.wait(_EVERY_S):
                counted = f" {done} of {total}" if total else ""
                terminal.write(f"{_CLEAR}  {what}:{counted} {time.perf_counter() - start:.0f} s")
                terminal.flush()

        drawing = threading.Thread(target=draw, daemon=True)
        if terminal.isatty():
            output.print_through(lambda line: click.echo(_CLEAR + line, file=terminal))
            drawing.start()
        try:
            yield advance
        finally:
            ended.set()
            if drawing.ident is not None:
                drawing.join()
                output.print_through(None)
                terminal.write(_CLEAR)
        output.finished(f"{what}: {time.perf_counter() - start:.1f} s")

    def note(self, text: str) -> None:
        """A fact worth a line: on stdout where it is what the command was asked for."""
        (output.result if self._notes_are_results else output.aside)(text)

    def warn(self, text: str) -> None:
        """Advice, in yellow where there are colours."""
        output.advice(text)
