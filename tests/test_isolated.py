import os
import subprocess
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from edgetl import debug, isolated
from edgetl.errors import BundleError, ConversionError, WriteError


@pytest.fixture(autouse=True)
def no_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(debug.VARIABLE, raising=False)


def test_a_function_runs_in_another_process() -> None:
    assert isolated.call("os:getpid", doing="asking") != os.getpid()
    assert isolated.call(os.path.join, "a", "b", doing="joining") == "a/b"


def test_an_error_of_ours_comes_back_as_it_is() -> None:
    with pytest.raises(BundleError, match="height and width are 8 to 4096 pixels"):
        isolated.call("edgetl.contract:Contract", 1, 1, doing="making a contract")


def test_another_error_becomes_one_sentence() -> None:
    with pytest.raises(
        ConversionError,
        match=r"^taking a root failed: ValueError: .*; add --debug to see everything it printed$",
    ) as caught:
        isolated.call("math:sqrt", -1, doing="taking a root")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "arguments", "fate"),
    [
        ("os:abort", (), "its process was ended by SIGABRT"),
        ("signal:raise_signal", (9,), r"its process was ended by SIGKILL \(often: out of memory\)"),
        ("os:_exit", (3,), "its process ended with code 3"),
        ("sys:exit", ("no more",), "no more"),
        ("threading:Lock", (), "cannot pickle"),
        ("nowhere:nothing", (), "ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_a_process_that_dies_takes_nobody_along(
    target: str, arguments: tuple[object, ...], fate: str
) -> None:
    with pytest.raises(ConversionError, match=f"converting failed: .*{fate}"):
        isolated.call(target, *arguments, doing="converting")


def test_what_the_child_prints_stays_out_of_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    isolated.call("os:system", "echo chatter; echo more >&2", doing="chatting")
    assert capfd.readouterr() == ("", "")


def test_with_debug_everything_is_printed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(debug.VARIABLE, "1")
    isolated.call("os:system", "echo chatter; echo more >&2", doing="chatting")
    assert capfd.readouterr() == ("chatter\n", "more\n")


def test_files_in_the_current_folder_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pickle", "json", "subprocess", "edgetl"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('a file of the user')")
    monkeypatch.chdir(tmp_path)
    assert isolated.call("os:getcwd", doing="asking") == str(tmp_path)


def test_ctrl_c_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    wait = subprocess.Popen.wait

    def interrupted_once(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if process in started:
            return wait(process, timeout)
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        isolated.call("time:sleep", 60, doing="sleeping")
    assert started[0].returncode == -9


def test_a_call_may_take_only_so_long() -> None:
    began = time.monotonic()
    with pytest.raises(ConversionError, match=r"^sleeping failed: it took more than 0\.5 s$"):
        isolated.call("time:sleep", 60, doing="sleeping", timeout_s=0.5)
    assert time.monotonic() - began < 20
    assert isolated.call("os:getpid", doing="asking", timeout_s=60) != os.getpid()


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    isolated.call("os:getpid", doing="asking")
    with pytest.raises(ConversionError):
        isolated.call("os:abort", doing="dying")
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_is_stopped_is_no_failure_to_go_round() -> None:
    """Who tries another way when a conversion fails must not do so when all is to end."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(isolated.call, "time:sleep", 60, doing="sleeping")
        while not isolated._running:
            time.sleep(0.01)
        isolated.stop_all()
        with pytest.raises(CancelledError, match="sleeping was stopped"):
            waiting.result(timeout=20)


def test_a_full_disk_is_a_sentence_whichever_library_met_it(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(2_000_000))
    with pytest.raises(WriteError, match=r"^the disk is full: free some space, or name another folder in"):
        isolated.call("shutil:copyfile", tmp_path / "large", small_disk / "large", doing="copying")
