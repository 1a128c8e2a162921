import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgetl.runtime.sources.devices import users_of, why_not


def test_a_missing_device_names_those_there_are(tmp_path: Path) -> None:
    missing = tmp_path / "video7"
    assert why_not(missing, files=tmp_path) == (
        f"{missing} is not there, and this machine has no {tmp_path}/video*: check that the camera is "
        "plugged in"
    )
    for name in ("video10", "video2", "video0", "media0"):
        (tmp_path / name).touch()
    assert why_not(missing, files=tmp_path) == (
        f"{missing} is not there, and this machine has {tmp_path}/video0, {tmp_path}/video2 and "
        f"{tmp_path}/video10: check that the camera is plugged in"
    )


def test_a_device_one_may_not_open_names_the_line_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may open everything
    assert why_not(device).startswith(
        f"{device} may not be opened by you: join the group video with sudo usermod -aG video $USER"
    )


def test_a_device_in_use_names_the_program_that_has_it(tmp_path: Path) -> None:
    device, link = tmp_path / "video0", tmp_path / "by-id"
    device.touch()
    link.symlink_to(device)
    with device.open():  # this process does not count
        assert users_of(device) == []
    holder = [sys.executable, "-c", f"file = open({str(device)!r}); print('open', flush=True); input()"]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"open\n"
        (user,) = users_of(device)
        assert user.endswith(f" (process {program.pid})")
        assert why_not(link) == f"{link} is in use by {user}: end it first"
        program.communicate()
    assert "gives no pictures: check its cable" in why_not(device)
