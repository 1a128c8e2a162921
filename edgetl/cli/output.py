"""What commands say: results on stdout, advice on stderr, and the next command last."""

import functools
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import click

from edgetl.runtime.quiet import duplicate_stderr
from edgetl.wording import encodable, is_obeyed, shown, typed

Style: TypeAlias = dict[str, Any]
"""Arguments of ``click.style``."""

_DIM: Style = {"dim": True}
_YELLOW: Style = {"fg": "yellow"}
_RED: Style = {"fg": "red", "bold": True}
_CYAN: Style = {"fg": "cyan"}

# What draws bars prints a line above them; None while nothing is drawn.
_above_bars: Callable[[str], None] | None = None


def terminal() -> TextIO:
    """Where all but the results go: stderr, by a descriptor of its own.

    ``runtime.quiet`` points the usual one to nowhere for moments, in which another thread may have a word,
    its first one too.
    """
    return sys.stderr if sys.stderr is not sys.__stderr__ else _own_stderr()


@functools.cache
def _own_stderr() -> TextIO:
    try:
        return os.fdopen(duplicate_stderr(), "w", 1, encoding=sys.stderr.encoding, errors="backslashreplace")
    except (OSError, AttributeError):  # a daemon without one
        return sys.stderr


def print_through(printer: Callable[[str], None] | None) -> None:
    """Give every line for the terminal to ``printer``, until this is called with None."""
    global _above_bars
    _above_bars = printer


def aside(text: str) -> None:
    """A fact on stderr, beside the progress."""
    _say(f"  {text}")


def name_of(data: Path) -> str:
    """What is written about photos is called after their folder, or their file less its suffix."""
    place = data.resolve()
    return place.name if place.is_dir() else place.stem


def result(text: str) -> None:
    """A line of the answer itself, on stdout; a letter that a terminal would obey is spelled."""
    click.echo(encodable("".join(map(_spelled, text))))


def result_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns on stdout, as wide as they are: a pipe or a scrollbar takes long ones."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def result_json(value: Any) -> None:
    """The answer as JSON, on stdout."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    # What is not printable stands in strings alone, so JSON's own way to write it loses nothing.
    click.echo("".join(x if x.isprintable() or x == "\n" else json.dumps(x)[1:-1] for x in text))


def advice(text: str) -> None:
    """Something works, but not as well as it could; on stderr."""
    _say(f"warning: {text}", _YELLOW)


def error(text: str) -> None:
    """Why it failed, on stderr."""
    _say(f"error: {text}", _RED)


def next_command(*words: str | Path) -> None:
    """The command a user would type next."""
    _say(f"next: {typed(words)}", _CYAN)


def note(text: str) -> None:
    """A line on stderr, as it is."""
    _say(text)


def finished(text: str) -> None:
    """A step that is done, on stderr."""
    _say(f"  {text}", _DIM)


def _say(text: str, style: Style | None = None) -> None:
    line = click.style("".join(map(_spelled, text)), **(style or {}))
    if _above_bars is not None:
        _above_bars(line)
    else:
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        click.echo(line, file=terminal(), color=False if plain else None)


def _spelled(character: str) -> str:
    # A file's name, or what another machine says, may hold what a terminal would obey.
    return shown(character) if character not in "\n\t" and is_obeyed(character) else character
