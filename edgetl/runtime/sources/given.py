"""Pictures that are there already, or that a program makes, as a source."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import final

from edgetl import images
from edgetl.contract import Contract
from edgetl.runtime.sources.base import AbstractSource, Frame
from edgetl.runtime.sources.stop import Stop, StoppedError


@final
class GivenSource(AbstractSource):
    """Each of some pictures, when it is asked for; none is ever dropped."""

    live = False

    def __init__(
        self,
        given: Iterable[tuple[str | None, images.Source]],
        stop: Stop | None = None,
        *,
        length: int | None = None,
    ) -> None:
        """Take pictures with their names.

        Args:
            given: asked for one picture at a time; a picture without a name is called by its number.
            stop: what else :meth:`close` ends, if ``given`` waits for something.
            length: how many there are, where that is known.
        """
        self.length = length
        self._given = enumerate(given)
        self._stop = stop or Stop()

    def _next(self) -> Frame | None:
        if self._stop.is_set:
            return None
        try:
            index, (name, picture) = next(self._given)
        except (StopIteration, StoppedError):
            return None
        return Frame(name or f"picture {index + 1}", picture, index, time.time())

    def close(self) -> None:
        """End a loop over the source."""
        self._stop.set()


def named(pictures: Iterable[images.Source]) -> Iterator[tuple[str | None, images.Source]]:
    """Put the path before each picture that has one."""
    for picture in pictures:
        path = picture if isinstance(picture, (str, os.PathLike)) else getattr(picture, "name", None)
        yield (os.fspath(path) if isinstance(path, (str, os.PathLike)) else None), picture


def fake_camera(paths: Sequence[Path], width: int, height: int) -> Iterator[tuple[str, images.Source]]:
    """Show each picture once, as a camera would: uint8 (height, width, 3), RGB."""
    view = Contract(height, width)
    return ((str(path), images.decode(path, view)) for path in paths)
