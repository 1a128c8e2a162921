"""How long work tells its caller what it is doing. The library is silent; the commands draw bars."""

import contextlib
from collections.abc import Callable, Iterator


class Progress:
    """Hears of every step and shows nothing. ``edgetl.cli.bars`` has the one that draws."""

    @contextlib.contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Announce a step; the block gets a function to call with the number of images just done.

        Args:
            what: the step in a few words: ``features``.
            total: number of images, or None when it cannot be counted.
        """
        yield _ignore

    def note(self, text: str) -> None:
        """A fact worth a line."""

    def warn(self, text: str) -> None:
        """Advice: something works, but not as well as it could."""


def _ignore(count: int) -> None:
    pass


SILENT = Progress()
