"""Where results that can be made again are kept: backbones turned into engines, and features."""

import os
from pathlib import Path

VARIABLE = "EDGETL_CACHE"


def folder() -> Path:
    """``$EDGETL_CACHE``, or ``edgetl`` in the user's cache folder. It can be deleted at any time."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgetl"
