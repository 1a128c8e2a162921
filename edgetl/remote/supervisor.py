"""What runs on the device: a command in a folder of its own, and nothing is left when the connection ends.

It is sent as text to the device's ``python3`` and needs nothing but the standard library, so it is one file,
and writes its files itself, without ``edgetl.files``. It keeps to Python 3.6: an old one must get as far as
saying that it is old. It hears JSON lines on stdin and answers with JSON lines behind ``MARK``, since a login
shell may print a greeting:

1. says its Python; hears which Pythons, modules, room and silence are in question;
2. says what it found; hears which Python, module and words to run, and the files, whose bytes follow;
3. says that it started, each line of the command's stderr, and every few seconds that it is alive;
4. removes the folder, says how the command ended, and sends what it wrote to stdout.

When stdin closes or falls silent, or a signal comes, every process in the folder is killed and it is removed
as well. When this process is killed, a second one, which waits for nothing else, does so; what a power cut
left, the next one removes.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MARK = b"edgetl-device "
PREFIX = "edgetl-remote-"
ALIVE_S = 5.0
"""It says so that often: rarely enough to take no time from the cores that are measured."""
_LINE_BYTES = 500
_YOUNG_S = 60
_PROBE = """
import importlib.util, json, sys
modules = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
bits = 64 if sys.maxsize > 2**32 else 32
print(json.dumps({"version": sys.version_info[:3], "modules": modules, "bits": bits}))
"""


class Gone(BaseException):
    """Nobody is there any more who wants the result."""


class Wire:
    """Both directions of the connection."""

    def __init__(self) -> None:
        self.silence_s = 60.0
        self._held = b""
        self._heard = time.monotonic()

    def say(self, **what: "Any") -> None:
        """One line to the workstation."""
        self.send(MARK + json.dumps(what).encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Bytes to the workstation."""
        try:
            while data:
                data = data[os.write(1, data) :]
        except OSError:
            raise Gone from None

    def listen(self, seconds: float, *others: int) -> "list[int]":
        """Wait for bytes on stdin or other descriptors, and keep those of stdin."""
        ready = select.select([0, *others], [], [], seconds)[0]
        if 0 in ready:
            data = os.read(0, 1 << 16)
            if not data:
                raise Gone
            self._held += data
            self._heard = time.monotonic()
        if time.monotonic() - self._heard > self.silence_s:
            raise Gone
        return ready

    def forget(self) -> None:
        """Drop what was heard: signs of life."""
        self._held = b""

    def hear(self) -> "Any":
        """The next JSON line."""
        while b"\n" not in self._held:
            self.listen(self.silence_s)
        line, _, self._held = self._held.partition(b"\n")
        return json.loads(line.decode())

    def copy(self, size: int, place: Path) -> None:
        """The next ``size`` bytes, into a file."""
        with place.open("wb") as file:
            while size:
                if not self._held:
                    self.listen(self.silence_s)
                part, self._held = self._held[:size], self._held[size:]
                file.write(part)
                size -= len(part)


def main() -> None:
    """Serve one job."""
    _heed_signals(_stop)
    try:
        _serve(Wire())
    except Gone as gone:
        sys.exit(128 + gone.args[0] if gone.args else 0)  # as shells report a signal


def _heed_signals(handler: "Any") -> None:
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _stop(number: int, _: "Any") -> None:
    raise Gone(number)


