"""What runs on a device during ``edgetl push``: choose its store, and install what was sent.

    python -m edgetl.fleet.arrival NAME STORE ZIP [OPTIONS OF edgetl install]

STORE is empty where nobody chose one. The rest is ``edgetl install``: what it prints, and how it ends.
"""

import os
import sys
from pathlib import Path

SYSTEM = Path("/var/lib/edgetl")


def main(words: list[str]) -> None:
    """Become ``edgetl install``."""
    name, chosen, archive, *options = words
    store = Path(chosen).expanduser() if chosen else store_of(name, SYSTEM, Path.home())
    command = [sys.executable, "-m", "edgetl", "install", archive, f"--into={store}", "--activate", "--json"]
    os.execv(sys.executable, [*command, *options])


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


if __name__ == "__main__":
    main(sys.argv[1:])
