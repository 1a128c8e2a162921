"""The files that a whole Raspberry Pi shows, for tests of what is read from them.

Import it as ``import boards``: pyproject.toml puts tests/ on pytest's path.
"""

from pathlib import Path

from arm.boards import BOARDS, write_kernel_files

_COMPATIBLE = {
    "pi2": "raspberrypi,2-model-b\0brcm,bcm2836\0",
    "pi4": "raspberrypi,4-model-b\0brcm,bcm2711\0",
    "pi5": "raspberrypi,5-model-b\0brcm,bcm2712\0",
}


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below ``root``, which is returned."""
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    return root


def write_board(root: Path, kind: str, *, throttled: str = "0", governor: str = "ondemand") -> Path:
    """Write what the kernel and the system of a Pi show.

    Args:
        root: where ``proc``, ``sys`` and ``etc`` are to stand; returned.
        kind: one of ``arm.boards.BOARDS``.
        throttled: what the firmware's file holds, in hexadecimal.
        governor: of the CPU's clock.
    """
    write_kernel_files(BOARDS[kind], root)
    return write(
        root,
        {
            "proc/device-tree/compatible": _COMPATIBLE[kind],
            "proc/meminfo": "MemTotal:  3884360 kB\nMemFree:  2000000 kB\nSwapTotal:  524272 kB\n",
            "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n',
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver": "cpufreq-dt\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": f"{governor}\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": f"{throttled}\n",
        },
    )


def features(kind: str) -> frozenset[str]:
    """What the CPU of a board can do, as its kernel names it."""
    return frozenset(BOARDS[kind].features.split())
