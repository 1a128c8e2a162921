"""Cameras without hardware, and a watch over what a source leaves behind."""

import signal
import threading
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
    before = fake_cameras.child_processes(), set(threading.enumerate())
    yield
    assert (fake_cameras.child_processes(), set(threading.enumerate())) == before


@pytest.fixture
def alarm() -> Iterator[Callable[[float], object]]:
    """Raises StopHereError in the main thread after so many seconds."""

    def interrupt(*_: object) -> None:
        raise fake_cameras.StopHereError

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
