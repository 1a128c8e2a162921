"""Pillow warns of damaged EXIF data and the like: noise to whoever classifies ten thousand photos."""

import contextlib
import logging
import threading
import warnings
from typing import final

# Without a handler, what Pillow logs as an error goes to stderr; with one, a program's own settings decide.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@final
class PillowWarningsHidden(contextlib.AbstractContextManager[None]):
    """Hides Pillow's warnings while pictures are being decoded, in any number of threads.

    Warning filters belong to the whole process and threads leave in any order, so only the first one
    in changes the filters and only the last one out restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.close()


HIDDEN = PillowWarningsHidden()
