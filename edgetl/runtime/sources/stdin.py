"""Paths of pictures from the standard input."""

import io
import os
import sys
from collections.abc import Iterator

from edgetl.errors import UsageError
from edgetl.runtime.sources.stop import Stop

_LONGEST_PATH_BYTES = 1 << 16


def paths(stop: Stop) -> Iterator[str]:
    """Yield the path on each line, as soon as the line is there; empty lines are skipped.

    Args:
        stop: ends the wait for a line.

    Raises:
        UsageError: there is no standard input, or a line is far too long for a path.
        StoppedError: ``stop`` was set.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("there is no standard input: give a picture, a folder or a pattern instead of -")
    for line in _lines(stop):
        path = os.fsdecode(line).removesuffix("\r")
        if path:
            yield path


def _lines(stop: Stop) -> Iterator[bytes]:
    rest = b""
    for data in _parts(stop):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
        if len(rest) > _LONGEST_PATH_BYTES:
            raise UsageError(
                f"a line of the standard input has over {_LONGEST_PATH_BYTES} bytes, and - takes one path a "
                "line: pictures themselves cannot be piped in"
            )
    yield rest


def _parts(stop: Stop) -> Iterator[bytes]:
    try:
        descriptor = sys.stdin.fileno()
    except OSError:  # replaced by something in memory
        yield from (os.fsencode(line) for line in sys.stdin)
        return
    # Past Python's own buffer, in which a line could wait unseen.
    try:
        while stop.wait(None, readable=descriptor) and (data := os.read(descriptor, io.DEFAULT_BUFFER_SIZE)):
            yield data
    except OSError as error:
        raise UsageError(f"the standard input cannot be read: {error.strerror}") from error
