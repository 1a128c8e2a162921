"""A thread that lets a classifier go over to a newer version when there is one."""

import threading
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgetl.errors import EdgetlError

if TYPE_CHECKING:
    from edgetl.runtime.classifier import Classifier


class Follower:
    """Looks now and then, as long as somebody has the classifier."""

    def __init__(
        self,
        model: "Classifier",
        every_s: float,
        on_change: "Callable[[Classifier], object] | None",
        on_error: Callable[[EdgetlError], object] | None,
    ) -> None:
        """Begin to look."""
        self._stopped = threading.Event()
        # A classifier that nobody has any more is not kept alive by its follower.
        looking = (weakref.ref(model, lambda _: self._stopped.set()), every_s, on_change, on_error or _warn)
        self._thread = threading.Thread(target=self._look, args=looking, daemon=True, name="edgetl-follow")
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _look(
        self,
        seen: "weakref.ref[Classifier]",
        every_s: float,
        on_change: "Callable[[Classifier], object] | None",
        on_error: Callable[[EdgetlError], object],
    ) -> None:
        told = None
        while not self._stopped.wait(every_s):
            try:
                _reload(seen(), on_change)
            except EdgetlError as error:
                if str(error) != told:
                    told = str(error)
                    on_error(error)


def _warn(error: EdgetlError) -> None:
    warnings.warn(f"the model stays as it is: {error}", RuntimeWarning, stacklevel=1)


def _reload(model: "Classifier | None", on_change: "Callable[[Classifier], object] | None") -> None:
    if model is not None and model.reload() and on_change is not None:
        on_change(model)
