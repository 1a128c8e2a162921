"""What the owner of a machine has decided for it: whose bundles it takes, and what kind of device it is."""

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgetl import files
from edgetl.errors import BundleError, SettingsError
from edgetl.manifest import build, read_json

VARIABLE = "EDGETL_SETTINGS"
SYSTEM = Path("/etc/edgetl/settings.json")
"""Where it exists, users have no settings of their own: what an administrator requires stays required."""
SCHEMA = 1
_MOST_BYTES = 64_000


@dataclass(frozen=True)
class TrustedKey:
    """A public key whose owner's bundles this machine takes."""

    name: str
    """For people."""
    public: str
    """Ed25519 public key, 64 hexadecimal digits."""
    added: str
    """UTC, ISO 8601."""
    revoked: str | None = None
    """Since when its signatures count no longer: UTC, ISO 8601."""


@dataclass(frozen=True)
class Settings:
    """The content of ``settings.json``."""

    keys: tuple[TrustedKey, ...] = ()
    required: int = 0
    """How many of the keys must have signed a bundle; 0 takes unsigned ones too."""
    kind: str | None = None
    """What a bundle's ``compatible`` must name, if it names anything."""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if self.required < 0:
            raise BundleError(f"{self.required} signatures cannot be required")


def place() -> Path:
    """Where this machine's settings stand, or would.

    ``$EDGETL_SETTINGS`` if set, else ``/etc/edgetl/settings.json`` if it exists, else a file in the user's
    configuration folder.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    if SYSTEM.exists():
        return SYSTEM
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "edgetl" / "settings.json"


def read() -> Settings:
    """The settings of this machine; the defaults where there are none.

    Raises:
        SettingsError: they cannot be read or break a rule. They are never passed over: a damaged file would
            otherwise switch signatures off.
    """
    try:
        path = place()
    except RuntimeError:  # a user without a home: a container's
        return Settings()
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    try:
        value = read_json(data, "it", max_bytes=_MOST_BYTES)
        schema = value.get("schema") if isinstance(value, dict) else None
        if schema != SCHEMA:
            raise BundleError(f"its schema is {schema!r}, and this edgetl reads {SCHEMA}")
        return build(Settings, value, "settings")
    except BundleError as error:
        raise SettingsError(f"{path} is not understood ({error}): mend it, or remove it") from error


def write(settings: Settings) -> Path:
    """Replace the settings of this machine, and say where.

    Raises:
        WriteError: the place is read-only.
    """
    path = place()
    value: dict[str, Any] = asdict(settings)
    files.write_json(path, value)
    return path


def with_key(settings: Settings, key: TrustedKey) -> Settings:
    """The settings with a key in the place of the one with the same public half, if there is one."""
    others = tuple(other for other in settings.keys if other.public != key.public)
    return replace(settings, keys=(*others, key))
