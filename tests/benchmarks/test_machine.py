"""What is said of a machine, read from the files that a board or a PC shows."""

from pathlib import Path

import pytest

from edgetl.benchmarks.machine import describe
from edgetl.benchmarks.state import read_state
from edgetl.runtime.engines import ENGINES

PI_CORE = (
    "processor\t: {}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    return root


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    model = "Raspberry Pi 4 Model B Rev 1.4"
    cores = "".join(PI_CORE.format(number) for number in range(4))
    return write(
        tmp_path,
        {
            "proc/cpuinfo": f"{cores}Hardware\t: BCM2835\nRevision\t: d03115\nModel\t\t: {model}\n",
            "proc/device-tree/model": f"{model}\0",
            "proc/meminfo": "MemTotal:        3884360 kB\nMemFree:         2000000 kB\n",
            "proc/loadavg": "0.18 0.34 0.21 2/91 15259\n",
            "proc/sys/kernel/osrelease": "6.6.31+rpt-rpi-v8\n",
            "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n',
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "48312\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        },
    )


@pytest.fixture
def pc(tmp_path: Path) -> Path:
    core = "processor\t: {}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-8350U CPU\n\n"
    return write(tmp_path, {"proc/cpuinfo": core.format(0) + core.format(1)})


def test_a_board_is_called_by_its_name(pi: Path) -> None:
    machine = describe(pi)
    assert (machine.kind, machine.is_board) == ("Raspberry Pi 4 Model B Rev 1.4", True)
    assert machine.label == machine.kind
    assert (machine.cpu, machine.cores) == ("Cortex-A72", 4)
    assert machine.memory_bytes == 3884360 * 1024
    assert (machine.os, machine.kernel) == ("Debian GNU/Linux 12 (bookworm)", "6.6.31+rpt-rpi-v8")
    assert (machine.governor, machine.temperature_c, machine.throttled) == ("ondemand", 48.312, 0x50005)


def test_a_board_says_what_slows_it_now_and_what_did_before(pi: Path) -> None:
    state = read_state(pi)
    assert state.throttled_now == ("under-voltage", "throttled")
    assert state.throttled_before == ("under-voltage", "throttled")
    assert state.load_average == 0.18


def test_two_kinds_of_cores_are_both_named(pi: Path) -> None:
    big = PI_CORE.replace("0xd08", "0xd0b")
    write(pi, {"proc/cpuinfo": PI_CORE.format(0) + big.format(1)})
    assert describe(pi).cpu == "Cortex-A72 + Cortex-A76"


def test_an_unknown_core_is_named_by_its_number(pi: Path) -> None:
    write(pi, {"proc/cpuinfo": PI_CORE.replace("0xd08", "0xfff").format(0)})
    assert describe(pi).cpu == "Arm part 0xfff"


def test_a_pc_is_labelled_as_one(pc: Path) -> None:
    machine = describe(pc)
    assert not machine.is_board
    assert machine.label == "PC: Intel(R) Core(TM) i5-8350U CPU"
    assert machine.cores == 2


def test_a_virtual_arm_machine_is_no_board(pi: Path) -> None:
    write(pi, {"proc/device-tree/model": "linux,dummy-virt\0"})
    assert describe(pi).label == "PC: Cortex-A72"


def test_what_a_machine_does_not_tell_is_unknown(pc: Path) -> None:
    machine = describe(pc)
    unknown = (machine.memory_bytes, machine.governor, machine.temperature_c, machine.throttled)
    assert unknown == (None, None, None, None)


def test_the_sensor_of_something_else_is_not_the_cpu(pc: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    write(pc, {f"{zone}/type": "iwlwifi_1\n", f"{zone}/temp": "39000\n"})
    assert describe(pc).temperature_c is None


def test_this_machine_can_be_described() -> None:
    machine = describe()
    assert machine.cores >= 1
    assert machine.bits in (32, 64)
    assert set(machine.engines) <= set(ENGINES)
