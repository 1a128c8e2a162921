"""Open SSH to a device: its key checked against known_hosts, and a sentence for each way it can fail.

asyncssh reads ~/.ssh/config (Host, Match, Include, HostName, User, Port, IdentityFile, ProxyJump …), asks the
agent, and tries the keys in ~/.ssh. What we add: that known_hosts is looked into whatever ~/.ssh/config says,
and that passwords are never tried.
"""

import asyncio
import errno
import re
import shlex
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from edgetl.benchmarks.remote.address import Address
from edgetl.errors import DeviceError

_SSH_PORT = 22
_NOT_THERE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT}


class _Client(asyncssh.SSHClient):
    """Hears of a host key that known_hosts does not have, and refuses it with the reason."""

    def __init__(self, known: asyncssh.SSHKnownHosts, address: Address) -> None:
        self._known = known
        self._address = address
        self.problem: str | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Never: asyncssh asks for keys only that it did not find."""
        name = host if port == _SSH_PORT else f"[{host}]:{port}"
        expected, _, revoked, *_ = self._known.match(name, "", None)
        offered = f"{key.get_algorithm()} {key.get_fingerprint()}"
        if key in revoked:
            self.problem = f"has a key that known_hosts calls revoked, and was not connected to: {offered}"
        elif expected:
            self.problem = (
                f"HAS ANOTHER KEY THAN BEFORE, and was not connected to: it offers {offered}, and "
                f"known_hosts has {' and '.join(known.get_fingerprint() for known in expected)}. Somebody "
                "may be in between. If the device was set up anew, forget its old key: "
                f"ssh-keygen -R {shlex.quote(name)}"
            )
        else:
            self.problem = (
                f"is not in known_hosts: its key is {offered}. If the device says the same "
                "(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), add it by answering yes to: "
                f"{_ssh_command(self._address)}"
            )
        return False


@asynccontextmanager
async def connected(address: Address, timeout_s: float) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to the device, logged in, closed when the block ends.

    Args:
        address: the device.
        timeout_s: for all of it, from the name to the login.

    Raises:
        DeviceError: there is no such host, it refuses, is unknown, has changed its key, or says nothing.
    """
    connection = await _open(address, timeout_s)
    try:
        yield connection
    finally:
        connection.close()


async def _open(address: Address, timeout_s: float) -> asyncssh.SSHClientConnection:
    user = {} if address.user is None else {"username": address.user}
    port = {} if address.port is None else {"port": address.port}
    client: _Client | None = None

    def factory() -> _Client:
        nonlocal client
        client = _Client(known, address)
        return client

    try:
        options = asyncssh.SSHClientConnectionOptions(config=(), host=address.host, **user, **port)
        known = _known_hosts(options.known_hosts)
        opening = asyncssh.connect(
            address.host,
            options=options,
            known_hosts=known,
            client_factory=factory,
            password_auth=False,
            kbdint_auth=False,
            agent_forwarding=False,
            **port,
        )
        return await asyncio.wait_for(opening, timeout_s)
    except asyncssh.HostKeyNotVerifiable as error:
        told = client.problem if client is not None else None
        raise DeviceError(told or f"has a key that known_hosts does not allow: {error.reason}") from error
    except asyncssh.KeyExchangeFailed as error:
        raise DeviceError(
            f"offers no kind of key that known_hosts has of it, or no cipher of this machine: {error.reason}"
        ) from error
    except asyncssh.PermissionDenied as error:
        raise DeviceError(
            "refuses the login: give it your key with ssh-copy-id, and one that has a passphrase to the "
            "agent with ssh-add; passwords are not tried"
        ) from error
    except (asyncio.TimeoutError, TimeoutError) as error:
        raise DeviceError(
            f"did not let us in within {timeout_s:g} s: is it on, and on this network?"
        ) from error
    except asyncssh.Error as error:
        raise DeviceError(f"ended the connection during the login: {error.reason}") from error
    except OSError as error:
        raise DeviceError(_unreachable(error)) from error
    except ValueError as error:  # a line of ~/.ssh/config or known_hosts, a key
        raise DeviceError(f"was not tried, since a file in ~/.ssh is not understood: {error}") from error


def _known_hosts(configured: object) -> asyncssh.SSHKnownHosts:
    """The keys that are trusted: of the files that ~/.ssh/config names, or of OpenSSH's own.

    ``UserKnownHostsFile none`` would have asyncssh trust everybody; here it is as if it were not there.
    """
    named: Sequence[object] = configured if isinstance(configured, list) else []
    places = [*map(str, named)] or ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
    known = asyncssh.SSHKnownHosts()
    for place in (*places, "/etc/ssh/ssh_known_hosts"):
        path = Path(place).expanduser()
        if path.is_file():
            known.load(path.read_text("utf-8", "replace"))
    return known


def _ssh_command(address: Address) -> str:
    port = [] if address.port is None else ["-p", str(address.port)]
    user = "" if address.user is None else f"{address.user}@"
    return shlex.join(["ssh", *port, f"{user}{address.host}", "exit"])


def _unreachable(error: OSError) -> str:
    number = error.errno
    if number is None and (several := re.search(r"Errno (\d+)", str(error))):  # a name with several addresses
        number = int(several[1])
    if isinstance(error, socket.gaierror):
        return "is a name that nothing on this network knows: check it, or take the device's address"
    if number == errno.ECONNREFUSED:
        return "refuses connections: is SSH switched on there (sudo raspi-config), at this port?"
    if number in _NOT_THERE:
        return "cannot be reached: is it on, and on this network?"
    return f"cannot be connected to: {error.strerror or error}"
