"""Whether a device will do: what it said of itself, judged, in the words of who has to mend it."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgetl.errors import DeviceError
from edgetl.remote.answers import Python
from edgetl.runtime import engines
from edgetl.wording import said, typed

PYTHONS = ("~/edgetl/bin/python", "python3", "~/.venv/bin/python", "~/venv/bin/python")
"""Looked at in this order; the first is the environment that our own instructions make."""
NEEDED = {"numpy": "numpy", "PIL": "'pillow>=10.3,<13'", "click": "click"}
"""What edgetl imports on a device, and what pip calls it."""
CHECKER = "securesystemslib"
"""What checks signatures there, where the bundle has them and the device requires them."""
OLDEST = (3, 10)
_VENV = "~/edgetl"


@dataclass(frozen=True)
class Wanted:
    """What a bundle needs of a device."""

    formats: tuple[str, ...]
    """Of its variants, the recommended one's first."""
    room_bytes: int
    is_signed: bool = False
    """Whether a Python that can check signatures is taken before one that cannot."""

    @property
    def engines(self) -> tuple[engines.EngineRow, ...]:
        """Those that run one of the formats."""
        rows = (row for name in self.formats for row in engines.ENGINES.values() if name in row.formats)
        return tuple(dict.fromkeys(rows))

    @property
    def modules(self) -> tuple[str, ...]:
        """What to look for in each Python."""
        packages = (row.package for row in self.engines if row.package is not None)
        return (*NEEDED, *packages, *([CHECKER] if self.is_signed else []))


def choose_python(wanted: Wanted, pythons: Sequence[Python], given: str | None) -> str:
    """The first Python that has everything, as it was asked for.

    Of a signed bundle, what checks signatures is not needed on a device that requires none: a Python without
    it is taken where no other will do.

    Args:
        wanted: what is needed.
        pythons: those of the device.
        given: the one that was asked for alone.

    Raises:
        DeviceError: there is none; it names the line that mends the most promising one.
    """
    running = [python for python in pythons if python.version is not None]
    if not running:
        raise DeviceError(
            f"has no Python that runs at {said(given or 'python3')}: sudo apt install python3 python3-venv"
        )
    young = [python for python in running if python.version is not None and python.version >= OLDEST]
    if not young:
        newest = max(running, key=lambda python: python.version or ())
        raise DeviceError(
            f"has Python {'.'.join(map(str, newest.version or ()))} at {said(newest.path)}, and edgetl needs "
            "3.10 or later: Raspberry Pi OS has had it since Debian 12 (bookworm)"
        )
    fitting = [python for python in young if not _missing(wanted, python)]
    if fitting:
        return next((python.path for python in fitting if CHECKER in python.modules), fitting[0].path)
    best = min(young, key=lambda python: len(_missing(wanted, python)))
    missing = [
        *_missing(wanted, best),
        *([CHECKER] if wanted.is_signed and CHECKER not in best.modules else []),
    ]
    raise DeviceError(
        f"lacks {', '.join(name.partition('>')[0].strip(chr(39)) for name in missing)} in {said(best.path)}; "
        f"on the device, type: {_line(best, missing)}"
    )


def check_room(wanted: Wanted, place: str | None, free_bytes: int) -> None:
    """Refuse a device without room.

    Raises:
        DeviceError: there is no writable folder, or too little space in it.
    """
    if place is None:
        raise DeviceError(
            "has no folder that can be written, of $TMPDIR, /var/tmp, the home folder and /tmp: set TMPDIR "
            "there"
        )
    if free_bytes < wanted.room_bytes:
        raise DeviceError(
            f"has {free_bytes / 1e6:.1f} MB free in {place}, and {wanted.room_bytes / 1e6:.1f} MB are "
            "needed: free some space there, or set TMPDIR there to a folder with more"
        )


def _missing(wanted: Wanted, python: Python) -> list[str]:
    """What pip would have to install, as it is typed in a shell."""
    found = python.modules
    missing = [distribution for module, distribution in NEEDED.items() if module not in found]
    if any(row.package is None or row.package in found for row in wanted.engines):
        return missing
    for row in wanted.engines:
        # The one engine with wheels for 32 bits.
        if python.bits == 64 or row.name == "tflite-runtime":
            fitting = ["'numpy<2'"] if row.name == "tflite-runtime" else []
            return [*missing, str(row.distribution), *fitting]
    return [*missing, str(wanted.engines[0].distribution)]


def _line(python: Python, missing: Sequence[str]) -> str:
    path = python.path
    if "/" in path and not path.startswith(("/usr/", "/bin/")):
        home, tail = ("~/", path[2:]) if path.startswith("~/") else ("", path)  # a quoted ~ is no home
        return f"{home}{typed([tail])} -m pip install {' '.join(missing)}"
    # Debian's own Python refuses pip (PEP 668), and a new environment has nothing yet.
    everything = [*(name for name in NEEDED.values() if name not in missing), *missing]
    return f"python3 -m venv {_VENV} && {_VENV}/bin/pip install {' '.join(everything)}"
