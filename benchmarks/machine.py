"""The machine a number was measured on. Reads files, needs no package."""

import os
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

import edgetl
from edgetl.benchmarks.state import read_state, read_text
from edgetl.runtime.engines import ENGINES

# Main ID register, part numbers of Arm Ltd's cores, as in Linux' arch/arm64/include/asm/cputype.h;
# the two 32-bit ones from the cores' reference manuals.
_ARM_LTD = "0x41"
_ARM_CORES = {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}
_VIRTUAL = "linux,dummy-virt"  # what QEMU's and most clouds' ARM machines call themselves


@dataclass(frozen=True)
class Machine:
    """A machine, and the state it was in when it was described."""

    kind: str
    """``Raspberry Pi 4 Model B Rev 1.4`` on a board, the CPU's name on a PC."""
    is_board: bool
    """Whether it names itself as a board does, in its device tree."""
    cpu: str
    cores: int
    """Logical cores."""
    memory_bytes: int | None
    architecture: str
    """The kernel's, ``aarch64`` or ``x86_64``; Python may have fewer :attr:`bits`."""
    bits: int
    """32 or 64: the width of the running Python, whatever the kernel's is."""
    os: str
    kernel: str
    python: str
    governor: str | None
    """CPU frequency governor; None where the kernel has none."""
    temperature_c: float | None
    """Of the CPU, degrees Celsius."""
    throttled: int | None
    """Bits of ``get_throttled`` (see ``state.THROTTLING``); None on other boards and PCs."""
    engines: dict[str, str]
    """Version of each engine that is installed, by name."""
    edgetl: str
    """Version of edgetl."""
    soc: str | None = None
    """The board's chip, ``BCM2711``; None on PCs."""
    swap_bytes: int | None = None
    """Swap there is, in files, partitions and compressed memory together."""

    @property
    def label(self) -> str:
        """What stands beside every number: the board's name, or the PC's marked as one."""
        return self.kind if self.is_board else f"PC: {self.kind}"

    @property
    def is_narrow(self) -> bool:
        """Whether a 32-bit Python runs on a 64-bit kernel, as on many a 32-bit Raspberry Pi OS."""
        return self.bits == 32 and self.architecture in ("aarch64", "x86_64")


def describe(root: Path = Path("/")) -> Machine:
    """Describe this machine.

    Args:
        root: where ``/proc``, ``/sys`` and ``/etc`` stand; tests give a board's files.
    """
    processors = _processors(read_text(root / "proc/cpuinfo") or "")
    meminfo = _pairs(read_text(root / "proc/meminfo") or "", ":")
    model = read_text(root / "proc/device-tree/model")
    is_board = model is not None and model != _VIRTUAL
    cpu = _cpu_name(processors)
    state = read_state(root)
    return Machine(
        kind=model if model is not None and is_board else cpu,
        is_board=is_board,
        cpu=cpu,
        cores=len(processors) or os.cpu_count() or 1,
        memory_bytes=_bytes(meminfo.get("MemTotal")),
        architecture=platform.machine(),
        bits=struct.calcsize("P") * 8,
        os=_os_name(read_text(root / "etc/os-release") or ""),
        kernel=read_text(root / "proc/sys/kernel/osrelease") or platform.release(),
        python=platform.python_version(),
        governor=state.governor,
        temperature_c=state.temperature_c,
        throttled=state.throttled,
        engines={row.name: version for row in ENGINES.values() if row.installed and (version := row.version)},
        edgetl=edgetl.__version__,
        soc=_soc(read_text(root / "proc/device-tree/compatible")) if is_board else None,
        swap_bytes=_bytes(meminfo.get("SwapTotal")),
    )


def _processors(cpuinfo: str) -> list[dict[str, str]]:
    """The blocks of ``/proc/cpuinfo`` that describe a core, without the block of the board."""
    blocks = [_pairs(block, ":") for block in cpuinfo.split("\n\n")]
    return [block for block in blocks if "processor" in block]


def _cpu_name(processors: list[dict[str, str]]) -> str:
    first = processors[0] if processors else {}
    if first.get("CPU implementer") == _ARM_LTD:
        parts = {core.get("CPU part", ""): None for core in processors}  # big.LITTLE has two
        return " + ".join(_ARM_CORES.get(part, f"Arm part {part}") for part in parts)
    return first.get("model name") or platform.processor() or platform.machine()


def _soc(compatible: str | None) -> str | None:
    """The chip a board is made around: ``BCM2711`` of ``raspberrypi,4-model-b brcm,bcm2711``.

    The device tree names what a board is compatible with from the most to the least specific, as
    ``maker,model`` (Devicetree Specification 0.4, section 2.3.1).
    """
    return compatible.split("\0")[-1].rpartition(",")[2].upper() if compatible else None


def _bytes(kilobytes: str | None) -> int | None:
    count = (kilobytes or "").removesuffix("kB").strip()
    return int(count) * 1024 if count.isdecimal() else None


def _os_name(os_release: str) -> str:
    return _pairs(os_release, "=").get("PRETTY_NAME", "").strip('"') or platform.system()


def _pairs(text: str, separator: str) -> dict[str, str]:
    cut = (line.partition(separator) for line in text.splitlines())
    return {key.strip(): value.strip() for key, found, value in cut if found}
