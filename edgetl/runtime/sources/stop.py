"""Ends waiting from another thread."""

import os
import select
import weakref


class StoppedError(Exception):
    """The wait was ended by :meth:`Stop.set`. Never leaves this package."""


class Stop:
    """A switch that any thread may set, and that ends every wait for data at once.

    Waiting is a ``poll``, which Python's signal handlers interrupt.
    """

    def __init__(self) -> None:
        self.is_set = False
        # A pipe that is never read: once written to, it is readable for good.
        self._listen, self._tell = os.pipe()
        # Not earlier: a thread that still polls a closed descriptor might meet another file under its number.
        weakref.finalize(self, _close, self._listen, self._tell)

    def set(self) -> None:
        """End all waits, those to come included."""
        if not self.is_set:
            self.is_set = True
            os.write(self._tell, b"\n")

    def wait(self, timeout_s: float | None, *, readable: int | None = None) -> bool:
        """Wait for data, or for time to pass.

        Args:
            timeout_s: at most so long; None is without end.
            readable: the descriptor to wait for; its end counts as data.

        Returns:
            Whether there is data; False after ``timeout_s``.

        Raises:
            StoppedError: the switch is or was set.
        """
        waiting = select.poll()
        waiting.register(self._listen, select.POLLIN)
        if readable is not None:
            waiting.register(readable, select.POLLIN)
        # Rounded up, or the last fraction of a millisecond would be spent in a busy loop.
        ready = waiting.poll(None if timeout_s is None else int(1000 * max(0.0, timeout_s)) + 1)
        if self.is_set:
            raise StoppedError
        return bool(ready)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
