"""What sets up the emulated boards, as far as it can be tested without one."""

import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arm import __main__ as driver
from arm import debian, folders
from arm.boards import BOARDS, write_kernel_files
from arm.userland import PYTHONS
from edgetl.benchmarks.machine import describe

_DEBIAN = {"ID": "debian", "VERSION_CODENAME": "bookworm", "PRETTY_NAME": "Debian"}


def write_word(word: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "word").write_text(word)


def test_a_folder_is_made_once_for_a_key(tmp_path: Path) -> None:
    place = folders.kept(tmp_path / "root", "a", write_word("first"))
    folders.kept(place, "a", write_word("second"))
    assert (place / "word").read_text() == "first"


def test_another_key_makes_the_folder_anew(tmp_path: Path) -> None:
    place = folders.kept(tmp_path / "root", "a", lambda folder: (folder / "old").mkdir())
    folders.kept(place, "b", write_word("second"))
    assert [path.name for path in place.glob("[a-z]*")] == ["word"]


def test_what_a_killed_setup_leaves_is_never_trusted(tmp_path: Path) -> None:
    code = f"""
import os, pathlib
from arm import folders
def make(folder):
    (folder / "half").mkdir()
    os.kill(os.getpid(), {int(signal.SIGKILL)})
folders.kept(pathlib.Path({str(tmp_path / "root")!r}), "a", make)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "root" / "half").is_dir()
    place = folders.kept(tmp_path / "root", "a", write_word("whole"))
    assert [path.name for path in place.glob("[a-z]*")] == ["word"]


def test_a_folder_that_is_being_changed_is_not_trusted(tmp_path: Path) -> None:
    place = folders.kept(tmp_path / "root", "a", write_word("first"))
    folders.stamp(place, None)
    assert not folders.is_kept(place, "a")


def test_a_key_follows_the_content_of_files(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "module.py").write_text("1")
    before = folders.key_of(tmp_path / "code", "x")
    (tmp_path / "code" / "module.py").write_text("2")
    assert folders.key_of(tmp_path / "code", "x") != before


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_s_files_are_read_as_that_board(name: str, tmp_path: Path) -> None:
    board = BOARDS[name]
    write_kernel_files(board, tmp_path)
    found = describe(tmp_path)
    assert (found.kind, found.is_board, found.cores) == (board.model, True, 4)
    assert found.cpu.lower() == board.cpu
    assert (found.governor, found.temperature_c, found.throttled) == ("ondemand", 48.277, 0)
    assert found.memory_bytes == board.memory_kb * 1024


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "debian.sources",
            (
                "Types: deb\nURIs: http://a/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\n"
                "Types: deb\nURIs: http://a/security\nSuites: bookworm-security\nComponents: main\n"
            ),
        ),
        (
            "sources.list",
            (
                "# bookworm\ndeb http://a/debian bookworm main\ndeb http://a/debian bookworm-updates main\n"
                "deb http://a/security bookworm-security main\n"
            ),
        ),
    ],
)
def test_the_machine_s_own_sources_are_taken_for_another_suite(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text(text)
    monkeypatch.setattr(debian, "_SOURCES", (tmp_path / name,))
    monkeypatch.setattr(debian, "_TOOLS", ())
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: _DEBIAN)
    found, sources = debian._sources("trixie")
    assert found == name
    assert "http://a/debian" in sources
    assert "trixie" in sources
    assert not {"bookworm", "security", "updates"} & set(sources.replace("-", " ").replace("/", " ").split())


def test_where_there_are_no_sources_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "_TOOLS", ())
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "arch", "PRETTY_NAME": "Arch"})
    with pytest.raises(debian.UnsuitableHostError, match=r"needs a Debian whose own sources.* this is Arch"):
        debian._sources("bookworm")


def test_another_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "_TOOLS", ())
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(debian.UnsuitableHostError, match="needs an x86-64 machine"):
        debian._sources("bookworm")


def test_a_server_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not all(map(shutil.which, debian._TOOLS)):
        pytest.skip("needs apt-get")
    sources = "Types: deb\nURIs: http://127.0.0.1:9/debian\nSuites: bookworm\nComponents: main\n"
    monkeypatch.setattr(debian, "_sources", lambda suite: ("debian.sources", sources))
    with pytest.raises(debian.UnreachableError, match=r"127\.0\.0\.1:9"):
        debian.unpack(tmp_path, "arm64", "bookworm", ["base-files"])


@pytest.mark.parametrize(
    ("error", "flags", "code", "said"),
    [
        (debian.UnreachableError("no answer"), [], 75, "error: "),
        (debian.UnreachableError("no answer"), ["--skip-unreachable"], 0, "skipped: "),
        (debian.UnsuitableHostError("no Debian"), ["--skip-unreachable"], 2, "error: no Debian"),
        (RuntimeError("edgetl export ended with 1"), ["--skip-unreachable"], 1, "error: edgetl export"),
    ],
)
def test_only_a_server_that_does_not_answer_is_a_skip(
    error: Exception,
    flags: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(driver, "prove", fail)
    monkeypatch.setattr(sys, "argv", ["arm", "--pi", "pi4", *flags])
    assert driver.main() == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)
    assert str(error) in line


def test_what_does_not_hold_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def prove(report: driver.Report, places: object, *, quick: bool) -> None:
        def wrong() -> str:
            raise AssertionError("other pixels")

        report.step("verify", wrong)

    monkeypatch.setattr(driver, "prove", prove)
    monkeypatch.setattr(sys, "argv", ["arm", "--pi", "pi4", "--suite", "bookworm"])
    assert driver.main() == 1
    assert "FAILED  verify: other pixels" in capsys.readouterr().out


def test_tflite_runtime_is_tried_where_it_has_wheels() -> None:
    tried = {
        (pi, suite): [engine for place in driver.installations(pi, suite) for engine in place.engines]
        for pi in BOARDS
        for suite in PYTHONS
    }
    old = {key for key, engines in tried.items() if "tflite-runtime" in engines}
    assert old == {("pi4", "bookworm"), ("pi5", "bookworm"), ("pi2", "bookworm")}
