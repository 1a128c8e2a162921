"""The systemd unit is one that systemd takes, and its program does what systemd expects."""

import configparser
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.running import LONGEST_S, Camera

PROGRAM = "/home/pi/edgetl/bin/edgetl"
BUNDLE = "/home/pi/flowers.edgetl"


class Unit(configparser.ConfigParser):
    """A unit file; systemd.syntax(7) is nearly that of Python's parser."""

    def __init__(self, path: Path) -> None:
        super().__init__(interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
        self.optionxform = str  # type: ignore[assignment, method-assign]
        self.read(path, "utf-8")


@pytest.fixture(scope="module")
def unit_file(examples: Path) -> Path:
    return examples / "edgetl.service"


@pytest.fixture(scope="module")
def unit(unit_file: Path) -> Unit:
    return Unit(unit_file)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What NOTIFY_SOCKET leads to, as systemd has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(LONGEST_S)
        yield listening


def test_the_unit_is_that_of_a_watched_service_of_an_ordinary_user(unit: Unit) -> None:
    service = unit["Service"]
    assert (service["Type"], service["Restart"], service["User"]) == ("notify", "on-failure", "pi")
    assert int(service["WatchdogSec"]) > 0
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_systemd_finds_no_fault_in_the_unit(unit_file: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("needs systemd-analyze, which this machine does not have")
    copy = tmp_path / "edgetl.service"
    copy.write_text(unit_file.read_text().replace(PROGRAM, sys.executable))  # it must be there
    done = subprocess.run(
        [analyze, "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_hears_that_the_program_is_ready_alive_and_stopping(
    unit: Unit, colours: Path, camera: Camera, manager: socket.socket
) -> None:
    words = shlex.split(unit["Service"]["ExecStart"])
    ours = {PROGRAM: f"{sys.executable} -m edgetl", BUNDLE: str(colours), "camera:auto": camera.url}
    assert words[1] == "run"
    assert ours.keys() < set(words)
    command = shlex.split(" ".join(ours.get(word, word) for word in words))
    process = subprocess.Popen(
        command,
        env={**os.environ, "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "200000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            heard = [manager.recv(4096).decode() for _ in range(3)]
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)  # systemd kills after 90
        finally:
            process.kill()
    assert heard == ["READY=1\nWATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
    left = manager.recv(4096).decode()
    while left == "WATCHDOG=1":
        left = manager.recv(4096).decode()
    assert left == "STOPPING=1"
    assert (process.returncode, err) == (0, "  stopped by SIGTERM\n")
    assert {json.loads(line)["label"] for line in out.splitlines()} == {"background"}
