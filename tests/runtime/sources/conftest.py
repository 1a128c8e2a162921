"""Cameras without hardware, and a watch over what a source leaves behind."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_cameras
import pytest


@pytest.fixture
def drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the modules; see ``fake_cameras.install``."""
    folder = tmp_path / "drivers"
    folder.mkdir()
    fake_cameras.install(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost source is opened again without much of a pause."""
    monkeypatch.setattr("edgetl.runtime.sources.streamed.BACK_OFF_S", (0.01, 0.02))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Every test closes what it opens, and then no process, thread or descriptor of it may be left."""
    children, threads = fake_cameras.child_processes(), set(threading.enumerate())
    yield
    deadline = time.monotonic() + 10.0  # the servers and timers of the tests themselves end a moment later
    while time.monotonic() < deadline and _more(children, threads):
        time.sleep(0.01)
    assert _more(children, threads) == set()


def _more(children: set[str], threads: set[threading.Thread]) -> set[object]:
    return {*(fake_cameras.child_processes() - children), *(set(threading.enumerate()) - threads)}


@pytest.fixture
def alarm() -> Iterator[Callable[[float], object]]:
    """Raises StopHereError in the main thread after so many seconds."""

    def interrupt(*_: object) -> None:
        raise fake_cameras.StopHereError

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
