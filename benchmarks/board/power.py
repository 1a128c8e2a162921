"""Power, where it can be read: a Pi 5's own converters, an INA sensor, or a program of the user's."""

import math
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgetl.benchmarks.state import read_number, read_text
from edgetl.errors import UsageError

_PROGRAM_S = 10.0
_SENSORS = ("ina219", "ina220", "ina226", "ina230", "ina231", "ina232", "ina237", "ina238", "ina260")
_RAIL = re.compile(r"(\w+)_([AV]) \w+\(\d+\)=([0-9.]+)[AV]")


class Meter(Protocol):
    """Something that tells watts."""

    @property
    def source(self) -> str:
        """What tells them and what they include, for the report."""

    @property
    def interval_s(self) -> float:
        """Seconds to leave between two readings: a program costs more than a file."""

    def read(self) -> float | None:
        """Watts now; None when there was no answer, or one that is no number."""


@dataclass(frozen=True)
class FileMeter:
    """A sensor that the kernel shows as a file."""

    path: Path
    source: str
    watts: float
    """One unit of the file, in watts."""
    interval_s: float = 0.5

    def read(self) -> float | None:
        """Watts now."""
        value = read_number(self.path, float)
        return value * self.watts if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class ProgramMeter:
    """A program whose last line is a number of watts."""

    words: tuple[str, ...]
    source: str
    interval_s: float = 2.0

    def read(self) -> float | None:
        """Watts now, from the last line it writes that is not empty; run anew for each reading."""
        lines = [line for line in (_output(self.words) or "").splitlines() if line.strip()]
        try:
            watts = float(lines[-1])
        except (IndexError, ValueError):
            return None
        return watts if math.isfinite(watts) else None


@dataclass(frozen=True)
class ConverterMeter:
    """The power converters of a Pi 5, whose currents and voltages its firmware tells."""

    tool: str
    source: str = (
        "vcgencmd pmic_read_adc: the Pi 5's rails, without converter losses and what USB devices take"
    )
    interval_s: float = 2.0

    def read(self) -> float | None:
        """Watts now: the sum over all rails whose current and voltage are both told."""
        rails: dict[str, dict[str, float]] = {}
        for rail, unit, value in _RAIL.findall(_output((self.tool, "pmic_read_adc")) or ""):
            rails.setdefault(rail, {})[unit] = float(value)
        watts = [told["A"] * told["V"] for told in rails.values() if len(told) == 2]
        return sum(watts) if watts else None


def find_meter(command: str | None = None, root: Path = Path("/")) -> Meter | None:
    """What tells the power here: the user's program, an INA sensor, or a Pi 5; None if nothing does.

    Args:
        command: a command line whose last line of output is watts. Its words are separated as a shell
            does, but no shell runs it.
        root: where ``/sys`` stands; tests give a board's files.

    Raises:
        UsageError: the command cannot be run, or does not end with a number.
    """
    if command is not None:
        return _program(command)
    if (sensor := _hwmon(root) or _iio(root)) is not None:
        return sensor
    tool = shutil.which("vcgencmd") if root == Path("/") else None
    converters = ConverterMeter(tool) if tool else None
    return converters if converters and converters.read() is not None else None


def _program(command: str) -> ProgramMeter:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(
            f"the power command {command!r} cannot be read ({error}): close its quotes"
        ) from None
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"the power command {command!r} is no program here: give its path and its arguments")
    meter = ProgramMeter(words, f"the program {command}")
    if meter.read() is None:
        raise UsageError(
            f"the power command {command!r} must write watts, as in 4.73, as its last line "
            f"within {_PROGRAM_S:.0f} s: try it by itself"
        )
    return meter


def _hwmon(root: Path) -> FileMeter | None:
    """Its ``power1_input`` is in microwatts (Linux, hwmon/sysfs-interface)."""
    for folder in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        name, path = read_text(folder / "name"), folder / "power1_input"
        if name in _SENSORS and read_number(path, float) is not None:
            return FileMeter(path, f"{name} ({folder.name}): what flows through its shunt", 1e-6)
    return None


def _iio(root: Path) -> FileMeter | None:
    """``in_powerY_raw`` times its scale is in milliwatts (Linux, ABI/testing/sysfs-bus-iio)."""
    for folder in sorted((root / "sys/bus/iio/devices").glob("iio:device*")):
        for path in sorted(folder.glob("in_power*_raw")):
            scale = read_number(folder / path.name.replace("_raw", "_scale"), float)
            name = read_text(folder / "name")
            if scale is not None and read_number(path, float) is not None:
                return FileMeter(path, f"{name} ({folder.name}): what flows through its shunt", scale / 1000)
    return None


def _output(words: Sequence[str]) -> str | None:
    try:
        ended = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROGRAM_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.decode("utf-8", "replace") if ended.returncode == 0 else None
