"""What runs on a device during ``edgetl push``: choose its store, and install what was sent.

    python -m edgetl.fleet.arrival NAME STORE ZIP [OPTIONS OF edgetl install]

STORE is empty where nobody chose one. What ``edgetl install`` prints is passed on, with ``was_active``: the
digest of the version that was used before; and it ends with the same code.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from edgetl.errors import BundleError
from edgetl.updating import state

SYSTEM = Path("/var/lib/edgetl")


def main(words: list[str]) -> int:
    """Install; the exit code of ``edgetl install``."""
    name, chosen, archive, *options = words
    store = Path(chosen).expanduser() if chosen else store_of(name, SYSTEM, Path.home())
    before = _active(store)
    command = [
        sys.executable,
        "-m",
        "edgetl",
        "install",
        archive,
        "--into",
        str(store),
        "--activate",
        "--json",
    ]
    ended = subprocess.run(
        [*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    answer = _object(ended.stdout)
    sys.stdout.write(json.dumps({"store": str(store), **answer, "was_active": before}))
    return ended.returncode


def store_of(name: str, system: Path, home: Path) -> Path:
    """Where versions of a bundle are kept on this device when nobody says: for all, or else for this user.

    Args:
        name: of the bundle, fit for a folder.
        system: ``/var/lib/edgetl``, taken when it has the store already, or can be written or made.
        home: of the user.
    """
    place = system / name
    parent = system if system.is_dir() else system.parent
    # A store that is there and closed to this user is no reason to begin a second one that nobody looks at.
    return (
        place
        if place.exists() or os.access(parent, os.W_OK | os.X_OK)
        else home / ".local/state/edgetl" / name
    )


def _active(store: Path) -> str | None:
    try:
        return state.read(store).active
    except BundleError:
        return None  # damaged: what is installed now mends it


def _object(printed: bytes) -> dict[str, Any]:
    """What ``edgetl install`` printed; nothing where it failed before."""
    try:
        value = json.loads(printed)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
