"""Files with keys: the private half for the workstation that signs, the public half for everybody."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetl import extras, files, reading
from edgetl.errors import KeyFileError, UsageError
from edgetl.signing import ed25519
from edgetl.signing.envelope import Signature
from edgetl.signing.trust import keyid_of
from edgetl.wording import brief

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE, PUBLIC = ".key", ".pub"
SHORTEST_PASSPHRASE = 8
_LONGEST_PASSPHRASE = 1023
"""Bytes that cryptography takes."""
_KIND = "edgetl-ed25519"
_NAME = "[A-Za-z0-9_.@+-]{1,64}"  # no letters that look like others
_MOST_BYTES = 4096


@dataclass(frozen=True)
class PublicKey:
    """The content of a ``.pub`` file: one line, ``edgetl-ed25519 HEX NAME``."""

    name: str
    public: str
    """64 hexadecimal digits."""

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not re.fullmatch("[0-9a-f]{64}", self.public) or not ed25519.is_point(bytes.fromhex(self.public)):
            raise KeyFileError(f"the key of {self.name} is no Ed25519 key: copy its .pub file again")

    @property
    def line(self) -> str:
        """What the file holds."""
        return f"{_KIND} {self.public} {self.name}\n"


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs."""

    public: PublicKey
    _secret: "Ed25519PrivateKey"

    def sign(self, message: bytes) -> Signature:
        """Its signature of a message."""
        return Signature(keyid_of(self.public.public), self._secret.sign(message))


def new(name: str, folder: Path, passphrase: str) -> tuple[Path, Path]:
    """Make a key, and write both halves: ``NAME.key``, which only its owner can read, and ``NAME.pub``.

    Args:
        name: of the key.
        folder: where to write them.
        passphrase: without which ``NAME.key`` is of no use.

    Raises:
        UsageError: a file of that name is there, or the passphrase is too short or too long.
        KeyFileError: that is no name of a key.
        WriteError: the place is read-only.
        MissingPackageError: ``cryptography`` is not installed.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise UsageError(f"the passphrase has {len(passphrase)} letters: take {SHORTEST_PASSPHRASE} or more")
    size = len(passphrase.encode("utf-8", "surrogateescape"))
    if size > _LONGEST_PASSPHRASE:
        raise UsageError(f"the passphrase has {size} bytes: take {_LONGEST_PASSPHRASE} or fewer")
    _check_name(name)
    private, public = folder / f"{name}{PRIVATE}", folder / f"{name}{PUBLIC}"
    for place in (private, public):
        if place.exists():
            raise UsageError(
                f"{place} exists already, and a key that is lost cannot be made again: choose another name"
            )
    _, serialization, asymmetric = _cryptography()
    secret = asymmetric.Ed25519PrivateKey.generate()
    raw = secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    described = PublicKey(name, raw.hex())
    pem = secret.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode("utf-8", "surrogateescape")),
    )
    files.write_text(public, described.line)
    try:
        files.write_bytes(private, pem, mode=0o600)
    except BaseException:
        files.remove(public)  # the half of a key that nobody has
        raise
    return private, public


def read_public(path: Path) -> PublicKey:
    """Read a ``.pub`` file.

    Raises:
        KeyFileError: it is none.
    """
    data, _ = _read(path)
    words = data.decode("utf-8", "replace").split()
    if len(words) != 3 or words[0] != _KIND:
        hint = ": that is the private half, which stays where it is" if path.suffix == PRIVATE else ""
        raise KeyFileError(f"{path} is no public key of edgetl keys new{hint}")
    return PublicKey(words[2], words[1])


def read_private(path: Path, passphrase: str) -> PrivateKey:
    """Read a ``.key`` file.

    Args:
        path: the file.
        passphrase: it was written with.

    Raises:
        KeyFileError: it is none, is not the user's alone, or the passphrase is another.
        MissingPackageError: ``cryptography`` is not installed.
    """
    data, state = _read(path)
    if state.st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others: chmod 600 {path}, and think of making a new key")
    if state.st_uid not in (os.geteuid(), 0):
        raise KeyFileError(f"{path} belongs to another user: sign as that user, or make a key of your own")
    exceptions, serialization, asymmetric = _cryptography()
    try:
        secret = serialization.load_pem_private_key(data, passphrase.encode("utf-8", "surrogateescape"))
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path} is no key of edgetl keys new, or its passphrase is another") from error
    if not isinstance(secret, asymmetric.Ed25519PrivateKey):
        raise KeyFileError(f"{path} is no Ed25519 key: make one with edgetl keys new")
    raw = secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    if not re.fullmatch(_NAME, path.stem):
        raise KeyFileError(f"{path} is not called after its key: give it its name NAME{PRIVATE} again")
    return PrivateKey(PublicKey(path.stem, raw.hex()), secret)


def _check_name(name: str) -> None:
    if not re.fullmatch(_NAME, name):
        raise KeyFileError(f"{brief(name)!r} is no name of a key: up to 64 letters, digits and . @ + - _")


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """The content of a file, and whose it is: both of one and the same file."""
    try:
        with reading.regular(path) as file:
            data, state = b"".join(reading.pieces(file, _MOST_BYTES + 1)), os.fstat(file.fileno())
    except FileNotFoundError:
        raise KeyFileError(f"{path} does not exist: make a key with edgetl keys new") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise KeyFileError(f"{path} is no key of edgetl keys new: it is larger than {_MOST_BYTES} bytes")
    return data, state


def _cryptography() -> list[Any]:
    parts = ("exceptions", "hazmat.primitives.serialization", "hazmat.primitives.asymmetric.ed25519")
    return [extras.load(f"cryptography.{part}", extra="sign", purpose="signing") for part in parts]
