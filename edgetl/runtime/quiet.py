"""Keep what C++ libraries print off the user's terminal."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

from edgetl import debug

_STDERR = 2
_LOCK = threading.Lock()


@contextlib.contextmanager
def native_output_hidden() -> Iterator[None]:
    """Discard what is written to file descriptor 2, since LiteRT logs from C++ past ``sys.stderr``.

    The whole process is affected for as long as the block lasts, so only loading a model is wrapped.
    With ``--debug`` nothing is hidden.
    """
    if debug.is_on():
        yield
        return
    with _LOCK:
        if sys.stderr is not None:
            sys.stderr.flush()
        try:
            terminal = os.dup(_STDERR)
        except OSError:  # a daemon without one
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        os.close(nowhere)
        try:
            yield
        finally:
            os.dup2(terminal, _STDERR)
            os.close(terminal)
