"""The workstation's end of one device: sends what is needed, hears what happens, and takes the result.

What runs at the other end, and what is said in which order, stands in ``supervisor``.
"""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from edgetl.benchmarks.remote import supervisor
from edgetl.benchmarks.remote.facts import PYTHONS, Wanted, check_room, choose_python
from edgetl.errors import DeviceError

# The whole of what a shell on the device ever reads: it runs the program that follows on stdin.
_COMMAND = "exec python3 -c 'import sys; f = sys.stdin.buffer; exec(f.read(int(f.readline())))'"
_MARK = supervisor.MARK
_CHUNK_BYTES = 1 << 18
_MOST_GREETING_BYTES = 1 << 20
MOST_OUTPUT_BYTES = 1 << 28
"""The raw times of a long benchmark are some megabytes."""
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
    said = b""
    with contextlib.suppress(asyncio.TimeoutError, TimeoutError, asyncssh.Error, OSError):
        said = await asyncio.wait_for(process.stderr.read(_MOST_WORDS_BYTES), 1.0)
    words = said.decode("utf-8", "replace").strip().splitlines()
    if process.exit_status == _NOT_FOUND:
        return "has no python3: sudo apt install python3 python3-venv"
    if process.exit_signal is not None:
        return f"had its session killed ({process.exit_signal[0]}), often for want of memory; it is clean"
    if process.exit_status is None:
        return "was lost: the connection ended; it cleans up by itself"
    if process.exit_status in _SIGNALS:
        return f"was stopped there by {_SIGNALS[process.exit_status]}, as when it is shut down; it is clean"
    if process.exit_status == 0:
        return "ended the session, since it heard nothing from here; it is clean"
    reason = f": {words[-1]}" if words else ""
    return f"ended the session with code {process.exit_status}{reason}"


class _Session:
    def __init__(
        self, process: "asyncssh.SSHClientProcess[bytes]", job: Job, tell: Callable[[str], None]
    ) -> None:
        self._process = process
        self._job = job
        self._tell = tell

    async def run(self) -> Ended:
        job = self._job
        source = Path(supervisor.__file__).read_bytes()
        await self._send(b"%d\n%s" % (len(source), source))
        await self._hear()
        pythons = PYTHONS if job.python is None else (job.python,)
        await self._say(
            pythons=pythons, modules=job.wanted.modules, bytes=job.wanted.room_bytes, silence_s=job.silence_s
        )
        found = await self._hear()
        python = choose_python(job.wanted, found["pythons"], job.python)
        check_room(job.wanted, found["place"], found["free"])
        files = [(path, len(data)) for path, data in job.files.items()]
        self._tell(f"copying {sum(size for _, size in files) / 1e6:.1f} MB")
        await self._say(python=python, words=job.words, files=files)
        for data in job.files.values():
            for start in range(0, len(data), _CHUNK_BYTES):
                await self._send(data[start : start + _CHUNK_BYTES])
        async with self._alive():
            return await self._follow()

    async def _follow(self) -> Ended:
        last_words = ""
        while True:
            heard = await self._hear()
            if "line" in heard:
                last_words = str(heard["line"]).strip() or last_words
                self._tell(str(heard["line"]))
            elif "ended" in heard or "failed" in heard:
                if heard["left"] is not None:
                    self._tell(f"warning: {heard['left']} could not be removed")
                if "failed" in heard:
                    raise DeviceError(f"could not go on: {heard['failed']}")
                size = int(heard["bytes"])
                if not 0 <= size <= MOST_OUTPUT_BYTES:
                    raise DeviceError(f"has a result of {size} bytes, and {MOST_OUTPUT_BYTES} are the limit")
                output = b""
                while len(output) < size:
                    part = await self._soon(self._process.stdout.read(min(size - len(output), _CHUNK_BYTES)))
                    if not part:
                        raise asyncio.IncompleteReadError(output, size)
                    output += part
                return Ended(int(heard["ended"]), output, last_words)

    @contextlib.asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        """Say now and then that we are still there, or the device would stop and clean up."""

        task = asyncio.ensure_future(self._say_alive())
        try:
            yield
        finally:
            task.cancel()

    async def _say_alive(self) -> None:
        while True:
            await asyncio.sleep(min(supervisor.ALIVE_S, self._job.silence_s / 4))
            self._process.stdin.write(b"\n")

    async def _say(self, **what: Any) -> None:
        await self._send(json.dumps(what).encode() + b"\n")

    async def _send(self, data: bytes) -> None:
        self._process.stdin.write(data)
        await self._soon(self._process.stdin.drain())

    async def _hear(self) -> dict[str, Any]:
        """The next line of the supervisor; what a login shell prints before is passed over."""
        passed = 0
        while passed < _MOST_GREETING_BYTES:
            line = await self._soon(self._process.stdout.readline())
            if not line.endswith(b"\n"):
                raise asyncio.IncompleteReadError(line, None)
            _, marked, told = line.partition(_MARK)  # a greeting may end without a new line
            if marked:
                return dict(json.loads(told))
            passed += len(line)
        raise DeviceError("prints too much at a login: let its ~/.bashrc be silent where nobody types")

    async def _soon(self, waiting: Awaitable[T]) -> T:
        return await _soon(waiting, self._job.silence_s)


async def _soon(waiting: Awaitable[T], silence_s: float) -> T:
    try:
        return await asyncio.wait_for(waiting, silence_s)
    except (asyncio.TimeoutError, TimeoutError):
        raise DeviceError(
            f"has said nothing for {silence_s:g} s: it hangs, or its network does; "
            "it cleans up by itself as soon as it can"
        ) from None
