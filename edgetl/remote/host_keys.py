"""Which host keys are trusted: those of known_hosts under the device's name, and no other."""

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from edgetl.remote.address import Address
from edgetl.wording import typed

_SSH_PORT = 22


class KnownHosts(asyncssh.SSHKnownHosts):
    """Keys by the name that was asked for.

    By itself asyncssh also trusts what is known of the network address, so that whoever forges a name could
    answer as any other host that is known; and it forgets that ``[host]:port`` has a revoked key where that
    line is the only one. As with OpenSSH, capitals make no other name, and a line that is not understood
    counts for nothing.
    """

    def load(self, known_hosts: str) -> None:
        """Add the lines of a file."""
        for line in known_hosts.splitlines():
            with contextlib.suppress(ValueError):
                super().load(_small(line))

    def match(self, host: str, addr: str, port: int | None) -> "asyncssh.known_hosts._KnownHostsResult":
        """The keys of a host: of its name with the port or else without, as OpenSSH has it."""
        host = host.lower()
        plain = super().match(host, "", None)
        if port is None or port == _SSH_PORT:
            return plain
        named = super().match(f"[{host}]:{port}", "", None)
        keys, authorities, _, certificates, _, subjects, _ = (
            named if any((named[0], named[1], named[3], named[5])) else plain
        )
        revoked = ([*named[2], *plain[2]], [*named[4], *plain[4]], [*named[6], *plain[6]])
        return keys, authorities, revoked[0], certificates, revoked[1], subjects, revoked[2]


class Client(asyncssh.SSHClient):
    """Hears of a host key that known_hosts does not have, and refuses it with the reason."""

    def __init__(self, known: KnownHosts, address: Address) -> None:
        self._known = known
        self._address = address
        self.problem: str | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Never: asyncssh asks for keys only that it did not find."""
        host = host.lower()
        name = host if port == _SSH_PORT else f"[{host}]:{port}"
        expected, _, revoked, *_ = self._known.match(host, "", port)
        offered = f"{key.get_algorithm()} {key.get_fingerprint()}"
        if key in revoked:
            self.problem = f"has a key that known_hosts calls revoked, and was not connected to: {offered}"
        elif expected:
            self.problem = (
                f"HAS ANOTHER KEY THAN BEFORE, and was not connected to: it offers {offered}, and "
                f"known_hosts has {' and '.join(known.get_fingerprint() for known in expected)}. Somebody "
                "may be in between. If the device was set up anew, forget its old key: "
                f"{typed(['ssh-keygen', '-R', name])}"
            )
        else:
            self.problem = (
                f"is not in known_hosts: its key is {offered}. If the device says the same "
                "(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), add it by answering yes to: "
                f"{_ssh_command(self._address)}"
            )
        return False


def known_hosts(configured: object, host: str) -> KnownHosts:
    """The keys that are trusted: of the files that ~/.ssh/config names, or of OpenSSH's own.

    ``UserKnownHostsFile none`` would have asyncssh trust everybody; here it is as if it were not there.

    Args:
        configured: what asyncssh found in ~/.ssh/config.
        host: its name there, which ``%h`` in the name of a file stands for.

    Raises:
        ValueError: the name of a file has another word with ``%``.
        OSError: a file cannot be read.
    """
    named: Sequence[object] = configured if isinstance(configured, list) else []
    places = [*map(str, named)] or ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
    known = KnownHosts()
    for place in (*places, "/etc/ssh/ssh_known_hosts"):
        path = Path(_expanded(place, host)).expanduser()
        if path.is_file():
            known.load(path.read_text("utf-8", "replace"))
    return known


def _small(line: str) -> str:
    """A line of known_hosts with its names in small letters; what is hashed was so before."""
    words = line.split(None, 2)
    names = 1 if line.lstrip().startswith("@") else 0
    if len(words) == 3 and not words[names].startswith("|"):
        words[names] = words[names].lower()
    return " ".join(words)


def _expanded(place: str, host: str) -> str:
    """The name of a file with what its ``%d``, ``%h`` and ``%%`` stand for (ssh_config(5), TOKENS)."""
    meant = {"%d": str(Path.home()), "%h": host.lower(), "%%": "%"}

    def word(found: re.Match[str]) -> str:
        if found[0] not in meant:
            raise ValueError(
                f"UserKnownHostsFile {place} has {found[0]}, and edgetl knows %d, %h and %% alone"
            )
        return meant[found[0]]

    return re.sub("%.?", word, place)


def _ssh_command(address: Address) -> str:
    port = [] if address.port is None else ["-p", address.port]
    user = "" if address.user is None else f"{address.user}@"
    return typed(["ssh", *port, f"{user}{address.host}", "exit"])
