"""Devices, streams and videos as sources. A thread reads them, so that a slow program sees the newest."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import final

from edgetl.errors import EdgetlError
from edgetl.runtime.sources.base import AbstractSource, Frame
from edgetl.runtime.sources.feed import Feed
from edgetl.runtime.sources.request import Request
from edgetl.runtime.sources.stop import Stop, StoppedError

BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Pauses before each attempt to open a lost source again; the last one is repeated without end."""
_QUEUE_FRAMES = 4
_JOIN_S = 1.0


@final
class StreamedSource(AbstractSource):
    """What a child process reads; see :mod:`edgetl.runtime.sources.feed`."""

    def __init__(
        self,
        request: Request,
        *,
        every: bool,
        reconnect: bool = True,
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        """Open it, take the first picture and begin to read.

        Args:
            request: what to open.
            every: whether frames wait, at most four, and then hold up the source; else only the newest
                waits and the others are dropped.
            reconnect: whether a live source that is lost is opened again, for as long as it takes.
            on_event: called with a sentence, from another thread, when it is lost, not yet back, and back.

        Raises:
            CameraError: a device or stream is missing, busy or silent.
            DatasetError: the file is no video.
        """
        self.live = request.live
        self._request = request
        self._every = every
        self._reconnect = reconnect and request.live
        self._tell = on_event or (lambda _: None)
        self._stop = Stop()
        self._changed = threading.Condition()
        self._waiting: deque[Frame] = deque()
        self._ended = False
        self._error: Exception | None = None
        feed = Feed(request, self._stop)
        self._reader = threading.Thread(
            target=self._run, args=(feed,), name=f"edgetl {request.name}", daemon=True
        )
        self._reader.start()

    def _next(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended or self._stop.is_set)
            if self._stop.is_set:
                return None
            if self._waiting:
                self._changed.notify_all()
                return self._waiting.popleft()
            error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def close(self) -> None:
        """Give the device back; a loop over the source ends."""
        self._stop.set()
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._reader:  # as it is within on_event
            self._reader.join(_JOIN_S)

    def _run(self, feed: Feed) -> None:
        """What the reader thread does."""
        try:
            self._read(feed)
        except StoppedError:
            pass
        except Exception as error:  # noqa: BLE001 - raised where the frames are awaited
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read(self, feed: Feed) -> None:
        """Pass on frames until the source ends; open it again where it is lost."""
        index = 0
        while True:
            try:
                while (picture := feed.read()) is not None:
                    self._put(Frame(self._request.name, picture, index, time.time()))
                    index += 1
                return
            except EdgetlError as error:
                if not self._reconnect:
                    raise
                lost = error
            finally:
                feed.close()
            feed = self._reopened(lost)

    def _put(self, frame: Frame) -> None:
        with self._changed:
            if self._every:
                self._changed.wait_for(lambda: len(self._waiting) < _QUEUE_FRAMES or self._stop.is_set)
            else:
                self.dropped += len(self._waiting)
                self._waiting.clear()
            self._waiting.append(frame)
            self._changed.notify_all()

    def _reopened(self, error: EdgetlError) -> Feed:
        start = time.monotonic()
        what = "lost"
        for pause_s in itertools.chain(BACK_OFF_S, itertools.repeat(BACK_OFF_S[-1])):
            self._tell(f"{what}: {error}; opened again in {pause_s:g} s")
            self._stop.wait(pause_s)
            try:
                feed = Feed(self._request, self._stop)
            except EdgetlError as failed:
                what, error = "not back yet", failed
            else:
                break
        self._tell(f"{self._request.name} is back after {time.monotonic() - start:.1f} s")
        return feed
