"""What the table of known faults asks about a machine."""

import functools
import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

from edgetl.benchmarks.state import read_text

_CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"


@dataclass(frozen=True)
class Facts:
    """What the table asks about a machine."""

    engines: Mapping[str, str]
    """Version of each engine in question, by name."""
    numpy: str
    pillow: str
    python: tuple[int, int]
    architecture: str
    """The kernel's: ``aarch64``, ``armv7l``, ``x86_64``."""
    bits: int
    """Of the running Python."""
    cpu_features: frozenset[str]
    """As ``/proc/cpuinfo`` names them."""
    clock: tuple[str | None, str | None] = (None, None)
    """The CPU's frequency driver and governor; None where the kernel has none."""

    @property
    def lacks_dot_product(self) -> bool:
        """Whether these are 64-bit ARM cores of the first generation, as in a Pi 3 (A53) and 4 (A72)."""
        return self.bits == 64 and "asimd" in self.cpu_features and "asimddp" not in self.cpu_features

    @property
    def relies_on_tflite_runtime(self) -> bool:
        """Whether it is what runs .tflite files: where LiteRT is in question too, that goes before it."""
        return "tflite-runtime" in self.engines and "litert" not in self.engines


def facts_of(engines: Mapping[str, str], root: Path) -> Facts:
    """What the table asks about this machine.

    Args:
        engines: version of each engine in question, by name.
        root: where ``/proc`` and ``/sys`` stand.
    """
    return Facts(
        engines=engines,
        numpy=np.__version__,
        pillow=PIL.__version__,
        python=sys.version_info[:2],
        architecture=platform.machine(),
        bits=struct.calcsize("P") * 8,
        cpu_features=_cpu_features(root),
        clock=_clock(root),
    )


@functools.cache
def _cpu_features(root: Path) -> frozenset[str]:
    """The features that all cores have: ``Features`` on ARM, ``flags`` on x86."""
    cpuinfo = read_text(root / "proc/cpuinfo") or ""
    lines = [line.partition(":") for line in cpuinfo.splitlines()]
    cores = [frozenset(value.split()) for key, _, value in lines if key.strip() in ("Features", "flags")]
    return frozenset.intersection(*cores) if cores else frozenset()


def _clock(root: Path) -> tuple[str | None, str | None]:
    return read_text(root / _CPUFREQ / "scaling_driver"), read_text(root / _CPUFREQ / "scaling_governor")
