"""Tell systemd that the program is ready, alive, or stopping. Needs no package, and no systemd.

The protocol is that of sd_notify(3) and sd_watchdog_enabled(3): lines ``NAME=value`` in a datagram to the
socket that ``NOTIFY_SOCKET`` names.
"""

import os
import socket
import time

_PATIENCE_S = 1.0  # a manager that does not read must not hold the program up


def notify(state: str) -> bool:
    """Send a state to the service manager; never raises.

    Args:
        state: ``READY=1``, ``STATUS=opening the camera``, or several on lines of their own.

    Returns:
        Whether it was sent: False where no manager asked for it, or it cannot be reached.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    # `@` stands for the NUL with which the names of abstract sockets begin.
    address = address.replace("@", "\0", 1) if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_PATIENCE_S)
            channel.connect(address)
            channel.sendall(state.encode("utf-8", "replace"))
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False
    return True


class Watchdog:
    """Keeps systemd from restarting a service for as long as it really answers frames.

    Call :meth:`answered` after each one, in the loop that answers them. No thread sends for it: that would
    keep a program alive whose loop hangs. ``WatchdogSec`` of the unit must be more than twice the longest
    time between two frames. Use it in a ``with`` block, or call :meth:`stopping`. Without systemd it does
    nothing.
    """

    def __init__(self) -> None:
        self._interval_s = _interval()
        self._due_s = 0.0
        self._ready = False
        self._status = ""

    def answered(self) -> None:
        """A frame was answered: the first makes the service ready, and each one can feed the watchdog."""
        now = time.monotonic()
        lines = []
        if not self._ready:
            self._ready = True
            lines.append("READY=1")
        if self._interval_s is not None and now >= self._due_s:
            self._due_s = now + self._interval_s
            lines.append("WATCHDOG=1")
        if lines:
            notify("\n".join(lines))

    def status(self, text: str) -> None:
        """Say in ``systemctl status`` what goes on; sent when it changes.

        Args:
            text: made one line.
        """
        line = " ".join(text.split())
        if line != self._status:
            self._status = line
            notify(f"STATUS={line}")

    def stopping(self) -> None:
        """The service ends on purpose."""
        notify("STOPPING=1")

    def __enter__(self) -> "Watchdog":
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping()


def _interval() -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None where it waits for none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # inherited: it is another process that is watched
    allowed = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed) / 2e6 if allowed.isascii() and allowed.isdigit() and int(allowed) else None
