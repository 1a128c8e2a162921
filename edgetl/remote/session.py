"""The workstation's end of one device: sends what is needed, hears what happens, and takes the result.

What runs at the other end, and what is said in which order, stands in ``supervisor``.
"""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from edgetl.errors import DeviceError
from edgetl.remote import answers, supervisor
from edgetl.remote.facts import PYTHONS, Wanted, check_room, choose_python
from edgetl.remote.patience import within
from edgetl.wording import said

# The whole of what a shell on the device ever reads: it runs the program that follows on stdin. Isolated
# (-I), or a random.py in the home folder would be taken for the standard library's.
_COMMAND = "exec python3 -I -c 'import sys; f = sys.stdin.buffer; exec(f.read(int(f.readline())))'"
_MARK = supervisor.MARK
_CHUNK_BYTES = 1 << 18
_MOST_GREETING_BYTES = 1 << 20
_MOST_TOLD_BYTES = 1 << 24
"""All lines of a command together; of signs of life alone these are weeks."""
_SLOWEST_BYTES_S = 10_000
_MOST_WORDS_BYTES = 2000
_FAREWELL_S = 10.0
_NOT_FOUND = 127  # what a shell ends with when there is no such command (POSIX, 2.8.2)
_SIGNALS = {128 + number: number.name for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """What a device is to do; the same for all of them."""

    files: Mapping[str, bytes]
    """By path; modules below ``lib/``, the rest below ``work/``, where it runs."""
    words: tuple[str, ...]
    """What follows ``python -m``."""
    wanted: Wanted
    python: str | None
    """The one Python to take; None looks at ``facts.PYTHONS``."""
    silence_s: float
    """A device that says nothing for so long is given up, and gives us up."""
    most_s: float
    """So is one whose command takes longer, whatever it says."""
    most_output_bytes: int
    """More is refused."""


@dataclass(frozen=True)
class Ended:
    """How the command ended on the device, which is clean again."""

    code: int
    """Its exit code; negative for a signal."""
    output: bytes
    """Its stdout."""
    last_words: str
    """The last line of its stderr."""


async def run(connection: asyncssh.SSHClientConnection, job: Job, tell: Callable[[str], None]) -> Ended:
    """Run a job on a device.

    Args:
        connection: see ``connection.connected``.
        job: what to do.
        tell: hears what happens, a line at a time.

    Raises:
        DeviceError: the device cannot do it, or was lost on the way.
    """
    starting = connection.create_process(_COMMAND, encoding=None, request_pty=False, x11_forwarding=False)
    try:
        process = await _soon(starting, job.silence_s)
    except asyncssh.Error as error:
        raise DeviceError(f"opens no session: {error.reason}") from error
    try:
        return await _Session(process, job, tell).run()
    except (asyncio.IncompleteReadError, asyncssh.Error, OSError) as error:
        raise DeviceError(await _why_it_ended(process)) from error
    finally:
        # Without its stdin the supervisor cleans up; also after Ctrl-C it is given the time to.
        with contextlib.suppress(asyncio.TimeoutError, TimeoutError, asyncssh.Error, OSError):
            process.stdin.write_eof()
            await asyncio.wait_for(process.wait_closed(), _FAREWELL_S)


async def _why_it_ended(process: "asyncssh.SSHClientProcess[bytes]") -> str:
    with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
        await asyncio.wait_for(process.wait_closed(), _FAREWELL_S)
    heard = b""
    with contextlib.suppress(asyncio.TimeoutError, TimeoutError, asyncssh.Error, OSError):
        heard = await asyncio.wait_for(process.stderr.read(_MOST_WORDS_BYTES), 1.0)
    words = heard.decode("utf-8", "replace").strip().splitlines()
    if process.exit_status == _NOT_FOUND:
        return "has no python3: sudo apt install python3 python3-venv"
    if process.exit_signal is not None:
        return (
            f"had its session killed ({said(process.exit_signal[0])}), often for want of memory; it is clean"
        )
    if process.exit_status is None:
        return "was lost: the connection ended; it cleans up by itself"
    if process.exit_status in _SIGNALS:
        return f"was stopped there by {_SIGNALS[process.exit_status]}, as when it is shut down; it is clean"
    if process.exit_status == 0:
        return "ended the session, since it heard nothing from here; it is clean"
    reason = f": {said(words[-1])}" if words else ""
    return f"ended the session with code {process.exit_status}{reason}"


class _Session:
    def __init__(
        self, process: "asyncssh.SSHClientProcess[bytes]", job: Job, tell: Callable[[str], None]
    ) -> None:
        self._process = process
        self._job = job
        self._tell = tell
        self._held = bytearray()

    async def run(self) -> Ended:
        job = self._job
        source = Path(supervisor.__file__).read_bytes()
        await self._send(b"%d\n%s" % (len(source), source))
        await self._hear()
        pythons = PYTHONS if job.python is None else (job.python,)
        modules = job.wanted.modules
        await self._say(
            pythons=pythons, modules=modules, bytes=job.wanted.room_bytes, silence_s=job.silence_s
        )
        found = answers.found(await self._hear(), pythons, modules)
        python = choose_python(job.wanted, found.pythons, job.python)
        check_room(job.wanted, found.place, found.free_bytes)
        files = [(path, len(data)) for path, data in job.files.items()]
        self._tell(f"copying {sum(size for _, size in files) / 1e6:.1f} MB")
        await self._say(python=python, words=job.words, files=files)
        with contextlib.suppress(asyncssh.Error, OSError):  # it has ended; why, it may have said before
            for data in job.files.values():
                for start in range(0, len(data), _CHUNK_BYTES):
                    await self._send(data[start : start + _CHUNK_BYTES])
        async with self._alive():
            return await self._follow()

    async def _follow(self) -> Ended:
        last_words, told, until = "", 0, time.monotonic() + self._job.most_s
        while time.monotonic() < until:
            line = await self._hear()
            event = answers.event(line)
            told += len(line)
            if told > _MOST_TOLD_BYTES:
                raise DeviceError(f"says more than {_MOST_TOLD_BYTES / 1e6:.0f} MB on the way; it was left")
            if isinstance(event, answers.Line):
                last_words = event.text.strip() or last_words
                self._tell(event.text)
            elif isinstance(event, answers.End):
                return await self._finish(event, last_words)
        raise DeviceError(f"was not done within {self._job.most_s:g} s and was left; it cleans up by itself")

    async def _finish(self, end: answers.End, last_words: str) -> Ended:
        if end.left is not None:
            self._tell(f"warning: {end.left} could not be removed")
        if end.code is None:
            raise DeviceError(f"could not go on: {end.failed}")
        size, most = end.output_bytes, self._job.most_output_bytes
        if size > most:
            raise DeviceError(f"has a result of {size} bytes, and {most} are the limit")
        patience_s = self._job.silence_s + size / _SLOWEST_BYTES_S
        await _soon(self._hold(size), patience_s)
        return Ended(end.code, bytes(self._held[:size]), last_words)

    @contextlib.asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        """Say now and then that we are still there, or the device would stop and clean up."""
        task = asyncio.ensure_future(self._say_alive())
        try:
            yield
        finally:
            task.cancel()

    async def _say_alive(self) -> None:
        with contextlib.suppress(OSError):  # it is gone, which who listens to it will tell
            while True:
                await asyncio.sleep(min(supervisor.ALIVE_S, self._job.silence_s / 4))
                self._process.stdin.write(b"\n")

    async def _say(self, **what: Any) -> None:
        await self._send(json.dumps(what).encode() + b"\n")

    async def _send(self, data: bytes) -> None:
        self._process.stdin.write(data)
        await self._soon(self._process.stdin.drain())

    async def _hear(self) -> bytes:
        """The JSON of the supervisor's next line; what a login shell prints before is passed over."""
        return await self._soon(self._marked())

    async def _marked(self) -> bytes:
        passed = 0
        while passed < _MOST_GREETING_BYTES:
            while (end := self._held.find(b"\n")) < 0:
                if len(self._held) > answers.MOST_LINE_BYTES:
                    raise DeviceError(
                        f"sends a line of more than {answers.MOST_LINE_BYTES} bytes; it was left"
                    )
                await self._hold(len(self._held) + 1)
            line = bytes(self._held[: end + 1])
            del self._held[: end + 1]
            _, marked, told = line.partition(_MARK)  # a greeting may end without a new line
            if marked:
                return told
            passed += len(line)
        raise DeviceError("prints too much at a login: let its ~/.bashrc be silent where nobody types")

    async def _hold(self, size: int) -> None:
        """Read on until there are so many bytes, or more."""
        while len(self._held) < size:
            part = await self._process.stdout.read(_CHUNK_BYTES)
            if not part:
                raise asyncio.IncompleteReadError(bytes(self._held[:0]), size)
            self._held += part

    async def _soon(self, waiting: Awaitable[T]) -> T:
        return await _soon(waiting, self._job.silence_s)


async def _soon(waiting: Awaitable[T], silence_s: float) -> T:
    try:
        return await within(waiting, silence_s)
    except (asyncio.TimeoutError, TimeoutError):
        raise DeviceError(
            f"has said nothing for {silence_s:g} s: it hangs, or its network does; "
            "it cleans up by itself as soon as it can"
        ) from None
