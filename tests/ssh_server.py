"""A device to log into: an OpenSSH server of our own on the loopback, with keys and folders of its own.

Import it as ``import ssh_server``: pyproject.toml puts tests/ on pytest's path. It needs ``sshd`` and
``ssh-keygen`` (Debian's openssh-server); it is no service of the system, and touches nobody's ~/.ssh.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

SSHD = next(
    filter(None, (shutil.which("sshd"), shutil.which("sshd", path="/usr/sbin:/usr/local/sbin"))), None
)
_PRIVILEGE_SEPARATION = Path("/run/sshd")  # sshd refuses to start as root without it
_START_S = 10.0


class Device:
    """A board that is this machine: its own home, temporary folder and Python.

    ``home`` is the home of the one who logs in, too: its .ssh has the key, ``known_hosts`` and, where a test
    writes one, ``config``.
    """

    def __init__(self, folder: Path, name: str = "host_key") -> None:
        self.home = folder / "home"
        self.temporary = folder / "device"
        self._folder = folder
        self.bin = folder / "bin"
        self.key = folder / name
        self.authorized_keys = folder / "authorized_keys"
        self.port = _free_port()
        self.user = getpass.getuser()
        self._more_keys: tuple[Path, ...] = ()
        self._server: subprocess.Popen[bytes] | None = None
        for place in (self.home / ".ssh", self.temporary, self.bin):
            place.mkdir(parents=True, exist_ok=True)
        _new_key(self.key)
        own_key = self.home / ".ssh" / "id_ed25519"
        if not own_key.exists():
            _new_key(own_key)
        shutil.copy(own_key.with_suffix(".pub"), self.authorized_keys)
        self.python_script = f'exec {sys.executable} "$@"'
        self.python(self.python_script)
        self.trust()

    @property
    def address(self) -> str:
        """As it is given to --device."""
        return f"{self.user}@127.0.0.1:{self.port}"

    @property
    def known_hosts(self) -> Path:
        """The user's."""
        return self.home / ".ssh" / "known_hosts"

    def trust(self, key: Path | None = None) -> None:
        """Put the host's key, or another one, into known_hosts."""
        kind, data, *_ = (key or self.key).with_suffix(".pub").read_text().split()
        before = self.known_hosts.read_text() if self.known_hosts.exists() else ""
        self.known_hosts.write_text(f"{before}[127.0.0.1]:{self.port} {kind} {data}\n")

    def also_shows(self, key: Path) -> None:
        """Start again with another host key beside its own."""
        self._more_keys = (key,)
        self.start()

    def python(self, script: str | None) -> None:
        """Let ``python3`` on the device be a shell script, or not be there."""
        place = self.bin / "python3"
        if script is None:
            place.unlink()
            return
        place.write_text(f"#!/bin/sh\n{script}\n")
        place.chmod(0o755)

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start the server, again if it runs; every session gets the environment."""
        self.stop()
        given = {
            "HOME": self.home,
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "TMPDIR": self.temporary,
            **(environment or {}),
        }
        settings = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "AuthorizedKeysFile": self.authorized_keys,
            "PidFile": "none",
            "StrictModes": "no",  # pytest's temporary folders lie in one that others may write into
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "SetEnv": " ".join(f'"{name}={value}"' for name, value in given.items()),
        }
        config = self._folder / f"{self.key.name}.config"
        keys = "".join(f"HostKey {key}\n" for key in (self.key, *self._more_keys))
        config.write_text(keys + "".join(f"{name} {value}\n" for name, value in settings.items()))
        if os.getuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        log = self._folder / f"{self.key.name}.log"
        with log.open("wb") as file:
            command = [str(SSHD), "-D", "-e", "-f", str(config)]
            self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=file)
        until = time.monotonic() + _START_S
        while not _answers(self.port):
            if self._server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"sshd did not start: {log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it with all its sessions."""
        if self._server is not None:
            self._server.kill()
            self.cut()
            self._server.wait()

    def cut(self) -> None:
        """Kill the processes of sshd that serve sessions: connections are gone, what runs in them is not."""
        assert self._server is not None
        for process in _children(self._server.pid):
            with suppress(ProcessLookupError):  # it may just have ended
                os.kill(process, signal.SIGKILL)

    def processes(self) -> dict[int, str]:
        """Command lines of what runs in sessions, by process number: all have the temporary folder."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if f"TMPDIR={self.temporary}".encode() in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
        return found

    def is_clean(self, within_s: float = 10.0) -> bool:
        """Whether no file and no process is left, now or soon."""
        until = time.monotonic() + within_s
        while list(self.temporary.iterdir()) or self.processes():
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


@contextmanager
def running(folder: Path, name: str = "host_key") -> Iterator[Device]:
    """A device that is on until the block ends."""
    device = Device(folder, name)
    try:
        device.start()
        yield device
    finally:
        device.stop()


def _new_key(place: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def _children(process: int) -> list[int]:
    """All descendants that are sshd's own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
            parent = int(rest.split()[1])
        except (OSError, ValueError):
            continue
        if parent == process and name.startswith("sshd"):
            found += [*_children(int(entry.name)), int(entry.name)]
    return found
