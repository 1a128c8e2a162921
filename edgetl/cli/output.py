"""What commands say: results on stdout, progress and advice on stderr, and the next command last."""

import contextlib
import json
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from edgetl.progress import Progress

_stderr = Console(stderr=True, highlight=False)


class ConsoleProgress(Progress):
    """Draws a bar with images per second on a terminal, and one line a step elsewhere."""

    def __init__(self, *, notes_are_results: bool = False) -> None:
        self._note = result if notes_are_results else aside

    @contextlib.contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Draw one step until the block ends, then say how long it took."""
        start = time.perf_counter()
        done = 0
        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        if total is not None:
            columns += [BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")]
        shown = _stderr.is_terminal
        with Bars(*columns, TimeElapsedColumn(), console=_stderr, transient=True, disable=not shown) as bars:
            bar = bars.add_task(what, total=total, rate="")

            def advance(count: int) -> None:
                nonlocal done
                done += count
                rate = done / (time.perf_counter() - start)
                bars.update(bar, completed=done, rate=f"{rate:.0f} images/s")

            yield advance
        seconds = time.perf_counter() - start
        speed = f", {done / seconds:.0f} images/s" if done else ""
        _stderr.print(f"  {what}: {seconds:.1f} s{speed}", style="dim", soft_wrap=True, markup=False)

    def note(self, text: str) -> None:
        """A fact worth a line: on stdout where it is what the command was asked for."""
        self._note(text)

    def warn(self, text: str) -> None:
        """Advice, in yellow where there are colours."""
        advice(text)


def aside(text: str) -> None:
    """A fact on stderr, beside the progress."""
    _stderr.print(f"  {text}", soft_wrap=True, markup=False)


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
    _stderr.print(f"warning: {text}", style="yellow", soft_wrap=True, markup=False)


def error(text: str) -> None:
    """Why it failed, on stderr."""
    _stderr.print(f"error: {text}", style="bold red", soft_wrap=True, markup=False)


def next_command(*words: str | Path) -> None:
    """The command a user would type next."""
    _stderr.print(
        f"next: {shlex.join(str(word) for word in words)}", style="cyan", soft_wrap=True, markup=False
    )
