"""The bars of work under way. Apart from ``output``, since a command without them need not wait for rich."""

import contextlib
import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator

from rich.console import Console, RenderableType
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
from rich.text import Text

from edgetl.cli import output
from edgetl.progress import Progress


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
        output.finished(f"{what}: {seconds:.1f} s{speed}")

    def note(self, text: str) -> None:
        """A fact worth a line: on stdout where it is what the command was asked for."""
        # On one screen, only what rich prints itself stands above the bars and not in them.
        under_bars = self._bars is not None and self._bars.console.is_terminal and sys.stdout.isatty()
        if not self._notes_are_results:
            output.aside(text)
        elif under_bars:
            output.note(text)
        else:
            output.result(text)

    def warn(self, text: str) -> None:
        """Advice, in yellow where there are colours."""
        output.advice(text)

    def _begin(self, what: str, total: int | None) -> tuple[Bars, TaskID]:
        with self._lock:
            bars = self._bars
            if bars is None:
                bars = self._bars = _new_bars()
                output.print_through(functools.partial(_print_above, bars))
            task = bars.add_task(what, total=total)
            bars.start()
            return bars, task

    def _end(self, bars: Bars, task: TaskID) -> None:
        with self._lock:
            bars.remove_task(task)
            if not bars.task_ids:
                bars.stop()
                self._bars = None
                output.print_through(None)


def _new_bars() -> Bars:
    console = Console(file=output.terminal(), highlight=False)
    counted = (BarColumn(), MofNCompleteColumn(), _Speed())
    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        *map(_WhereCounted, counted),
        console=console,
        transient=True,
        redirect_stdout=False,  # else results would go to the screen instead of into a pipe
        disable=not console.is_terminal,
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


def _print_above(bars: Bars, line: str) -> None:
    # Segments keep the line's style and length to themselves; options of print() would reach the bars too.
    text = Text.from_ansi(line)
    segments = [*text.render(bars.console), Segment.line()]
    bars.console.print(Segments(segments), crop=False, end="")
