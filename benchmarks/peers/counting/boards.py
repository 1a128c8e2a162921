"""The emulated boards of ``tests/arm``, set up to be counted; needs ``PYTHONPATH=tests``."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from counting import plugin

NAMES = ("pi4", "pi5")
SUITE = "bookworm"
"""Its Python 3.11 is the last with wheels of tflite-runtime, its QEMU takes plugins."""
Installed = tuple[Sequence[str], Path]
"""Engines that are installed together, and the Python that has them."""


def set_up(names: Sequence[str]) -> tuple[Path, dict[str, list[Installed]]]:
    """The plugin, and what is installed on each board, LiteRT first; made or kept.

    Raises:
        CountingError: no C compiler.
        UnsuitableHostError, UnreachableError: as ``arm.debian.unpack``.
    """
    from arm import folders, packages, userland, workstation
    from arm.__main__ import installations
    from arm.boards import BOARDS

    def compile_into(folder: Path) -> None:
        plugin.build(folder)

    with folders.alone(folders.cache()):
        # First: what is missing here is known before anything is downloaded.
        counter = folders.kept(folders.cache() / "counter", folders.key_of(*plugin.SOURCES), compile_into)
        wheel = workstation.wheel()
        pythons: dict[str, list[Installed]] = {
            name: [
                (each.engines, packages.install(place, each.extras, wheel))
                for each in installations(name, SUITE)
            ]
            for name in names
            for place in [userland.make(BOARDS[name], SUITE)]
        }
    return counter / plugin.NAME, pythons


@contextmanager
def explained(leave: Callable[[int, str], NoReturn]) -> Iterator[None]:
    """Leave with a sentence where counting is not possible: 75 when packages cannot be reached, else 2."""
    from arm import debian

    try:
        yield
    except debian.UnreachableError as error:
        leave(os.EX_TEMPFAIL, f"error: this needs Debian's packages, and apt says: {error}\n")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, RuntimeError) as error:
        leave(2, f"error: {error}\n")
