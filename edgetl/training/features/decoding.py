"""Work on many pictures on all cores, a bounded number of them at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import ImageError
from edgetl.runtime.engines import available_cores
from edgetl.training.dataset import Photo

_AHEAD = 64
"""Pictures a core that may wait for a slow one before them, so that nobody stands idle."""

_Result = TypeVar("_Result")


def decode_all(
    photos: Iterable[Photo], contract: Contract, unreadable: dict[Path, str]
) -> Iterator[tuple[Photo, images.Pixels]]:
    """Decode on all cores, in order; photos that cannot be decoded go into ``unreadable`` with the reason."""
    return on_all_cores(lambda photo: images.decode(photo.path, contract), photos, unreadable)


def on_all_cores(
    work: Callable[[Photo], _Result], photos: Iterable[Photo], unreadable: dict[Path, str]
) -> Iterator[tuple[Photo, _Result]]:
    """Do some work on every photo, in order and a bounded number ahead.

    Args:
        work: what to do; an :class:`ImageError` of it goes into ``unreadable``, any other ends it all.
        photos: asked for as they are needed.
        unreadable: gets path and reason of each photo that failed.
    """

    def attempt(photo: Photo) -> _Result | ImageError:
        try:
            return work(photo)
        except ImageError as error:
            return error

    def settle(photo: Photo, future: Future[_Result | ImageError]) -> Iterator[tuple[Photo, _Result]]:
        outcome = future.result()
        if isinstance(outcome, ImageError):
            unreadable[photo.path] = str(outcome)
        else:
            yield photo, outcome

    waiting: deque[tuple[Photo, Future[_Result | ImageError]]] = deque()
    cores = available_cores()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for photo in photos:
                waiting.append((photo, pool.submit(attempt, photo)))
                if len(waiting) > _AHEAD * cores:
                    yield from settle(*waiting.popleft())
            while waiting:
                yield from settle(*waiting.popleft())
        finally:
            for _, future in waiting:  # after an error or Ctrl-C nobody wants the rest
                future.cancel()
