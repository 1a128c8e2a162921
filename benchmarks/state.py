"""The state a machine is in: governor, temperature, throttling, load. Reads files, needs no package."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_N = TypeVar("_N", int, float)

THROTTLING = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Meaning of the low bits of ``get_throttled`` (Raspberry Pi documentation, vcgencmd). Bit n + 16 says that
it has happened since the board was started."""

_CPU_ZONES = ("cpu", "soc", "pkg")
_CPUS = "sys/devices/system/cpu"
_FIRMWARE_S = 5.0


@dataclass(frozen=True)
class State:
    """What can change while a benchmark runs."""

    governor: str | None
    """CPU frequency governor of the first core; None where the kernel has none."""
    temperature_c: float | None
    """Of the CPU, degrees Celsius."""
    throttled: int | None
    """Bits of ``get_throttled``, see :data:`THROTTLING`; None on other boards and PCs."""
    load_average: float | None
    """Processes that ran or waited to run, averaged over the last minute."""

    @property
    def throttled_now(self) -> tuple[str, ...]:
        """What slows the board at this moment, in words."""
        return _meanings(self.throttled or 0)

    @property
    def throttled_before(self) -> tuple[str, ...]:
        """What has slowed the board since it was started, in words."""
        return _meanings((self.throttled or 0) >> 16)


class Sensors:
    """Where a machine shows its state. Looked up once, since a benchmark asks twice a second."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Look them up.

        Args:
            root: where ``/proc`` and ``/sys`` stand; tests give a board's files.
        """
        self._zone = _cpu_zone(root)
        self._governor = root / _CPUS / "cpu0/cpufreq/scaling_governor"
        self._clocks = sorted((root / _CPUS).glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
        self._throttled = sorted((root / "sys/devices/platform").glob("soc*/soc*firmware/get_throttled"))
        self._tool = shutil.which("vcgencmd") if root == Path("/") else None
        self._slowed = root / _CPUS / "cpu0/thermal_throttle/package_throttle_count"

    def governor(self) -> str | None:
        """CPU frequency governor of the first core; None where the kernel has none."""
        return read_text(self._governor)

    def temperature_c(self) -> float | None:
        """Of the CPU, degrees Celsius."""
        degrees = read_number(self._zone, int) if self._zone else None
        return None if degrees is None else degrees / 1000  # the kernel gives thousandths

    def clocks_hz(self) -> tuple[int, ...] | None:
        """The clock of each core that tells it, in the order of their names; None where none does.

        In most drivers this is what the kernel asked for last, which the firmware of a hot board may not
        grant (Linux, admin-guide/pm/cpufreq, ``scaling_cur_freq``): :meth:`throttled` tells that.
        """
        told = (read_number(path, int) for path in self._clocks)
        return tuple(kilohertz * 1000 for kilohertz in told if kilohertz is not None) or None

    def throttled(self) -> int | None:
        """Bits of ``get_throttled``, see :data:`THROTTLING`; None on other boards and PCs."""
        # The kernel's file came with Linux 4.14 for the Pi; where it is gone the firmware's tool still tells.
        for path in self._throttled:
            if (bits := read_number(path, _hexadecimal)) is not None:
                return bits
        return _ask_firmware(self._tool) if self._tool else None

    def slowed_count(self) -> int | None:
        """How often a PC's processor has slowed itself for its heat since it was started; None on boards."""
        return read_number(self._slowed, int)


def read_state(root: Path = Path("/")) -> State:
    """The state of this machine, or of the one whose ``/proc`` and ``/sys`` stand below ``root``."""
    sensors = Sensors(root)
    load = (read_text(root / "proc/loadavg") or "").partition(" ")[0]
    return State(
        governor=sensors.governor(),
        temperature_c=sensors.temperature_c(),
        throttled=sensors.throttled(),
        load_average=_number(load, float),
    )


def read_text(path: Path) -> str | None:
    """A small file of the kernel without its closing NUL or line feed; None when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace").rstrip("\0\n").strip() or None
    except OSError:
        return None


def read_number(path: Path, read: Callable[[str], _N]) -> _N | None:
    """A number that the kernel shows; None when it cannot be read or is none."""
    return _number(read_text(path), read)


def _cpu_zone(root: Path) -> Path | None:
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        kind = read_text(zone / "type")
        if kind and any(part in kind.lower() for part in _CPU_ZONES):
            return zone / "temp"
    return None


def _ask_firmware(tool: str) -> int | None:
    try:
        done = subprocess.run([tool, "get_throttled"], capture_output=True, timeout=_FIRMWARE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _number(done.stdout.decode("ascii", "replace").partition("=")[2], _hexadecimal)


def _hexadecimal(text: str) -> int:
    return int(text, 16)


def _number(text: str | None, read: Callable[[str], _N]) -> _N | None:
    """What a driver or tool wrote, None where it is no number: drivers have faults."""
    try:
        return read(text) if text else None
    except ValueError:
        return None


def _meanings(bits: int) -> tuple[str, ...]:
    return tuple(meaning for bit, meaning in THROTTLING.items() if bits >> bit & 1)
