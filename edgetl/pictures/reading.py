"""From what a caller names to the bytes of a picture file."""

import os
from pathlib import Path
from typing import IO

from edgetl import limits
from edgetl.errors import ImageError


def read(source: str | os.PathLike[str] | bytes | IO[bytes], allowed: limits.Limits) -> tuple[str, bytes]:
    """The name to use in messages, and the bytes; at most one more than allowed are held.

    Raises:
        ImageError: there is no such file, it is empty or too large, or it is open as text.
    """
    if isinstance(source, bytes):
        name, data = "the picture", source
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        name = str(path)
        try:
            with path.open("rb") as file:
                # Asked for the limit at once, Python would take that much memory before it reads a byte.
                data = file.read(min(os.fstat(file.fileno()).st_size, allowed.picture_bytes) + 1)
                data += file.read(allowed.picture_bytes + 1 - len(data))  # a pipe, or a file that grows
        except OSError as error:
            raise ImageError(f"{name} cannot be read: {error.strerror}") from error
        except ValueError as error:  # a NUL in the name
            raise ImageError(f"{name!r} cannot be read: {error}") from error
    elif hasattr(source, "read"):
        name, data = str(getattr(source, "name", "the picture")), _drained(source, allowed.picture_bytes + 1)
    else:
        raise ImageError(
            f"a {type(source).__name__} is no picture: give a path, bytes, an open file, a Pillow image "
            "or a uint8 array"
        )
    if not isinstance(data, bytes):
        raise ImageError(f"{name} is open as text: open it with mode 'rb'")
    if len(data) > allowed.picture_bytes:
        raise ImageError(
            f"{name} is larger than the limit of {allowed.picture_bytes / 1e6:g} MB: "
            f"make it smaller first, or set {limits.variable('picture_bytes')}"
        )
    if not data:
        raise ImageError(f"{name} is empty")
    return name, data


def _drained(source: IO[bytes], most: int) -> bytes:
    """All of a stream, up to ``most`` bytes: sockets and pipes give a part at a time."""
    data = source.read(most)
    while isinstance(data, bytes) and len(data) < most and (part := source.read(most - len(data))):
        data += part
    return data
