"""What every source of pictures has in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from edgetl import images

_Source = TypeVar("_Source", bound="AbstractSource")


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source."""

    name: str
    """The path of a picture; the name of a camera, stream or video, without any password."""
    picture: images.Source
    """What :mod:`edgetl.images` takes: the path of a picture file; JPEG bytes where the source gives JPEG,
    which may so be decoded at reduced size; else uint8 (h, w, 3) in RGB order."""
    index: int
    """Counts every frame the source gave, from 0, dropped ones included."""
    time_s: float
    """``time.time()`` when it was taken."""


class AbstractSource(ABC):
    """Gives frames to a ``for`` loop. Use it in a ``with`` block, or call :meth:`close`.

    A second loop goes on where the first one stopped.
    """

    live: bool
    """Whether frames come at their own pace, as a camera's do; files and videos wait."""
    length: int | None = None
    """How many frames it gives in all, where that is known beforehand."""
    dropped: int = 0
    """Frames given up so far, because a newer one came before the loop asked for it."""

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self._next()) is not None:
            yield frame

    @abstractmethod
    def _next(self) -> Frame | None:
        """The next frame, waited for; None at the end."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back, within a second; from any thread. A loop over the source ends."""

    def __enter__(self: _Source) -> _Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
