"""The one table of what is taken from outside: how large it may be before edgetl refuses it unread.

A machine's own values stand in environment variables, so that they hold for every command, for programs
that use edgetl, and for the processes that both start.
"""

import os
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from edgetl.errors import UsageError


def _limit(default: int, variable: str, most: int) -> Any:
    return field(default=default, metadata={"variable": variable, "most": most})


@dataclass(frozen=True)
class Limits:
    """The largest that is taken; each can be set, see :func:`variable`."""

    # Pillow itself refuses pictures of twice its MAX_IMAGE_PIXELS, which belongs to the whole process.
    picture_pixels: int = _limit(50_000_000, "EDGETL_MAX_PICTURE_PIXELS", 178_956_970)
    """Width times height of a picture; decoding takes up to 20 bytes for each."""
    picture_bytes: int = _limit(32_000_000, "EDGETL_MAX_PICTURE_BYTES", 2**31 - 1)
    """Of the file of a picture."""
    manifest_bytes: int = _limit(64_000, "EDGETL_MAX_MANIFEST_BYTES", 64_000_000)
    """Of the manifest of a bundle: 2,000 labels of 20 letters, and all else."""
    model_bytes: int = _limit(512 << 20, "EDGETL_MAX_MODEL_BYTES", 2**32 - 1)
    """Of all files of one variant."""


_FIELDS = {known.name: known.metadata for known in fields(Limits)}


def variable(name: str) -> str:
    """The environment variable that sets a limit: ``EDGETL_MAX_PICTURE_PIXELS`` for ``picture_pixels``."""
    return str(_FIELDS[name]["variable"])


@cache
def current() -> Limits:
    """The limits of this process: its environment is read once, when the first is asked for.

    Raises:
        UsageError: a variable holds no number, or one that is not offered.
    """
    return Limits(**{name: _read(name) for name in _FIELDS if variable(name) in os.environ})


def _read(name: str) -> int:
    text, most = os.environ[variable(name)], int(_FIELDS[name]["most"])
    digits = text.strip().replace("_", "")
    # The length first: Python takes long to read a number of a million digits.
    known = digits.isascii() and digits.isdigit() and len(digits) <= len(str(most))
    if not known or not 1 <= int(digits) <= most:
        raise UsageError(
            f"{variable(name)}={text[:40]!r} is no limit: give a whole number from 1 to {most:_}, or unset it"
        )
    return int(digits)
