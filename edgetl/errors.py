"""Every error edgetl raises on purpose.

    EdgetlError                      exit code 1
    ├── UsageError (ValueError)      exit code 2: the call itself is wrong
    ├── MissingPackageError (ImportError)
    ├── DatasetError (ValueError)    the pictures or their labels
    ├── ImageError (ValueError)      one picture
    ├── CameraError (OSError)        a camera or stream that is missing, busy or silent
    ├── WeightsError (OSError)       pretrained weights
    ├── RunError (ValueError)        a folder written by ``edgetl train``
    ├── BundleError (ValueError)     a folder written by ``edgetl export``
    │   ├── DamagedBundleError       a file of it is missing or not what the manifest says
    │   └── SignatureError           not signed by those whom this machine trusts
    ├── SettingsError (ValueError)   what the owner of this machine has decided cannot be read
    ├── KeyFileError (ValueError)    a file with a key
    ├── ModelError (RuntimeError)    a model file that an engine cannot load or run
    ├── ConversionError (RuntimeError)
    ├── ReportError (ValueError)     a file written by ``edgetl bench``
    ├── DeviceError (RuntimeError)   another machine, over SSH
    │   └── HostKeyError             exit code 4: it has not shown a key that known_hosts trusts
    ├── CacheError (OSError)         what edgetl keeps between runs
    ├── WriteError (OSError)         a file or folder that cannot be written
    ├── BusyError (RuntimeError)     another edgetl is at work at the same place
    └── GateError                    exit code 3: it worked, and the answer is no

Each leaf is also the builtin a caller would catch without knowing edgetl. A message states the value,
the rule and the way out.
"""

from pathlib import Path
from typing import ClassVar


class EdgetlError(Exception):
    """Anything edgetl refuses or fails at, in one sentence meant for the user."""

    exit_code: ClassVar[int] = 1


class UsageError(EdgetlError, ValueError):
    """An argument or option is not one of those offered."""

    exit_code = 2


class MissingPackageError(EdgetlError, ImportError):
    """An optional package is needed and not installed; the message names the extra."""


class DatasetError(EdgetlError, ValueError):
    """The pictures or labels cannot be trained on."""


class ImageError(EdgetlError, ValueError):
    """A picture cannot be decoded, or is refused for its size."""


class CameraError(EdgetlError, OSError):
    """A camera cannot be opened, or gives no pictures."""


class WeightsError(EdgetlError, OSError):
    """Pretrained weights are not to be had, or do not fit the architecture."""


class RunError(EdgetlError, ValueError):
    """A folder is not a run, or not a whole one."""


class BundleError(EdgetlError, ValueError):
    """A folder is not a bundle, or its manifest breaks a rule."""


class DamagedBundleError(BundleError):
    """A file of the bundle is missing, or its bytes are not those the manifest names."""


class SignatureError(BundleError):
    """A bundle is not signed by as many trusted keys as this machine requires."""


class SettingsError(EdgetlError, ValueError):
    """The settings of this machine cannot be read or break a rule."""


class KeyFileError(EdgetlError, ValueError):
    """A file holds no key, or its passphrase is another."""


class ModelError(EdgetlError, RuntimeError):
    """An engine cannot load or run a model file."""


class ConversionError(EdgetlError, RuntimeError):
    """A trained model could not be turned into a format."""


class ReportError(EdgetlError, ValueError):
    """A file is no report of ``edgetl bench``, is damaged, or was written by a newer edgetl."""


class DeviceError(EdgetlError, RuntimeError):
    """Another machine cannot be reached over SSH, or cannot measure."""


class HostKeyError(DeviceError):
    """Another machine's host key is unknown, changed or revoked: nothing was sent to it."""

    exit_code = 4


class CacheError(EdgetlError, OSError):
    """What was kept in the cache changed while it was in use."""


class WriteError(EdgetlError, OSError):
    """A file or folder cannot be written; nothing half-written is left."""

    needed: int | None = None
    """Bytes it takes at least, where the disk is full and that is known."""
    place: Path | None = None
    """What cannot be written."""


class BusyError(EdgetlError, RuntimeError):
    """Another edgetl is at work at the same place."""


class GateError(EdgetlError):
    """Everything ran, and a stated limit was not met."""

    exit_code = 3
