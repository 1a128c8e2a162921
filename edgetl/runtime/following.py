"""A thread that lets a classifier go over to a newer version when there is one."""

import threading
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
            model = seen()
            try:
                changed = model is not None and model.reload()
            except EdgetlError as error:
                if str(error) != told:
                    told = str(error)
                    _call(on_error, error)
            else:
                if changed and on_change is not None:
                    _call(on_change, model)
            del model  # nobody else may have it any more


def _warn(error: EdgetlError) -> None:
    warnings.warn(f"the model stays as it is: {error}", RuntimeWarning, stacklevel=1)


def _call(told: Callable[[Any], object], what: object) -> None:
    """What is raised there is shown as of any thread, and following goes on."""
    try:
        told(what)
    except Exception as error:  # noqa: BLE001 - it is the caller's code
        threading.excepthook(
            threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
        )
