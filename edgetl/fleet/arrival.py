"""What runs on a device during ``edgetl push``: choose its store, and install what was sent.

    python -m edgetl.fleet.arrival NAME STORE ZIP [OPTIONS OF edgetl install]

STORE is empty where nobody chose one. The rest is ``edgetl install``: what it prints, and how it ends.
It runs with the modules that were sent, but whoever uses the store later has those of the device: what they
could not read is refused here.
"""

import os
import re
import sys
from pathlib import Path

from edgetl import extras, settings
from edgetl.errors import BundleError, EdgetlError, MissingPackageError, WriteError
from edgetl.updating.archive import Reader
from edgetl.wording import typed

SYSTEM = Path("/var/lib/edgetl")
_CHECKER = "securesystemslib"


def main(words: list[str]) -> None:
    """Become ``edgetl install``."""
    name, chosen, archive, *options = words
    store = Path(chosen).expanduser() if chosen else store_of(name, SYSTEM, Path.home())
    try:
        refuse_closed(store)
        check(Path(archive))
    except EdgetlError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    command = [sys.executable, "-m", "edgetl", "install", archive, f"--into={store}", "--activate", "--json"]
    os.execv(sys.executable, [*command, *options])


def check(archive: Path) -> None:
    """Refuse what this device's own Python could not use; any other fault is for ``edgetl install`` to tell.

    Args:
        archive: a packed bundle.

    Raises:
        BundleError: the edgetl that is installed here is older than the bundle needs.
        MissingPackageError: signatures are required here, and nothing is installed that checks them.
    """
    try:
        with archive.open("rb") as file:
            packed = Reader(file, str(archive))
        required = settings.read().required
    except (EdgetlError, OSError):
        return
    package = extras.distribution()
    installed, needed = extras.version(package), packed.manifest.minimum_edgetl
    if installed is not None and _numbers(installed) < _numbers(needed):
        raise BundleError(
            f"this device has {package} {installed}, and the bundle needs {needed}: pip install --upgrade "
            f"{package} there first"
        )
    if required and packed.signatures is not None and not extras.is_installed(_CHECKER):
        raise MissingPackageError(
            f"this device takes only signed bundles, and {sys.executable} there lacks {_CHECKER}, which "
            f"checks them: on the device, type: {_line()}",
            name=_CHECKER,
        )


def refuse_closed(store: Path) -> None:
    """Refuse a store that this user cannot look into.

    Raises:
        WriteError: it is one.
    """
    try:
        with os.scandir(store):
            pass
    except (FileNotFoundError, NotADirectoryError):  # it is made, or refused with its own reason
        pass
    except OSError as error:
        raise WriteError(
            f"{store} cannot be looked into there ({error.strerror}): log in as a user who may, or choose "
            "another store with --into"
        ) from error


def store_of(name: str, system: Path, home: Path) -> Path:
    """Where versions of a bundle are kept on this device when nobody says: for all, or else for this user.

    Args:
        name: of the bundle, fit for a folder.
        system: ``/var/lib/edgetl``, taken when it has the store already, or can be written or made.
        home: of the user.
    """
    place = system / name
    # A store that is there and closed to this user is no reason to begin a second one that nobody looks at.
    if _is_there(place):
        return place
    parent = system if system.is_dir() else system.parent
    return place if os.access(parent, os.W_OK | os.X_OK) else home / ".local/state/edgetl" / name


def _is_there(place: Path) -> bool:
    """Whether something is, or may be: into a folder that is closed to this user nobody can look."""
    try:
        place.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _line() -> str:
    if sys.prefix != sys.base_prefix:
        return f"{typed([sys.executable])} -m pip install {_CHECKER}"
    # Debian's own Python refuses pip (PEP 668); an environment on top of it has all that it has.
    return f"python3 -m venv --system-site-packages ~/edgetl && ~/edgetl/bin/pip install {_CHECKER}"


if __name__ == "__main__":
    main(sys.argv[1:])
