"""The state a machine is in: governor, temperature, throttling, load. Reads files, needs no package."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

THROTTLING = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Meaning of the low bits of ``get_throttled`` (Raspberry Pi documentation, vcgencmd). Bit n + 16 says that
it has happened since the board was started."""

_CPU_ZONES = ("cpu", "soc", "pkg")


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


def read_state(root: Path = Path("/")) -> State:
    """The state of this machine, or of the one whose ``/proc`` and ``/sys`` stand below ``root``."""
    load = read_text(root / "proc/loadavg")
    return State(
        governor=read_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        temperature_c=_temperature(root),
        throttled=_throttled(root),
        load_average=float(load.split()[0]) if load else None,
    )


def read_text(path: Path) -> str | None:
    """A small file of the kernel without its closing NUL or line feed; None when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace").rstrip("\0\n").strip() or None
    except OSError:
        return None


def _temperature(root: Path) -> float | None:
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        kind, value = read_text(zone / "type"), read_text(zone / "temp")
        if kind and value and any(part in kind.lower() for part in _CPU_ZONES):
            return int(value) / 1000  # the kernel gives thousandths of a degree
    return None


def _throttled(root: Path) -> int | None:
    # The kernel's file came with Linux 4.14 for the Pi; where it is gone the firmware's tool still tells.
    for path in sorted((root / "sys/devices/platform").glob("soc*/soc*firmware/get_throttled")):
        if value := read_text(path):
            return int(value, 16)
    if root == Path("/") and (tool := shutil.which("vcgencmd")):
        try:
            done = subprocess.run(
                [tool, "get_throttled"], capture_output=True, text=True, timeout=5, check=False
            )
            return int(done.stdout.partition("=")[2], 16)
        except (ValueError, OSError, subprocess.TimeoutExpired):
            return None
    return None


def _meanings(bits: int) -> tuple[str, ...]:
    return tuple(meaning for bit, meaning in THROTTLING.items() if bits >> bit & 1)
