"""Where results that can be made again are kept: backbones turned into engines, and features."""

import errno
import os
import shutil
from pathlib import Path

from edgetl.errors import WriteError
from edgetl.reports.units import format_size

VARIABLE = "EDGETL_CACHE"


def folder() -> Path:
    """``$EDGETL_CACHE``, or ``edgetl`` in the user's cache folder. It can be deleted at any time."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgetl"


def refuse_without_room(needed: int, what: str) -> None:
    """Say so before the work, and not after hours of it.

    Args:
        needed: bytes that are to be written into :func:`folder`.
        what: takes them: ``the features of the photos take``.

    Raises:
        WriteError: less is free there.
    """
    place = next(place for place in (folder(), *folder().absolute().parents) if place.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        refused = WriteError(
            f"{what} {format_size(needed)}, and {folder()} has {format_size(free)} free: "
            f"free some space or name another folder in {VARIABLE}"
        )
        refused.errno = errno.ENOSPC
        raise refused
