"""Many pictures at a time: workers that keep the order."""

import atexit
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, NoReturn, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_AHEAD = 2
"""Items a worker may be ahead of the answer that is waited for: enough to hide a slow one."""
_PATIENCE_S = 1.0
"""How long the end waits for work that is under way; a file on a dead network drive may take for ever."""


def in_order(
    items: Iterable[Item], work: Callable[[Item], Answer], workers: int
) -> Generator[Answer, None, None]:
    """Do the work on several items at a time, and yield the answers in the order of the items.

    The workers themselves take the next item, so an answer never waits for an item that has not come yet.
    What is under way when the iterator is closed is waited for, up to a second; an item that has not come
    is not.

    Args:
        items: may be slow, and may be endless.
        work: called in the workers' threads.
        workers: threads, 1 or more; fewer where the system allows no more.

    Raises:
        BaseException: whatever ``items`` or ``work`` raises, in the place of the answer.
    """
    run = _Run(iter(items), work, workers)
    # A thread that comes back from an engine's C++ code while Python ends would abort the process.
    atexit.register(run.stop)
    try:
        run.start()
        yield from run.answers()
    finally:
        atexit.unregister(run.stop)
        run.stop()


class _Run(Generic[Item, Answer]):
    """One call of :func:`in_order`."""

    def __init__(self, items: Iterator[Item], work: Callable[[Item], Answer], workers: int) -> None:
        self._items, self._work = items, work
        self._taking = threading.Lock()  # one worker at a time takes an item
        self._taken = 0
        self._working = 0
        self._room = threading.Semaphore(_AHEAD * workers)
        self._done: dict[int, Callable[[], Answer]] = {}
        self._changed = threading.Condition()
        self._length: int | None = None  # how many items there were; None while nobody knows
        # Daemons, since an item may be waited for without end when the program ends.
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(workers)]

    def start(self) -> None:
        for number, thread in enumerate(self._threads):
            try:
                thread.start()
            except RuntimeError:  # no memory for its stack, or too many: the others do the work
                if number == 0:
                    raise MemoryError("no thread can be started") from None
                return

    def answers(self) -> Iterator[Answer]:
        place = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: place in self._done or self._length == place)  # noqa: B023
                if place not in self._done:
                    return
                answer = self._done.pop(place)
            self._room.release()
            yield answer()
            place += 1

    def stop(self) -> None:
        self._end(0)
        for _ in self._threads:
            self._room.release()
        with self._changed:
            self._changed.wait_for(lambda: self._working == 0, _PATIENCE_S)

    def _end(self, length: int) -> None:
        with self._changed:
            self._length = length if self._length is None else min(length, self._length)
            self._changed.notify_all()

    def _serve(self) -> None:
        while True:
            self._room.acquire()
            if not self._do_next():
                return

    def _do_next(self) -> bool:
        """Take an item and do the work on it; False when there is none any more."""
        with self._taking:
            if self._length is not None:
                return False
            place = self._taken
            try:
                item = next(self._items)
            except StopIteration:
                self._end(place)
                return False
            except BaseException as error:  # noqa: BLE001 - raised again where the answer is asked for
                self._put(place, _raising(error))
                self._end(place + 1)
                return False
            self._taken += 1
            if not self._begin():
                return False
        try:
            answer = _giving(self._work(item))
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is asked for
            answer = _raising(error)
        self._put(place, answer, worked=1)
        return True

    def _begin(self) -> bool:
        with self._changed:
            if self._length is not None:  # stopped while the item was waited for
                return False
            self._working += 1
            return True

    def _put(self, place: int, answer: Callable[[], Answer], *, worked: int = 0) -> None:
        with self._changed:
            self._done[place] = answer
            self._working -= worked
            self._changed.notify_all()


def _giving(value: Answer) -> Callable[[], Answer]:
    return lambda: value


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def answer() -> NoReturn:
        raise error

    return answer
