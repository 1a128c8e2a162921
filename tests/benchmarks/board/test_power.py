"""Power: sensors of the kernel, the Pi 5's converters, and programs of the user's."""

import os
import shlex
import sys
from pathlib import Path

import pytest
from boards import write

from edgetl.benchmarks.board.power import ConverterMeter, ProgramMeter, find_meter
from edgetl.errors import UsageError

PMIC = """  3V7_WL_SW_A current(0)=0.11126240A
   VDD_CORE_A current(7)=2.02930000A
  3V7_WL_SW_V volt(8)=3.70000000V
   VDD_CORE_V volt(15)=0.90000000V
      EXT5V_V volt(24)=5.13576000V
"""
"""The form in which ``vcgencmd pmic_read_adc`` answers; EXT5V has a voltage and no current."""


def program(folder: Path, script: str) -> str:
    place = folder / "meter"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return shlex.quote(str(place))


def test_a_machine_without_any_has_no_meter(tmp_path: Path) -> None:
    assert find_meter(root=tmp_path) is None


def test_a_sensor_of_hwmon_is_read_in_microwatts(tmp_path: Path) -> None:
    folder = "sys/class/hwmon/hwmon3"
    write(tmp_path, {f"{folder}/name": "ina226\n", f"{folder}/power1_input": "4730000\n"})
    meter = find_meter(root=tmp_path)
    assert meter is not None
    assert meter.read() == pytest.approx(4.73)
    assert "ina226" in meter.source
    (tmp_path / folder / "power1_input").unlink()
    assert meter.read() is None


def test_the_power_of_something_else_is_not_the_board_s(tmp_path: Path) -> None:
    folder = "sys/class/hwmon/hwmon0"
    write(tmp_path, {f"{folder}/name": "amdgpu\n", f"{folder}/power1_input": "4730000\n"})
    assert find_meter(root=tmp_path) is None


def test_a_sensor_of_iio_is_read_with_its_scale(tmp_path: Path) -> None:
    folder = "sys/bus/iio/devices/iio:device0"
    files = {"name": "ina219", "in_power2_raw": "236", "in_power2_scale": "20.0"}
    write(tmp_path, {f"{folder}/{name}": f"{text}\n" for name, text in files.items()})
    meter = find_meter(root=tmp_path)
    assert meter is not None
    assert meter.read() == pytest.approx(4.72)


def test_the_rails_of_a_pi_5_are_added_up(tmp_path: Path) -> None:
    tool = program(tmp_path, f'[ "$*" = pmic_read_adc ] || exit 2\ncat <<END\n{PMIC}END')
    watts = ConverterMeter(shlex.split(tool)[0]).read()
    assert watts == pytest.approx(0.1112624 * 3.7 + 2.0293 * 0.9)


def test_a_pi_without_converters_has_no_meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vcgencmd").write_text("#!/bin/sh\necho 'error=1 error_msg=\"Command not registered\"'\n")
    (tmp_path / "vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))  # this machine's own sensors
    assert find_meter() is None


def test_the_last_line_of_the_user_s_program_counts(tmp_path: Path) -> None:
    meter = find_meter(program(tmp_path, "echo 'USB meter 1.0'; echo 3.25; echo"))
    assert meter is not None
    assert meter.read() == 3.25
    assert "the program" in meter.source


def test_no_shell_runs_the_user_s_program(tmp_path: Path) -> None:
    words = (
        f"{shlex.quote(sys.executable)} -c 'print(len(__import__(\"sys\").argv))' '$(touch {tmp_path}/x)' ; y"
    )
    meter = find_meter(words)
    assert meter is not None
    assert meter.read() == 4.0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", ["echo much", "true", "exit 3", "echo nan", "echo 5; exit 1"])
def test_a_program_that_tells_no_watts_is_refused_before_anything_runs(tmp_path: Path, script: str) -> None:
    with pytest.raises(UsageError, match=r"must write watts, as in 4\.73, as its last line"):
        find_meter(program(tmp_path, script))


@pytest.mark.parametrize("command", ["", "no-such-meter --fast", "meter 'unclosed"])
def test_a_command_that_cannot_be_run_is_refused(command: str) -> None:
    with pytest.raises(UsageError, match="power command"):
        find_meter(command)


def test_a_meter_that_fails_later_is_unknown_and_not_zero(tmp_path: Path) -> None:
    command = program(tmp_path, "echo 5")
    meter = find_meter(command)
    assert isinstance(meter, ProgramMeter)
    (tmp_path / "meter").unlink()
    assert meter.read() is None
