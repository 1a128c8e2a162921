"""What doctor sees of cameras, without opening one."""

import os
import sys
from pathlib import Path

import pytest
from boards import write

from edgetl.runtime import trial
from edgetl.runtime.camera_stack import look, problems

SOC = "sys/devices/platform/soc/fe00b840.mailbox/bcm2835-codec/video4linux"
USB = "sys/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/usb1/1-1/1-1:1.0/video4linux"
LOOPBACK = "sys/devices/virtual/video4linux"


def device(root: Path, place: str, number: int, name: str, index: int = 0) -> None:
    """A V4L2 device as sysfs shows it: a link in the class, a folder where the device hangs."""
    write(root, {f"{place}/video{number}/name": f"{name}\n", f"{place}/video{number}/index": f"{index}\n"})
    link = root / "sys/class/video4linux" / f"video{number}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(root / place / f"video{number}")
    write(root, {f"dev/video{number}": ""})


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that are said to be installed; none, until the test adds some."""
    installed: set[str] = set()
    monkeypatch.setattr("edgetl.extras.is_installed", installed.__contains__)
    return installed


def test_webcams_are_named_and_codecs_are_not(tmp_path: Path, only: set[str]) -> None:
    device(tmp_path, USB, 0, "HD Webcam C270")
    device(tmp_path, USB, 1, "HD Webcam C270", index=1)  # its metadata
    device(tmp_path, LOOPBACK, 7, "Dummy video device")
    device(tmp_path, SOC, 10, "bcm2835-codec-decode")
    found = look(tmp_path)
    assert found.devices == {"/dev/video0": "HD Webcam C270", "/dev/video7": "Dummy video device"}
    assert found.denied == ()
    assert list(problems(found)) == []


def test_a_device_that_the_user_may_not_open_is_told(
    tmp_path: Path, only: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    device(tmp_path, USB, 0, "HD Webcam C270")
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path / "dev/video0")
    (problem,) = problems(look(tmp_path))
    assert problem.problem == "this user may not open /dev/video0"
    assert problem.fix == 'sudo usermod -aG video "$USER" && newgrp video'


def test_a_machine_without_cameras_has_none(
    tmp_path: Path, only: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = look(tmp_path)
    assert (found.picamera2, found.rpicam, found.opencv, found.devices) == (None, None, False, {})


@pytest.mark.parametrize(
    ("tools", "named"),
    [(["libcamera-vid"], "libcamera-vid"), (["libcamera-vid", "rpicam-vid"], "rpicam-vid"), ([], None)],
)
def test_the_command_that_records_is_named(
    tmp_path: Path, only: set[str], monkeypatch: pytest.MonkeyPatch, tools: list[str], named: str | None
) -> None:
    for tool in tools:
        (write(tmp_path, {tool: "#!/bin/sh\n"}) / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look(tmp_path).rpicam == named


@pytest.mark.parametrize(
    ("code", "works", "fix"),
    [
        ("", True, None),
        (
            "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility')",
            False,
            "pip install --force-reinstall simplejpeg",
        ),
        (
            "import libcamera_that_is_gone",
            False,
            "sudo apt install --reinstall python3-picamera2",
        ),
    ],
)
def test_picamera2_is_tried_by_importing_it(
    tmp_path: Path,
    only: set[str],
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    works: bool,
    fix: str | None,
) -> None:
    only.add("picamera2")
    (tmp_path / "picamera2.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    found = look(tmp_path)
    assert found.picamera2 is works
    assert [problem.fix for problem in problems(found)] == ([fix] if fix else [])
    assert "picamera2" not in sys.modules


@pytest.mark.parametrize("prefix", ["/home/pi/env", sys.base_prefix])
def test_apt_s_picamera2_that_the_environment_hides_is_told(
    tmp_path: Path, only: set[str], monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    write(tmp_path, {"usr/lib/python3/dist-packages/picamera2/__init__.py": ""})
    monkeypatch.setattr(sys, "prefix", prefix)
    found = list(problems(look(tmp_path)))
    if prefix == sys.base_prefix:
        assert found == []
    else:
        assert found[0].fix.startswith(
            "sed -i 's/^include-system-site-packages.*/include-system-site-packages = true/'"
        )
        assert found[0].fix.endswith(" /home/pi/env/pyvenv.cfg")


def test_the_line_that_shows_apt_s_packages_changes_the_environment(
    tmp_path: Path, only: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"usr/lib/python3/dist-packages/picamera2/__init__.py": ""})
    config = "home = /usr/bin\ninclude-system-site-packages = {}\nversion = 3.11.2\n"
    write(tmp_path, {"my env/pyvenv.cfg": config.format("false")})
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "my env"))
    (problem,) = problems(look(tmp_path))
    assert os.system(problem.fix) == 0
    assert (tmp_path / "my env/pyvenv.cfg").read_text() == config.format("true")


def test_nothing_is_imported_where_picamera2_is_not_installed(
    tmp_path: Path, only: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "attempt", lambda *_, **__: pytest.fail("it was tried"))
    assert look(tmp_path).picamera2 is None
