"""Keep what C++ libraries print off the user's terminal."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

from edgetl import debug

_STDERR = 2
_LOCK = threading.Lock()
_hiding = 0
"""Blocks under way, of all threads."""
_terminal = -1
"""Where descriptor 2 leads otherwise, while there is one."""


@contextlib.contextmanager
def native_output_hidden() -> Iterator[None]:
    """Discard what is written to file descriptor 2, since LiteRT logs from C++ past ``sys.stderr``.

    The whole process is affected for as long as the block lasts, so as little as possible is wrapped. Blocks
    may lie within each other and side by side in threads. With ``--debug`` nothing is hidden.
    """
    if debug.is_on() or not _hide():
        yield
        return
    try:
        yield
    finally:
        _show()


def duplicate_stderr() -> int:
    """A descriptor of one's own for stderr, from which nothing is ever kept.

    Raises:
        OSError: there is none, as in a daemon.
    """
    with _LOCK:
        return os.dup(_terminal if _hiding else _STDERR)


def _hide() -> bool:
    global _hiding, _terminal
    with _LOCK:
        if not _hiding:
            if sys.stderr is not None:
                sys.stderr.flush()
            try:
                _terminal = os.dup(_STDERR)
            except OSError:  # a daemon without one
                return False
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STDERR)
            os.close(nowhere)
        _hiding += 1
    return True


def _show() -> None:
    global _hiding
    with _LOCK:
        _hiding -= 1
        if not _hiding:
            os.dup2(_terminal, _STDERR)
            os.close(_terminal)
