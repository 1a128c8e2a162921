"""What commands say: results on stdout, progress and advice on stderr, and the next command last."""

import contextlib
import json
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.control import strip_control_codes
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars
from rich.segment import Segment, Segments
from rich.style import Style

from edgetl.progress import Progress

_stderr = Console(stderr=True, highlight=False)


class ConsoleProgress(Progress):
    """Draws a line for each step under way on a terminal, and one for each finished step everywhere.

    Steps may be nested, and begun by several threads at the same time.
    """

    def __init__(self, *, notes_are_results: bool = False) -> None:
        self._notes_are_results = notes_are_results
        self._lock = threading.Lock()
        # rich draws one live display at a time: all steps under way share it.
        self._bars: Bars | None = None

    @contextlib.contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Draw one step until the block ends, then say how long it took."""
        start = time.perf_counter()
        done = 0
        bars, task = self._begin(what, total)

        def advance(count: int) -> None:
            nonlocal done
            with self._lock:
                done += count
            bars.advance(task, count)

        try:
            yield advance
        finally:
            self._end(bars, task)
        seconds = time.perf_counter() - start
        speed = f", {done / seconds:.0f} images/s" if done else ""
        _say(f"  {what}: {seconds:.1f} s{speed}", "dim")

    def note(self, text: str) -> None:
        """A fact worth a line: on stdout where it is what the command was asked for."""
        # On one screen, only what rich prints itself stands above the bars and not in them.
        under_bars = self._bars is not None and _stderr.is_terminal and sys.stdout.isatty()
        if not self._notes_are_results:
            aside(text)
        elif under_bars:
            _say(text)
        else:
            result(text)

    def warn(self, text: str) -> None:
        """Advice, in yellow where there are colours."""
        advice(text)

    def _begin(self, what: str, total: int | None) -> tuple[Bars, TaskID]:
        with self._lock:
            bars = self._bars
            if bars is None:
                bars = self._bars = _new_bars()
            task = bars.add_task(what, total=total)
            bars.start()
            return bars, task

    def _end(self, bars: Bars, task: TaskID) -> None:
        with self._lock:
            bars.remove_task(task)
            if not bars.task_ids:
                bars.stop()
                self._bars = None


def _new_bars() -> Bars:
    counted = (BarColumn(), MofNCompleteColumn(), _Speed())
    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        *map(_WhereCounted, counted),
        console=_stderr,
        transient=True,
        redirect_stdout=False,  # else results would go to the screen instead of into a pipe
        disable=not _stderr.is_terminal,
    )


class _WhereCounted(ProgressColumn):
    """Another column, empty for steps whose pictures cannot be counted."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return "" if task.total is None else self._column(task)


class _Speed(ProgressColumn):
    """Pictures each second since the step began."""

    def render(self, task: Task) -> RenderableType:
        return f"{task.completed / task.elapsed:.0f} images/s" if task.completed and task.elapsed else ""


def aside(text: str) -> None:
    """A fact on stderr, beside the progress."""
    _say(f"  {text}")


def result(text: str) -> None:
    """A line of the answer itself, on stdout."""
    click.echo(text)


def result_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns on stdout, as wide as they are: a pipe or a scrollbar takes long ones."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def result_json(value: Any) -> None:
    """The answer as JSON, on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def advice(text: str) -> None:
    """Something works, but not as well as it could; on stderr."""
    _say(f"warning: {text}", "yellow")


def error(text: str) -> None:
    """Why it failed, on stderr."""
    _say(f"error: {text}", "bold red")


def next_command(*words: str | Path) -> None:
    """The command a user would type next."""
    _say(f"next: {shlex.join(str(word) for word in words)}", "cyan")


def _say(text: str, style: str = "") -> None:
    # Segments keep style and length to themselves; as options of print() both would reach the bars too.
    segment = Segment(strip_control_codes(text), Style.parse(style))
    _stderr.print(Segments([segment, Segment.line()]), crop=False, end="")
