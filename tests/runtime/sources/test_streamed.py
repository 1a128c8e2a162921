"""Waiting, dropping, reconnecting and ending: what every live source has in common."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_cameras import StopHereError, child_processes

from edgetl.errors import CameraError, UsageError
from edgetl.runtime.sources import AbstractSource, Frame, open_source


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "waited for 30 s"
        time.sleep(0.005)


# --- dropping and keeping ------------------------------------------------------------------------


def test_a_slow_program_sees_the_newest_picture_and_counts_the_others(drivers: Path) -> None:
    with open_source("camera:0") as camera:
        frames = iter(camera)
        first = next(frames)
        before = camera.dropped
        wait_until(lambda: camera.dropped >= before + 20)
        second, third = next(frames), next(frames)
    assert first.index < first.index + 20 <= second.index < third.index
    assert camera.dropped >= third.index - 2  # every frame but those three, and perhaps one that waits
    assert red(third) == (third.index + 1) % 256  # an index counts what the camera gave


def test_a_program_that_wants_every_frame_gets_them_and_none_piles_up(drivers: Path) -> None:
    with open_source("camera:0", every=True) as camera:
        frames = iter(camera)
        seen = [next(frames)]
        time.sleep(0.3)  # time for over 100
        taken_s = time.time()
        seen += [next(frames) for _ in range(20)]
    assert [red(frame) for frame in seen] == list(range(1, 22))
    assert camera.dropped == 0
    # The others were taken only when there was room for them.
    assert sum(frame.time_s < taken_s for frame in seen) < 10


def red(frame: Frame) -> int:
    return int(np.asarray(frame.picture)[0, 0, 0])


# --- reconnecting --------------------------------------------------------------------------------


def test_a_camera_that_goes_away_is_opened_again_and_each_step_is_told(drivers: Path, quick: None) -> None:
    told: list[str] = []
    with open_source("camera:3", every=True, on_event=told.append) as camera:
        frames = [frame for frame, _ in zip(camera, range(7), strict=False)]
    assert [frame.index for frame in frames] == list(range(7))
    assert [red(frame) for frame in frames] == [1, 2, 3, 1, 2, 3, 1]
    assert told[0] == "lost: /dev/video3 stopped giving pictures: check its cable; opened again in 0.01 s"
    assert told[1].startswith("not back yet: /dev/video3 ")
    assert told[1].endswith("; opened again in 0.02 s")
    assert told[2].startswith("/dev/video3 is back after ")
    assert told[3] == told[0]


def test_pauses_double_up_to_half_a_minute() -> None:
    from edgetl.runtime.sources.streamed import BACK_OFF_S

    assert BACK_OFF_S[0] == 0.5
    assert BACK_OFF_S[-1] == 30
    assert all(later == min(2 * earlier, 30) for earlier, later in itertools.pairwise(BACK_OFF_S))


def test_a_camera_whose_process_is_killed_is_opened_again(drivers: Path, quick: None) -> None:
    told: list[str] = []
    before = child_processes()
    with open_source("camera:0", on_event=told.append) as camera:
        frames = iter(camera)
        next(frames)
        (child,) = child_processes() - before
        os.kill(int(child), signal.SIGKILL)
        wait_until(lambda: len(told) == 2)
        next(frames)
    assert told[0].startswith("lost: /dev/video0: its process was ended by SIGKILL")
    assert told[1].startswith("/dev/video0 is back after")


def test_frames_that_came_before_an_error_are_given_first(drivers: Path) -> None:
    seen: list[int] = []
    with open_source("camera:1", every=True, reconnect=False) as camera:
        with pytest.raises(CameraError):
            seen.extend(frame.index for frame in camera)
        assert list(camera) == []  # told once
    assert seen == [0, 1, 2]


def test_an_error_of_the_program_s_own_on_event_reaches_it(drivers: Path, quick: None) -> None:
    def fail(sentence: str) -> None:
        raise LookupError(sentence)

    with (
        open_source("camera:1", on_event=fail) as camera,
        pytest.raises(LookupError, match="lost: /dev/video1"),
    ):
        list(camera)


# --- ending --------------------------------------------------------------------------------------


def test_a_closed_source_ends_the_loop_and_leaves_no_process(drivers: Path) -> None:
    before = child_processes()
    with open_source("camera:0") as camera:
        next(iter(camera))
        assert len(child_processes()) == len(before) + 1
    assert child_processes() == before
    assert list(camera) == []
    camera.close()


@pytest.mark.parametrize("which", ["camera:0", "camera:5", "camera:1"])
@pytest.mark.parametrize("every", [True, False])
def test_another_thread_ends_a_loop_that_waits(which: str, every: bool, drivers: Path) -> None:
    """Whether frames come, the camera hangs, or it is waited for."""
    told: list[str] = []
    with open_source(which, every=every, on_event=told.append) as camera:
        seen: list[Frame] = []
        loop = threading.Thread(target=lambda: seen.extend(camera))
        loop.start()
        wait_until(lambda: bool(told) if which == "camera:1" else bool(seen))
        camera.close()
        loop.join(30)
        assert not loop.is_alive()


def test_a_process_that_does_not_react_is_ended_with_the_source(drivers: Path) -> None:
    before = child_processes()
    with open_source("camera:0") as camera:
        (child,) = child_processes() - before
        # As stuck as one in a driver's call that lets no other thread run.
        os.kill(int(child), signal.SIGSTOP)
    assert child_processes() == before
    assert list(camera) == []


def test_a_source_may_be_closed_from_on_event(drivers: Path) -> None:
    opened: list[AbstractSource] = []
    ready = threading.Event()

    def close(_: str) -> None:
        ready.wait(30)
        opened[0].close()

    with open_source("camera:1", on_event=close) as camera:
        opened.append(camera)
        ready.set()
        list(camera)
        wait_until(lambda: not any_reader())


def any_reader() -> bool:
    return any(thread.name.startswith("edgetl ") for thread in threading.enumerate())


def test_a_signal_handler_s_exception_gets_through_while_a_frame_is_awaited(
    drivers: Path, alarm: Callable[[float], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgetl.runtime.sources.feed.SILENCE_S", 60.0)
    with open_source("camera:5", every=True) as camera:
        frames = iter(camera)
        assert [next(frames).index for _ in range(3)] == [0, 1, 2]
        with pytest.raises(StopHereError):  # noqa: PT012 - on a busy machine it may come at once
            alarm(0.2)
            next(frames)


def test_a_signal_handler_s_exception_gets_through_while_a_camera_is_opened(
    drivers: Path, alarm: Callable[[float], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgetl.runtime.sources.feed.START_S", 60.0)
    monkeypatch.setenv("CAMERA", "start hangs")
    with pytest.raises(StopHereError):  # noqa: PT012 - likewise
        alarm(1.0)
        open_source("picamera")


_PROGRAM = """
import sys
from edgetl.runtime.sources import open_source
with open_source(sys.argv[1]) as camera:
    for frame in camera:
        print(frame.index, flush=True)
"""


@pytest.mark.parametrize("which", ["camera:0", "camera:5"])
def test_ctrl_c_ends_the_program_and_a_kill_leaves_no_camera_process(which: str, drivers: Path) -> None:
    for end, code in ((signal.SIGINT, -signal.SIGINT), (signal.SIGKILL, -signal.SIGKILL)):
        environment = {**os.environ, "PYTHONPATH": str(drivers)}
        with subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, which],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        ) as program:
            assert program.stdout is not None
            assert program.stdout.readline().strip().isdigit()
            children = set(Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split())
            assert len(children) == 1
            program.send_signal(end)
            assert program.wait(30) == code
        wait_until(lambda: not any(alive(child) for child in children))  # noqa: B023 - waited for in the loop


def alive(process: str) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


# --- bad calls -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, -1, 20_000])
def test_a_size_no_camera_has_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match=f"width {size} is not offered: choose 1 to 16384 pixels"):
        open_source("camera:0", width=size)
    with pytest.raises(UsageError, match=f"height {size} is not offered"):
        open_source("camera:0", height=size)
