"""What is said of a machine, read from the files that a board or a PC shows."""

import os
from pathlib import Path

import pytest
from arm.boards import BOARDS
from boards import write, write_board
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks import state
from edgetl.benchmarks.machine import describe
from edgetl.benchmarks.state import read_state
from edgetl.runtime.engines import ENGINES

_CORE = "processor\t: {}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {}\n\n"
_ZONE = "sys/class/thermal/thermal_zone0"


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    return write_board(tmp_path, "pi4", throttled="50005")


@pytest.fixture
def pc(tmp_path: Path) -> Path:
    core = "processor\t: {}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-8350U CPU\n\n"
    return write(tmp_path, {"proc/cpuinfo": core.format(0) + core.format(1)})


def test_a_board_is_called_by_its_name(pi: Path) -> None:
    machine = describe(pi)
    assert (machine.kind, machine.is_board) == ("Raspberry Pi 4 Model B Rev 1.4", True)
    assert machine.label == machine.kind
    assert (machine.cpu, machine.cores) == ("Cortex-A72", 4)
    assert (machine.memory_bytes, machine.swap_bytes) == (3884360 * 1024, 524272 * 1024)
    assert (machine.os, machine.kernel) == ("Debian GNU/Linux 12 (bookworm)", BOARDS["pi4"].kernel)
    assert (machine.governor, machine.temperature_c, machine.throttled) == ("ondemand", 48.277, 0x50005)


@pytest.mark.parametrize(
    ("compatible", "soc"),
    [
        ("raspberrypi,5-model-b\0brcm,bcm2712\0", "BCM2712"),
        ("raspberrypi,model-zero-2-w\0brcm,bcm2837\0", "BCM2837"),
        ("radxa,rock-5b\0rockchip,rk3588\0", "RK3588"),
        ("nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0", "TEGRA234"),
        ("", None),
    ],
)
def test_the_chip_of_a_board_is_what_its_device_tree_ends_with(
    pi: Path, compatible: str, soc: str | None
) -> None:
    write(pi, {"proc/device-tree/compatible": compatible})
    assert describe(pi).soc == soc


def test_a_board_says_what_slows_it_now_and_what_did_before(pi: Path) -> None:
    found = read_state(pi)
    assert found.throttled_now == ("under-voltage", "throttled")
    assert found.throttled_before == ("under-voltage", "throttled")
    assert found.load_average == 0.08


def test_the_file_of_a_pi_5_is_found_too(tmp_path: Path) -> None:
    write(tmp_path, {"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "10000\n"})
    assert read_state(tmp_path).throttled_before == ("under-voltage",)


def test_two_kinds_of_cores_are_both_named(pi: Path) -> None:
    write(pi, {"proc/cpuinfo": _CORE.format(0, "0xd08") + _CORE.format(1, "0xd0b")})
    assert describe(pi).cpu == "Cortex-A72 + Cortex-A76"


def test_an_unknown_core_is_named_by_its_number(pi: Path) -> None:
    write(pi, {"proc/cpuinfo": _CORE.format(0, "0xfff")})
    assert describe(pi).cpu == "Arm part 0xfff"


def test_a_pc_is_labelled_as_one(pc: Path) -> None:
    machine = describe(pc)
    assert not machine.is_board
    assert machine.label == "PC: Intel(R) Core(TM) i5-8350U CPU"
    assert machine.cores == 2


def test_a_virtual_arm_machine_is_no_board(pi: Path) -> None:
    write(pi, {"proc/device-tree/model": "linux,dummy-virt\0"})
    assert describe(pi).label == "PC: Cortex-A72"
    assert describe(pi).soc is None


def test_what_a_machine_does_not_tell_is_unknown(pc: Path) -> None:
    machine = describe(pc)
    unknown = (machine.memory_bytes, machine.swap_bytes, machine.governor, machine.temperature_c)
    assert unknown == (None, None, None, None)
    assert (machine.throttled, machine.soc) == (None, None)


def test_the_sensor_of_something_else_is_not_the_cpu(pc: Path) -> None:
    write(pc, {f"{_ZONE}/type": "iwlwifi_1\n", f"{_ZONE}/temp": "39000\n"})
    assert describe(pc).temperature_c is None


@given(st.text(max_size=20))
def test_a_driver_that_tells_nonsense_stops_nothing(
    tmp_path_factory: pytest.TempPathFactory, told: str
) -> None:
    root = write_board(tmp_path_factory.mktemp("pi"), "pi4", throttled=told)
    write(root, {f"{_ZONE}/temp": told, "proc/loadavg": told, "proc/meminfo": f"MemTotal: {told}"})
    machine = describe(root)
    assert machine.kind == "Raspberry Pi 4 Model B Rev 1.4"
    assert machine.throttled is None or isinstance(machine.throttled, int)


@pytest.mark.parametrize(
    ("bits", "architecture", "narrow"),
    [(32, "aarch64", True), (32, "armv7l", False), (64, "aarch64", False), (32, "x86_64", True)],
)
def test_a_32_bit_python_on_a_64_bit_kernel_is_told_apart(
    pi: Path, monkeypatch: pytest.MonkeyPatch, bits: int, architecture: str, narrow: bool
) -> None:
    monkeypatch.setattr("struct.calcsize", lambda _: bits // 8)
    monkeypatch.setattr("platform.machine", lambda: architecture)
    machine = describe(pi)
    assert (machine.bits, machine.architecture, machine.is_narrow) == (bits, architecture, narrow)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo throttled=0x50005", 0x50005),
        ("echo throttled=0x0", 0),
        ("echo 'VCHI initialization failed'; exit 255", None),
        ("echo throttled=", None),
        ("exec sleep 60", None),
    ],
)
def test_where_the_kernel_has_no_file_the_firmware_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: int | None
) -> None:
    tool = (
        write(tmp_path, {"vcgencmd": f'#!/bin/sh\n[ "$*" = get_throttled ] || exit 2\n{script}\n'})
        / "vcgencmd"
    )
    tool.chmod(0o755)
    monkeypatch.setattr(state, "_FIRMWARE_S", 0.5 if "sleep" in script else 20.0)
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))  # this machine's own files
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert read_state().throttled == expected


def test_this_machine_can_be_described() -> None:
    machine = describe()
    assert machine.cores >= 1
    assert machine.bits in (32, 64)
    assert set(machine.engines) <= set(ENGINES)
