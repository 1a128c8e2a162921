"""Several engines for one model, lent to whoever has a picture to run."""

import queue
import threading
from collections.abc import Callable

from edgetl.errors import EdgetlError, ModelError
from edgetl.runtime.base import AbstractEngine, Images, Outputs


class Engines:
    """Engines of one model; one is started only when all others are busy."""

    def __init__(self, start: Callable[[], AbstractEngine], other: AbstractEngine | None = None) -> None:
        """Remember how an engine is started; none is yet.

        Args:
            start: starts one.
            other: which somebody else has and closes; used where not one can be started.
        """
        self._start = start
        self._other = other
        self._started: list[AbstractEngine] = []
        self._allowed = 0
        # Last in, first out: the places of engines that were never needed stay at the bottom.
        self._idle: queue.LifoQueue[AbstractEngine | None] = queue.LifoQueue()
        self._changing = threading.Lock()
        self._closed = False

    def allow(self, count: int) -> None:
        """Let ``count`` callers run at the same time, or more where more were allowed before."""
        with self._changing:
            for _ in range(count - self._allowed):
                self._idle.put(None)
            self._allowed = max(count, self._allowed)

    def run(self, images: Images) -> Outputs:
        """Run a picture in an idle engine; see ``AbstractEngine.run``.

        Raises:
            ModelError: not one engine can be started, it fails, or all are closed.
        """
        engine = self._taken()
        try:
            return engine.run(images)
        finally:
            self._idle.put(engine)

    def _taken(self) -> AbstractEngine:
        while (engine := self._idle.get()) is None:
            try:
                return self._another()
            except EdgetlError:
                # There is no memory for one more, or the bundle is gone: those that run do the work.
                if not self._started:
                    if self._other is None or self._closed:
                        self._idle.put(None)
                        raise
                    return self._other
        return engine

    def _another(self) -> AbstractEngine:
        with self._changing:
            if self._closed:
                raise ModelError("the model is closed: load it again to run it")
            if self._started and self._started[0].runs_in_parallel:
                return self._started[0]
            self._started.append(self._start())
            return self._started[-1]

    def close(self) -> None:
        """Free them all; none is started afterwards."""
        with self._changing:
            self._closed = True
            for engine in self._started:
                engine.close()
