"""SSH servers that are not what they should be: they let anybody in and then say what they like.

Import it as ``import hostile_peer``. What a peer does is chosen by the name that logs in: it plays an honest
device up to a stage, sends something else there, and goes on in its own way. Peers that never get as far as a
login speak on a port of their own.
"""

import asyncio
import contextlib
import functools
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

MARK = b"edgetl-device "
STAGES = ("greeting", "hello", "found", "started", "end")
"""Where a peer stops being honest: instead of what comes there it sends its own."""
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\nerror: forged\r\x00"


@dataclass(frozen=True)
class Peer:
    """What one does, in plain values, so that it can be kept in a file."""

    stage: str
    """One of ``STAGES``."""
    send: bytes = b""
    times: int = 1
    """How often; -1 for ever."""
    pause_s: float = 0.0
    then: str = "close"
    """``close`` the session with ``code``, ``cut`` the connection, stay ``silent``, or be ``killed``."""
    code: int = 0
    errors: bytes = b""
    """Sent on stderr before."""


def line(value: object) -> bytes:
    """A message as the supervisor sends it; text is taken as JSON that is written already."""
    return MARK + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n"


def ended(size: object, output: bytes = b"", **more: object) -> bytes:
    """The message that a command has ended, and its output."""
    return line({"left": None, "ended": 0, "bytes": size, **more}) + output


HELLO = line({"version": [3, 11, 2]})
PYTHON = {"path": "python3", "version": [3, 11, 2], "modules": ["numpy", "PIL", "click"], "bits": 64}
STARTED = line({"started": True})


def found(count: int, **more: object) -> bytes:
    """The answer to what there is."""
    return line({"pythons": [PYTHON] * count, "place": "/var/tmp", "free": 1 << 40, **more})


async def _play(peer: Peer, process: "asyncssh.SSHServerProcess[bytes]") -> None:
    """Be honest up to the stage, then not."""
    if peer.stage != "greeting":
        size = int(await process.stdin.readline())
        await process.stdin.readexactly(size)
    if peer.stage in ("found", "started", "end"):
        process.stdout.write(HELLO)
        asked = json.loads(await process.stdin.readline())
        if peer.stage != "found":
            process.stdout.write(found(len(asked["pythons"])))
            asked = json.loads(await process.stdin.readline())
            await process.stdin.readexactly(sum(size for _, size in asked["files"]))
        if peer.stage == "end":
            process.stdout.write(STARTED)
    if peer.errors:
        process.stderr.write(peer.errors)
        await process.stderr.drain()
    count = 0
    while count != peer.times:
        process.stdout.write(peer.send)
        await process.stdout.drain()
        await asyncio.sleep(peer.pause_s)
        count += 1
    if peer.then == "cut":
        process.get_extra_info("connection").abort()
    elif peer.then == "killed":
        process.exit_with_signal("TERM\x1b[2J", core_dumped=True, msg=EVIL, lang=EVIL)
    elif peer.then == "close":
        process.exit(peer.code)
    else:
        await asyncio.sleep(600)


class _Server(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@dataclass(frozen=True)
class Talk:
    """What is said on a port of its own, where something else than SSH is spoken."""

    first: bytes = b""
    ever: bytes = b""
    """Sent again and again, where there is something."""
    stay: bool = False
    """Whether the connection is kept and nothing said, instead of closed."""


async def _talk(talk: Talk, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.write(talk.first)
        while talk.ever:
            writer.write(talk.ever)
            await writer.drain()
        await writer.drain()
        if talk.stay:
            await asyncio.sleep(600)
    writer.close()


async def _serve(key: str, peers: Mapping[str, Peer], talks: Sequence[Talk]) -> None:
    async def handle(process: "asyncssh.SSHServerProcess[bytes]") -> None:
        name = process.get_extra_info("username")
        with contextlib.suppress(asyncssh.Error, OSError, asyncio.IncompleteReadError, ValueError):
            await _play(peers[name], process)

    server = await asyncssh.create_server(
        _Server, "127.0.0.1", 0, server_host_keys=[key], process_factory=handle, encoding=None
    )
    ports = [server.get_port()]
    held = []
    for talk in talks:
        handler = functools.partial(_accepted, talk)
        held.append(await asyncio.start_server(handler, "127.0.0.1", 0))
        ports.append(held[-1].sockets[0].getsockname()[1])
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await asyncio.sleep(7200)


async def _accepted(talk: Talk, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _talk(talk, writer)


@contextmanager
def serving(key: Path, peers: Mapping[str, Peer], talks: Sequence[Talk] = ()) -> Iterator[list[int]]:
    """A server whose users are the peers, and others that talk, in a process of their own; their ports."""
    folder = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {folder!r}); import hostile_peer; hostile_peer.main()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(pickle.dumps((str(key), dict(peers), list(talks))))
        process.stdin.close()
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def main() -> None:
    """Be the process of :func:`serving`."""
    asyncio.run(_serve(*pickle.load(sys.stdin.buffer)))
