"""What the owner of a machine has decided for it: whose bundles it takes, and what kind of device it is."""

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgetl import disk, files, reading, sealing
from edgetl.errors import BundleError, SettingsError

VARIABLE = "EDGETL_SETTINGS"
SYSTEM = Path("/etc/edgetl/settings.json")
"""Root's settings, which hold for everybody: where it exists, users have none of their own, by ``VARIABLE``
neither. What an administrator requires stays required."""
SCHEMA = 1
KIND = "[A-Za-z0-9._-]{1,64}"
"""What a kind of device is called."""
_MOST_BYTES = 64_000
_LOCK = ".settings.lock"
_WAIT_S = 5.0
"""For others who change the settings, which takes them milliseconds."""


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

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.public):
            raise BundleError(f"the public key of {self.name!r} is not 64 hexadecimal digits")


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
        if self.kind is not None and not re.fullmatch(KIND, self.kind):
            raise BundleError("the kind of this device is not of 1 to 64 letters, digits and . _ -")
        # Of a key that stands twice, once revoked, nobody could say whether it is trusted.
        for every in ([key.name for key in self.keys], [key.public for key in self.keys]):
            if len(set(every)) != len(every):
                raise BundleError(f"a key stands twice among {', '.join(every)}")


def place() -> Path:
    """Where this machine's settings stand, or would.

    ``/etc/edgetl/settings.json`` if it exists, else ``$EDGETL_SETTINGS`` if set, else root's place, which is
    the first, or a file in the user's configuration folder.

    Raises:
        SettingsError: a user without a home has no place for them.
    """
    found = _place()
    if found is None:
        raise SettingsError(f"this user has no home to keep settings in: name a file for them in {VARIABLE}")
    return found


def _place() -> Path | None:
    if _is_there(SYSTEM):
        return SYSTEM
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    if getattr(os, "geteuid", lambda: 1)() == 0:  # who types sudo, decides for the services as well
        return SYSTEM
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():  # as its specification says; another folder would have other settings
        try:
            folder = Path.home() / ".config"
        except RuntimeError:  # a container's user
            return None
    return folder / "edgetl" / "settings.json"


def read(*, to_change: bool = False) -> Settings:
    """The settings of this machine; the defaults where there are none.

    Args:
        to_change: whether they are read to be written, so that a file that was named may be missing.

    Raises:
        SettingsError: they cannot be read or break a rule, or the file that ``$EDGETL_SETTINGS`` names is
            missing. They are never passed over: a damaged file would otherwise switch signatures off.
    """
    path = _place()
    if path is None:
        return Settings()
    try:
        data = reading.head(path, _MOST_BYTES)
    except FileNotFoundError as error:
        # A link to a disk that is not mounted, or a name with a mistake, must not switch signatures off.
        if (link := _link_to_nowhere(path)) is not None:
            raise SettingsError(f"{link} is a link to nowhere: mend it, or remove it") from error
        if Path(os.environ.get(VARIABLE) or os.sep) == path and not to_change:
            raise SettingsError(
                f"{path}, which {VARIABLE} names, does not exist: write it with edgetl settings --require, "
                "or unset the variable"
            ) from error
        return Settings()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return sealing.read(data, Settings, schema=SCHEMA, max_bytes=_MOST_BYTES)
    except BundleError as error:
        raise SettingsError(
            f"{path} is not understood ({error}): remove it and write it anew with edgetl settings"
        ) from error


def change(changing: Callable[[Settings], Settings]) -> Settings:
    """Read the settings, change them and write them back, with nobody in between.

    Args:
        changing: from the settings as they are to the settings as they shall be. What it raises changes
            nothing.

    Raises:
        BusyError: others change them all the time.
        SettingsError: they cannot be read, or there would be too many keys.
        WriteError: the place is read-only.
    """
    path = place()
    read(to_change=True)  # what cannot be read is told before anything is made
    is_new = not path.parent.exists()
    with files.lock(path.parent / _LOCK, wait_s=_WAIT_S):
        if path == SYSTEM:
            with contextlib.suppress(OSError):  # who may read the lock could hold it, for ever
                disk.allow(path.parent / _LOCK, 0o600)
        after = changing(read(to_change=True))
        _write(after, path, is_new=is_new)
        return after


def write(settings: Settings) -> Path:
    """Replace the settings of this machine, and say where.

    Raises:
        SettingsError: they are too many to be read again.
        WriteError: the place is read-only.
    """
    path = place()
    _write(settings, path, is_new=not path.parent.exists())
    return path


def _write(settings: Settings, path: Path, *, is_new: bool) -> None:
    # Sealed: a bit that falls over in `required` would make another number of it, and a 0 of a 1.
    text = sealing.sealed(asdict(settings))
    if len(text.encode()) > _MOST_BYTES:
        raise SettingsError(
            f"{path} would have more than {_MOST_BYTES} bytes, which nothing reads: trust fewer keys than "
            f"{len(settings.keys)}"
        )
    if path != SYSTEM:
        files.write_text(path, text)
        return
    # They hold for everybody, so everybody must be able to read them, whatever root's umask takes away.
    with files.new_file(path) as beside:
        files.write_text(beside, text)
        disk.allow(beside, 0o644)
        if is_new:
            disk.allow(path.parent, 0o755)


def _is_there(path: Path) -> bool:
    """Whether anything has this name, if only a link to nowhere or what this user may not see."""
    try:
        path.lstat()
    except NotADirectoryError:
        return False
    except FileNotFoundError:
        return _link_to_nowhere(path) is not None
    except OSError:
        return True
    return True


def _link_to_nowhere(path: Path) -> Path | None:
    """What leads to no file because its target is missing: the path, or a folder above it."""
    for part in (path, *path.parents):
        if part.is_symlink() and not part.exists():
            return part
    return None


def with_key(settings: Settings, key: TrustedKey) -> Settings:
    """The settings with a key in the place of the one with the same public half, if there is one."""
    others = tuple(other for other in settings.keys if other.public != key.public)
    return replace(settings, keys=(*others, key))
