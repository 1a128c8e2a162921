"""Open SSH to a device: its key checked against known_hosts, and a sentence for each way it can fail.

asyncssh reads ~/.ssh/config (Host, Match, Include, HostName, User, Port, IdentityFile, ProxyJump …), asks the
agent, and tries the keys in ~/.ssh. What we add: that known_hosts is looked into whatever ~/.ssh/config says,
of the hosts on the way too; that passwords are never tried; that nothing a host says reaches a terminal raw.
"""

import asyncio
import errno
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh

from edgetl.errors import DeviceError, HostKeyError, UsageError
from edgetl.remote import address as addresses
from edgetl.remote import host_keys
from edgetl.remote.address import Address
from edgetl.remote.patience import within
from edgetl.wording import said

_NOT_THERE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT}
_MOST_JUMPS = 8
# asyncssh asks for the kinds of key that known_hosts has, and a host with another kind just hangs up. Asked
# for after those, it shows its key, which is then refused with the reason.
_OTHER_KEYS = "+ssh-ed25519,ecdsa-sha2-nistp*,rsa-sha2-*"


@asynccontextmanager
async def connected(address: Address, timeout_s: float) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to the device, logged in, closed when the block ends.

    Args:
        address: the device.
        timeout_s: for all of it, from the name to the login.

    Raises:
        HostKeyError: its key is unknown, changed or revoked; or that of a host on the way (ProxyJump).
        DeviceError: there is no such host, it refuses, or says nothing.
    """
    async with AsyncExitStack() as opened:
        try:
            connection = await within(_open(address, opened), timeout_s)
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise DeviceError(
                f"did not let us in within {timeout_s:g} s: is it on, and on this network?"
            ) from error
        yield connection


async def _open(
    address: Address,
    opened: AsyncExitStack,
    jumps: int = 0,
    through: asyncssh.SSHClientConnection | None = None,
) -> asyncssh.SSHClientConnection:
    port = {} if address.port is None else {"port": address.port}
    client: host_keys.Client | None = None

    def factory() -> host_keys.Client:
        nonlocal client
        client = host_keys.Client(known, address)
        return client

    try:
        options = _options(address)
        name = options.config.get("Hostname", address.host)
        known = host_keys.known_hosts(options.known_hosts, str(name))
    except (ValueError, OSError) as error:  # a line of ~/.ssh/config or known_hosts, a key
        raise DeviceError(
            f"was not tried, since a file in ~/.ssh is not understood: {said(error)}"
        ) from error
    try:
        chosen = options.config.get("HostKeyAlgorithms", ())
        tunnel = through or await _through(options.tunnel, opened, jumps)
        connection = await asyncssh.connect(
            address.host,
            options=options,
            known_hosts=known,
            client_factory=factory,
            password_auth=False,
            kbdint_auth=False,
            agent_forwarding=False,
            compression_algs=["none"],  # a few bytes could become gigabytes before anything counts them
            server_host_key_algs=chosen or _OTHER_KEYS,
            tunnel=tunnel,
            **port,
        )
    except asyncssh.HostKeyNotVerifiable as error:
        told = client.problem if client is not None else None
        raise HostKeyError(
            told or f"has a key that known_hosts does not allow: {said(error.reason)}"
        ) from error
    except asyncssh.KeyExchangeFailed as error:
        raise DeviceError(f"offers no cipher that this machine takes: {said(error.reason)}") from error
    except asyncssh.PermissionDenied as error:
        raise DeviceError(
            "refuses the login: give it your key with ssh-copy-id, and one that has a passphrase to the "
            "agent with ssh-add; passwords are not tried"
        ) from error
    except asyncssh.Error as error:
        raise DeviceError(f"ended the connection during the login: {said(error.reason)}") from error
    except OSError as error:
        raise DeviceError(_unreachable(error, options.proxy_command)) from error
    except (ValueError, UsageError) as error:  # a line of ~/.ssh/config or known_hosts, a key
        raise DeviceError(
            f"was not tried, since a file in ~/.ssh is not understood: {said(error)}"
        ) from error
    opened.callback(connection.close)
    return connection


def _options(address: Address) -> asyncssh.SSHClientConnectionOptions:
    """What ~/.ssh/config says of the device; a key that it names and that is not there is passed over."""

    def made(**more: Any) -> asyncssh.SSHClientConnectionOptions:
        user = {} if address.user is None else {"username": address.user}
        port = {} if address.port is None else {"port": address.port}
        return asyncssh.SSHClientConnectionOptions(config=(), host=address.host, **user, **port, **more)

    try:
        return made()
    except FileNotFoundError:
        named = made(client_keys=None).config.get("IdentityFile")
        places = map(str, named) if isinstance(named, list) else ()
        there = [place for place in places if Path(place).expanduser().is_file()]
        return made(client_keys=there, ignore_encrypted=True)


async def _through(
    jumps_configured: object, opened: AsyncExitStack, jumps: int
) -> asyncssh.SSHClientConnection | None:
    """The connection to the last host on the way, which ``ProxyJump`` of ~/.ssh/config names.

    Left to itself asyncssh would trust those hosts as ~/.ssh/config says, which may be all.
    """
    if not isinstance(jumps_configured, str):
        return None
    if jumps == _MOST_JUMPS:
        raise DeviceError(f"is behind more than {_MOST_JUMPS} hosts: ProxyJump of ~/.ssh/config goes round")
    last: asyncssh.SSHClientConnection | None = None
    for text in jumps_configured.split(","):
        try:
            hop = addresses.parse(text.strip().removeprefix("ssh://").removesuffix("/"))
        except UsageError as error:
            raise DeviceError(
                f"was not tried, since ProxyJump of ~/.ssh/config is not understood: {error}"
            ) from error
        try:
            last = await _open(hop, opened, jumps + 1, last)
        except DeviceError as error:
            raise type(error)(f"is reached through {said(text)}, which {error}") from error
    return last


def _unreachable(error: OSError, proxy_command: object) -> str:
    number = error.errno
    if proxy_command and error.filename is not None:
        return (
            f"is reached through ProxyCommand of ~/.ssh/config, whose program {said(error.filename)} cannot "
            f"be started: {said(error.strerror)}"
        )
    if number is None and (several := re.search(r"Errno (\d+)", str(error))):  # a name with several addresses
        number = int(several[1])
    if isinstance(error, socket.gaierror):
        return "is a name that nothing on this network knows: check it, or take the device's address"
    if number == errno.ECONNREFUSED:
        return "refuses connections: is SSH switched on there (sudo raspi-config), at this port?"
    if number in _NOT_THERE:
        return "cannot be reached: is it on, and on this network?"
    return f"cannot be connected to: {said(error.strerror or error)}"
