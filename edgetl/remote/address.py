"""How a device is written: ``[user@]host[:port]``."""

import re
from dataclasses import dataclass

from edgetl.errors import UsageError
from edgetl.wording import brief, said

_MOST_HOST = 253
_MOST_LABEL = 63
"""Letters of a name and of a part of it (RFC 1035, 2.3.4)."""
_MOST_USER = 255
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# A name of ~/.ssh/config, of the network, or an address. ~/.ssh/config may hand it to a shell (ProxyCommand
# with %h), so nothing that a shell reads otherwise is let through.
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?")


@dataclass(frozen=True)
class Address:
    """Where a device is; what is None is for ~/.ssh/config to say, and for SSH where that does not."""

    text: str
    """As it was written."""
    user: str | None
    host: str
    port: int | None


def parse(text: str) -> Address:
    """Read ``pi@raspberrypi.local``, ``pi@10.0.0.7:2222``, ``pi@[fe80::1%eth0]:22``, a name of ~/.ssh/config.

    Raises:
        UsageError: it is none of these, or holds a password.
    """
    before, at, rest = text.rpartition("@")
    if ":" in before:
        raise UsageError(
            f"device {said(text.partition(':')[0])}:…@{said(rest)} holds a password, which others could "
            "read here: give the device your key with ssh-copy-id, and leave the password out"
        )
    bracketed = re.fullmatch(r"\[(.+)\](?::(.*))?", rest)
    if bracketed:
        host, port = bracketed[1], bracketed[2]
    elif rest.count(":") > 1:
        host, port = rest, None
    else:
        host, colon, tail = rest.partition(":")
        port = tail if colon else None
    if (at and not _is_user(before)) or not _is_host(host):
        raise UsageError(
            f"device {brief(text)!r} is not written as user@host or user@host:port: try pi@raspberrypi.local"
        )
    if port is not None and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 1 << 16):
        raise UsageError(
            f"device {brief(text)!r} has the port {brief(port)!r}, and ports are 1 to 65535: "
            f"try {text.removesuffix(f':{port}')}:22"
        )
    return Address(text, before or None, host, int(port) if port is not None else None)


def _is_user(text: str) -> bool:
    return len(text) <= _MOST_USER and _USER.fullmatch(text) is not None


def _is_host(text: str) -> bool:
    """Whether a resolver takes it: of a name, no part may be empty or long."""
    if not _HOST.fullmatch(text) or len(text) > _MOST_HOST:
        return False
    return ":" in text or all(0 < len(part) <= _MOST_LABEL for part in text.removesuffix(".").split("."))
