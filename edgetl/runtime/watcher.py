"""A thread that classifies what a source shows and calls back."""

import atexit
import contextlib
import threading
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from edgetl.errors import EdgetlError
from edgetl.runtime.stream import Seen

if TYPE_CHECKING:
    from edgetl.runtime.sources import AbstractSource

_PATIENCE_S = 1.0
"""How long the program's end waits for a callback that nobody stopped."""


class Watcher:
    """Classifies a source in a thread of its own and calls back, for programs with a loop of their own.

    Use it in a ``with`` block, or call :meth:`stop`. The callbacks run in that thread; what one of them
    raises ends the watching and is raised again by :meth:`join` and :meth:`stop`.
    """

    def __init__(
        self,
        seen: Generator[Seen, None, None],
        source: "AbstractSource",
        *,
        on_result: Callable[[Seen], object] | None = None,
        on_change: Callable[[Seen], object] | None = None,
        on_label: Mapping[str, Callable[[Seen], object]] | None = None,
    ) -> None:
        """Start watching.

        Args:
            seen: the answers, as ``stream`` gives them.
            source: what they are about; it is closed to end them.
            on_result: called with every frame's answer.
            on_change: called when the label changes, also to and from unknown.
            on_label: called when the label changes to one of these; where several may hold, when it does and
                did not before.
        """
        self._seen, self._source = seen, source
        self._on_result, self._on_change = on_result, on_change
        self._on_label = dict(on_label or {})
        self._error: BaseException | None = None
        self._stopping = threading.Event()
        # Waited for in place of the thread: a join that Ctrl-C ends makes Python before 3.13 believe that
        # the thread has ended.
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgetl watcher", daemon=True)
        # A thread that comes back from an engine's C++ code while Python ends would abort the process.
        atexit.register(self._abandon)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the source still gives frames."""
        return not self._ended.is_set()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the source ends, or so many seconds.

        Raises:
            CameraError: the camera went away and did not come back.
            Exception: what a callback raised.
        """
        self._ended.wait(timeout_s)
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def stop(self) -> None:
        """End it, also while it waits for a frame. See :meth:`join` for what it raises.

        It waits for a callback that is under way; called by a callback, it returns at once.
        """
        self._end()
        atexit.unregister(self._abandon)
        if threading.current_thread() is not self._thread:
            self.join()

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except BaseException:
            if error is None:  # else what ended the block goes on: Ctrl-C, say
                raise

    def _end(self) -> None:
        self._stopping.set()
        self._source.close()

    def _abandon(self) -> None:
        """What is done where nobody stopped it and the program ends."""
        self._end()
        self._ended.wait(_PATIENCE_S)

    def _run(self) -> None:
        try:
            with contextlib.closing(self._seen) as answers:
                for seen in answers:
                    if self._stopping.is_set():
                        return
                    self._call(seen)
        except BaseException as error:  # noqa: BLE001 - raised again where the caller looks
            if not (self._stopping.is_set() and isinstance(error, EdgetlError)):
                self._error = error
        finally:
            if not self._stopping.is_set():  # else whoever ends it does this, or is `atexit` itself
                atexit.unregister(self._abandon)
            self._ended.set()

    def _call(self, seen: Seen) -> None:
        if self._on_result is not None:
            self._on_result(seen)
        if not seen.changed:
            return
        if self._on_change is not None:
            self._on_change(seen)
        for label in seen.appeared:
            if label in self._on_label:
                self._on_label[label](seen)