def _serve(wire: Wire) -> None:
    wire.say(version=sys.version_info[:3])
    asked = wire.hear()
    wire.silence_s = asked["silence_s"]
    place, free = _place(asked["bytes"])
    pythons = [_probe(name, asked["modules"]) for name in asked["pythons"]]
    wire.say(pythons=pythons, place=place, free=free)
    asked = wire.hear()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)).resolve()
    lock = os.open(str(folder), os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _guard(folder)
        for name, size in asked["files"]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            wire.copy(size, folder / name)
        code = _run(wire, folder, asked["python"], asked["words"])
        output = (folder / "output").read_bytes()
        answer = {"ended": code, "bytes": len(output)}  # type: dict[str, Any]
    except OSError as error:
        answer, output = {"failed": error.strerror or str(error)}, b""
    finally:
        _heed_signals(signal.SIG_IGN)
        left = clean(folder)
    wire.say(left=left, **answer)
    wire.send(output)


def _place(needed: int) -> "tuple[str | None, int]":
    """A folder with room, or the one with the most, and its free bytes. /tmp is last: it is often memory."""
    asked = os.environ.get("TMPDIR")
    usual = ["/var/tmp", str(Path.home()), "/tmp"]
    found = _free(asked) if asked else []
    if not found:  # TMPDIR may name a disk that is not there today
        found = [one for place in usual for one in _free(place)]
    roomy = [(place, free) for place, free in found if free >= needed]
    return (roomy or sorted(found, key=lambda pair: -pair[1]) or [(None, 0)])[0]


def _free(place: str) -> "list[tuple[str | None, int]]":
    """The folder and its free bytes, where it can be written; what a power cut left there goes."""
    with contextlib.suppress(OSError):
        for stale in Path(place).glob(PREFIX + "*"):
            _clean_stale(stale)
        disk = os.statvfs(place)
        if os.access(place, os.W_OK | os.X_OK):
            return [(place, disk.f_bavail * disk.f_frsize)]
    return []


def _clean_stale(folder: Path) -> None:
    """Remove what a power cut left: nobody holds its lock any more."""
    facts = folder.lstat()
    # A young one may be another's who is about to lock it; a link leads elsewhere.
    if (
        not stat.S_ISDIR(facts.st_mode)
        or facts.st_uid != os.getuid()
        or time.time() - facts.st_mtime < _YOUNG_S
    ):
        return
    lock = os.open(str(folder), os.O_RDONLY)
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        clean(folder)
    os.close(lock)


def _probe(python: str, modules: "list[str]") -> "dict[str, Any]":
    """What a Python is, and which of the modules it finds; ``version`` is missing where it does not run."""
    found = {}  # type: dict[str, Any]
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        command = [_path(python), "-c", _PROBE, *modules]
        printed = subprocess.check_output(
            command, cwd="/", stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30
        )
        said = json.loads(printed.decode())
        if isinstance(said, dict):  # whatever was named may be no Python
            found = said
    return found


def _path(python: str) -> str:
    """Of a Python: a bare name is looked for in PATH, all else is below the home folder, where we started."""
    return os.path.abspath(os.path.expanduser(python)) if "/" in python else python  # noqa: PTH100, PTH111


def _guard(folder: Path) -> None:
    """Start the process that cleans up when this one is killed."""
    ours, theirs = os.pipe()
    if os.fork():
        os.close(ours)
        return  # `theirs` stays open for as long as this process lives, whatever ends it
    os.setsid()  # what kills this process' group spares it
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)  # sshd waits for whoever holds the connection
    os.close(theirs)
    _heed_signals(signal.SIG_IGN)
    os.read(ours, 1)
    clean(folder)
    os._exit(0)


def _run(wire: Wire, folder: Path, python: str, words: "list[str]") -> int:
    """Run ``python -m WORDS`` until it ends, passing on what it says."""
    python = _path(python)
    work, library, own = (folder / name for name in ("work", "lib", "tmp"))
    for made in (work, library, own):
        made.mkdir(exist_ok=True)
    environment = dict(
        os.environ,
        PYTHONPATH=str(library),
        PYTHONUTF8="1",
        NO_COLOR="1",
        TMPDIR=str(own),
        XDG_CACHE_HOME=str(own),
        EDGETL_CACHE=str(own),
    )
    # Compiled beforehand, as after an installation: the first process measured is then like the others.
    compiling = [python, "-m", "compileall", "-q", str(library)]
    subprocess.call(compiling, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with (folder / "output").open("wb") as output:
        child = subprocess.Popen(
            [python, "-m", *words],
            cwd=str(work),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    wire.say(started=True)
    try:
        _watch(wire, child)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        code = child.wait()
    return code


def _watch(wire: Wire, child: "subprocess.Popen[bytes]") -> None:
    assert child.stderr is not None
    errors, held, said = child.stderr.fileno(), b"", time.monotonic()
    while child.poll() is None:
        ready = wire.listen(ALIVE_S, errors)
        wire.forget()
        if errors in ready:
            data = os.read(errors, 1 << 16)
            if not data:  # it is about to end, or closed its stderr
                time.sleep(0.05)
            *lines, held = (held + data).split(b"\n")
            held = held[-_LINE_BYTES:]
            for line in lines:
                wire.say(line=line[-_LINE_BYTES:].decode("utf-8", "replace"))
        if time.monotonic() - said > ALIVE_S:
            wire.say(alive=True)
            said = time.monotonic()
    # Its last words may have come between the two looks; it may also have left somebody who never ends.
    if select.select([errors], [], [], 0)[0]:
        for line in (held + os.read(errors, 1 << 16)).splitlines():
            wire.say(line=line[-_LINE_BYTES:].decode("utf-8", "replace"))


def clean(folder: Path) -> "str | None":
    """Kill what works in the folder and remove it; why it could not be, or None."""
    for _ in range(100):
        busy = _processes_in(folder)
        for process in busy:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(str(folder), ignore_errors=True)
        if not busy and not folder.exists():
            return None
        time.sleep(0.05)
    return str(folder)


def _processes_in(folder: Path) -> "list[int]":
    """Processes whose working folder is below it, also those that left their group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(str(entry / "cwd")).startswith(str(folder)):  # noqa: PTH115 - needs Python 3.9
                found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main()
