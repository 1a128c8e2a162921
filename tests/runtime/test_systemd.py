"""What the service manager is told, read from a real datagram socket."""

import itertools
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.runtime import systemd
from edgetl.runtime.systemd import Watchdog, notify


class Manager:
    """Listens where NOTIFY_SOCKET points, as systemd does."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def received(self) -> list[str]:
        """Everything sent since the last time."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    listening = Manager(address)
    yield listening
    listening.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test moves."""
    now = [1000.0]
    monkeypatch.setattr(systemd, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_state_arrives_as_it_was_sent(manager: Manager) -> None:
    assert notify("STATUS=12 Bilder/s, 48 °C")
    assert manager.received() == ["STATUS=12 Bilder/s, 48 °C"]


def test_a_socket_without_a_file_is_reached_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"edgetl-test-{os.getpid()}"
    listening = Manager(f"\0{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    assert notify("READY=1")
    assert listening.received() == ["READY=1"]
    listening.close()


@pytest.mark.parametrize(
    "address", [None, "", "@", "relative/path", "vsock:2:1234", "/not/there", "/" + 200 * "x"]
)
def test_where_nobody_listens_nothing_is_sent_and_nothing_raised(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify("READY=1") is False


@given(st.text())
def test_no_state_raises(state: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTIFY_SOCKET", "/not/there")
        assert notify(state) is False


def test_a_manager_that_does_not_read_holds_nobody_up(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "_PATIENCE_S", 0.01)
    sent = [notify("STATUS=" + 4000 * "x") for _ in range(1000)]
    assert sent[0] is True
    assert sent[-1] is False


def test_the_first_answer_makes_the_service_ready_and_no_other(manager: Manager) -> None:
    watchdog = Watchdog()
    assert manager.received() == []
    for _ in range(3):
        watchdog.answered()
    assert manager.received() == ["READY=1"]


def test_life_is_shown_at_every_half_of_the_time_allowed(
    manager: Manager, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    watchdog = Watchdog()
    watchdog.answered()
    assert manager.received() == ["READY=1\nWATCHDOG=1"]
    for _ in range(49):  # 10 frames a second
        clock[0] += 0.1
        watchdog.answered()
    assert manager.received() == []
    clock[0] += 0.11
    watchdog.answered()
    assert manager.received() == ["WATCHDOG=1"]


@given(st.lists(st.floats(0.01, 4.9), min_size=1, max_size=60))
def test_no_gap_reaches_what_is_allowed_while_frames_come_at_twice_that_rate(gaps: list[float]) -> None:
    sent: list[float] = []
    now = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WATCHDOG_USEC", "10000000")
        patch.delenv("WATCHDOG_PID", raising=False)
        patch.setattr(systemd, "time", SimpleNamespace(monotonic=lambda: now))
        patch.setattr(systemd, "notify", lambda state: sent.append(now) or True)
        watchdog = Watchdog()
        watchdog.answered()
        for gap in gaps:
            now += gap
            watchdog.answered()
    assert all(later - earlier < 10 for earlier, later in zip(sent, [*sent[1:], now], strict=True))
    assert all(later - earlier >= 5 for earlier, later in itertools.pairwise(sent))


def test_a_loop_that_hangs_shows_no_life(
    manager: Manager, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    before = threading.active_count()
    watchdog = Watchdog()
    watchdog.answered()
    manager.received()
    clock[0] += 60  # and no frame is answered
    watchdog.status("waiting for the camera")
    assert manager.received() == ["STATUS=waiting for the camera"]
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("allowed", "watched"),
    [("0", None), ("", None), ("soon", None), ("-5", None), ("²", None), ("10000000", "1")],
)
def test_without_a_watchdog_for_this_process_none_is_fed(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, allowed: str, watched: str | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", allowed)
    if watched is not None:
        monkeypatch.setenv("WATCHDOG_PID", watched)
    watchdog = Watchdog()
    watchdog.answered()
    watchdog.answered()
    assert manager.received() == ["READY=1"]


def test_a_status_is_one_line_and_sent_when_it_changes(manager: Manager) -> None:
    watchdog = Watchdog()
    watchdog.status("bee 97 %")
    watchdog.status("bee 97 %")
    watchdog.status("ant\nWATCHDOG=1")
    assert manager.received() == ["STATUS=bee 97 %", "STATUS=ant WATCHDOG=1"]


def test_the_end_is_announced_also_when_it_is_an_error(manager: Manager) -> None:
    with pytest.raises(RuntimeError, match="camera"), Watchdog():
        raise RuntimeError("camera")
    assert manager.received() == ["STOPPING=1"]
