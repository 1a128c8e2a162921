"""The boards that are emulated, and what their kernels show of them in /proc and /sys."""

from dataclasses import dataclass
from pathlib import Path

_FIRST_64 = "fp asimd evtstrm crc32 cpuid"
_DOT_PRODUCT_64 = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
)
_32 = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm"
CORES = 4


@dataclass(frozen=True)
class Board:
    """One board. The CPU is QEMU's name of its core; the rest is what the board's kernel tells."""

    name: str
    model: str
    architecture: str
    """Debian's name of it: ``arm64`` or ``armhf``."""
    cpu: str
    part: str
    """Part number of the core, as /proc/cpuinfo writes it; the variant and revision follow."""
    variant: int
    revision: int
    features: str
    kernel: str
    max_hz: int
    memory_kb: int

    @property
    def machine(self) -> str:
        """What ``platform.machine()`` says there."""
        return {"arm64": "aarch64", "armhf": "armv7l"}[self.architecture]

    @property
    def has_dot_product(self) -> bool:
        """Whether it has the instructions without which OpenVINO's int8 models do not run."""
        return "asimddp" in self.features.split()


BOARDS = {
    board.name: board
    for board in (
        Board(
            "pi2", "Raspberry Pi 2 Model B Rev 1.1", "armhf", "cortex-a7",
            "0xc07", 0, 5, _32, "6.6.51+rpt-rpi-v7", 900_000_000, 944_000,
        ),
        Board(
            "pi4", "Raspberry Pi 4 Model B Rev 1.4", "arm64", "cortex-a72",
            "0xd08", 0, 3, _FIRST_64, "6.6.51+rpt-rpi-v8", 1_800_000_000, 3_884_000,
        ),
        Board(
            "pi5", "Raspberry Pi 5 Model B Rev 1.0", "arm64", "cortex-a76",
            "0xd0b", 4, 1, _DOT_PRODUCT_64, "6.6.51+rpt-rpi-2712", 2_400_000_000, 8_256_000,
        ),
    )
}  # fmt: skip


def write_kernel_files(board: Board, root: Path) -> None:
    """Write the files that the board's kernel shows, below ``root``.

    Not for show alone: with a PC's /proc/cpuinfo, LiteRT and ONNX Runtime die in their CPU detection.
    """
    processor = (
        "processor\t: {number}\nBogoMIPS\t: 108.00\n"
        f"Features\t: {board.features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
        f"CPU variant\t: {board.variant:#x}\nCPU part\t: {board.part}\nCPU revision\t: {board.revision}\n\n"
    )
    # The Main ID register: implementer, variant, architecture "by features", part, revision.
    midr = 0x41 << 24 | board.variant << 20 | 0xF << 16 | int(board.part, 16) << 4 | board.revision
    cores = f"0-{CORES - 1}\n"
    files = {
        "proc/cpuinfo": "".join(processor.format(number=number) for number in range(CORES))
        + f"Revision\t: 000000\nSerial\t\t: 0000000000000000\nModel\t\t: {board.model}\n",
        "proc/meminfo": f"MemTotal: {board.memory_kb} kB\nMemFree: {board.memory_kb // 2} kB\n"
        f"MemAvailable: {board.memory_kb * 3 // 4} kB\n",
        "proc/loadavg": "0.08 0.03 0.01 1/180 1234\n",
        "proc/sys/kernel/osrelease": f"{board.kernel}\n",
        "proc/device-tree/model": f"{board.model}\0",
        "sys/firmware/devicetree/base/model": f"{board.model}\0",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "48277\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
        **{f"sys/devices/system/cpu/{name}": cores for name in ("possible", "present", "online")},
    }
    for number in range(CORES):
        cpu = f"sys/devices/system/cpu/cpu{number}"
        files |= {
            f"{cpu}/regs/identification/midr_el1": f"{midr:#018x}\n",
            f"{cpu}/topology/physical_package_id": "0\n",
            f"{cpu}/topology/core_id": f"{number}\n",
            f"{cpu}/topology/core_siblings_list": cores,
            f"{cpu}/topology/thread_siblings_list": f"{number}\n",
            f"{cpu}/cpufreq/scaling_governor": "ondemand\n",
            **{
                f"{cpu}/cpufreq/{name}": f"{board.max_hz // 1000}\n"
                for name in ("cpuinfo_max_freq", "scaling_max_freq", "scaling_cur_freq")
            },
            **{f"{cpu}/cpufreq/{name}": "600000\n" for name in ("cpuinfo_min_freq", "scaling_min_freq")},
        }
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
