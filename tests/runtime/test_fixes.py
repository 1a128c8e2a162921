"""A line that installs something reaches the Python that runs edgetl, wherever that is."""

import sys
from pathlib import Path

import pytest

from edgetl import extras
from edgetl.runtime import fixes
from edgetl.runtime.fixes import typed_here

LINE = "pip install 'edgetl[litert]'"


def place(
    monkeypatch: pytest.MonkeyPatch,
    *,
    python: str,
    environment: bool,
    pip: str | None,
    stdlib: Path | None = None,
) -> None:
    """Say where Python stands, and which pip the shell would start."""
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setattr(sys, "prefix", "/home/pi/env" if environment else sys.base_prefix)
    monkeypatch.setattr(fixes.shutil, "which", lambda _: pip)
    if stdlib is not None:
        monkeypatch.setattr(fixes.sysconfig, "get_path", lambda _: str(stdlib))


def test_in_an_active_environment_pip_is_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, python="/home/pi/env/bin/python3", environment=True, pip="/home/pi/env/bin/pip")
    assert typed_here(LINE) == LINE


def test_what_only_a_board_has_is_not_joined_by_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, python="/home/pi/env/bin/python3", environment=True, pip="/home/pi/env/bin/pip")
    monkeypatch.setattr(extras, "version", {"edgetl-runtime": "1.0"}.get)
    assert typed_here(LINE) == "pip install 'edgetl-runtime[litert]'"
    assert extras.requirement("train") == "'edgetl[train]'"


@pytest.mark.parametrize("pip", [None, "/usr/bin/pip"])
def test_in_one_that_is_not_active_its_python_is_named(
    monkeypatch: pytest.MonkeyPatch, pip: str | None
) -> None:
    place(monkeypatch, python="/home/pi/my env/bin/python3", environment=True, pip=pip)
    assert typed_here(LINE) == f"'/home/pi/my env/bin/python3' -m {LINE}"


@pytest.mark.parametrize(
    ("line", "wanted"), [(LINE, LINE), ("pip install 'numpy<2'", "pip install edgetl 'numpy<2'")]
)
def test_where_the_system_refuses_pip_an_environment_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, wanted: str
) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    place(monkeypatch, python="/usr/bin/python3", environment=False, pip="/usr/bin/pip", stdlib=tmp_path)
    assert typed_here(line) == (
        "sudo apt install python3-venv && python3 -m venv --system-site-packages ~/edgetl && "
        f"~/edgetl/bin/{wanted}"
    )


def test_where_it_does_not_pip_is_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, python="/usr/bin/python3", environment=False, pip="/usr/bin/pip", stdlib=tmp_path)
    assert typed_here(LINE) == LINE


@pytest.mark.parametrize("line", ["sudo apt install rpi-imager", "give it a fan"])
def test_other_lines_stay(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    place(monkeypatch, python="/home/pi/env/bin/python3", environment=True, pip=None)
    assert typed_here(line) == line
