"""Where pictures come from: files, videos, cameras, streams, a folder that is being filled.

:func:`open_source` opens all of them but the last, which is :func:`watch`.
"""

from edgetl.runtime.sources.base import AbstractSource, Frame
from edgetl.runtime.sources.folders import pictures
from edgetl.runtime.sources.opening import Source, open_source
from edgetl.runtime.sources.watching import watch

__all__ = ["AbstractSource", "Frame", "Source", "open_source", "pictures", "watch"]
