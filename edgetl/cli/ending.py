"""How a command that runs for long ends: stopped as a service is, by Ctrl-C, or out of memory."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

import click

from edgetl.cli import output
from edgetl.errors import ModelError


class _Terminated(BaseException):
    """SIGTERM came. No Exception, which a library would take for its own."""


@contextlib.contextmanager
def ended_well() -> Iterator[Callable[[], None]]:
    """End the block at SIGTERM as Ctrl-C would, but as a success: it is how a service is stopped.

    Yields what to call now and then: a signal's exception is lost where Python runs a destructor.
    """
    came = False

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what is being closed shall be closed
        raise _Terminated

    def check() -> None:
        if came:
            raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield check
    except _Terminated:
        # Still ignored from here on: a second one must not make a failure of it.
        output.aside("stopped by SIGTERM")
        raise click.exceptions.Exit(0) from None
    except MemoryError:
        raise ModelError(
            "there is not enough memory: close other programs, or take a smaller variant with --variant"
        ) from None
    finally:
        if not came:
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def stoppable() -> Iterator[Callable[[], int]]:
    """Let SIGTERM stop the block as Ctrl-C does, by KeyboardInterrupt.

    Yields what tells the exit code of a command that was stopped, as shells report it.
    """
    number: int = signal.SIGINT

    def stop(came: int, frame: FrameType | None) -> None:
        nonlocal number
        number = came
        handler = signal.getsignal(signal.SIGINT)  # asyncio has one of its own, which lets the tasks clean up
        (handler if callable(handler) else signal.default_int_handler)(came, frame)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield lambda: 128 + number
    except KeyboardInterrupt:
        if number == signal.SIGINT:
            raise
        output.error("stopped by SIGTERM; nothing half-written is left")
        raise click.exceptions.Exit(128 + number) from None
    finally:
        signal.signal(signal.SIGTERM, before)
