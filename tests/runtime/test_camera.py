"""Cameras, with drivers of our own in place of picamera2 and OpenCV."""

import os
from pathlib import Path

import numpy as np
import pytest
from support import encoded, scene

from edgetl.errors import CameraError, MissingPackageError, UsageError
from edgetl.runtime.camera import ChildCamera, FakeCamera
from edgetl.runtime.sources import camera

_OPENCV = """
import sys, time
import numpy as np
print("a driver's chatter")
CAP_PROP_FRAME_WIDTH, CAP_PROP_FRAME_HEIGHT, CAP_PROP_BUFFERSIZE = 3, 4, 38
class VideoCapture:
    def __init__(self, index):
        self.index, self.settings, self.count = index, {}, 0
    def isOpened(self):
        return self.index < 3
    def set(self, key, value):
        self.settings[key] = value
    def read(self):
        self.count += 1
        if self.index == 1 and self.count == 3:
            return False, None
        if self.index == 2 and self.count == 3:
            raise RuntimeError("the bus is gone\\nand more")
        frame = np.zeros((int(self.settings[4]), int(self.settings[3]), 3), np.uint8)
        frame[:] = (10, 20, self.count)  # blue, green, red
        return True, frame
"""
_PICAMERA2 = """
import os, time
import numpy as np
class Picamera2:
    def create_video_configuration(self, main):
        return main
    def configure(self, main):
        self.main = main
    def start(self):
        if os.environ.get("CAMERA") == "start hangs":
            time.sleep(60)
        if os.environ.get("CAMERA") == "dies":
            os.abort()
        self.count = 0
    def capture_array(self, name):
        assert name == "main" and self.main["format"] == "BGR888"
        self.count += 1
        if os.environ.get("CAMERA") == "capture hangs" and self.count == 3:
            time.sleep(60)
        width, height = self.main["size"]
        return np.full((height, width, 3), (self.count, 20, 10), np.uint8)
"""


@pytest.fixture
def drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv2.py").write_text(_OPENCV)
    (tmp_path / "picamera2.py").write_text(_PICAMERA2)
    monkeypatch.syspath_prepend(tmp_path)


def colours(which: str, count: int) -> list[tuple[int, ...]]:
    """The first pixel of each of the first pictures."""
    with camera(which, width=32, height=24) as opened:
        frames = [frame for frame, _ in zip(opened, range(count), strict=False)]
    assert all(frame.shape == (24, 32, 3) and frame.dtype == np.uint8 for frame in frames)
    return [tuple(int(value) for value in frame[5, 7]) for frame in frames]


@pytest.mark.parametrize("which", ["0", "picamera2"])
def test_pictures_are_red_green_blue_and_none_is_left_out(which: str, drivers: None) -> None:
    assert colours(which, 4) == [(1, 20, 10), (2, 20, 10), (3, 20, 10), (4, 20, 10)]


def test_auto_takes_the_pi_s_own_camera_where_there_is_one(
    drivers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA", "dies")  # only picamera2 heeds it
    with pytest.raises(CameraError, match="camera picamera2"):
        camera("auto")
    (tmp_path / "picamera2.py").unlink()
    assert colours("auto", 1) == [(1, 20, 10)]


def test_a_camera_that_is_not_there_says_what_to_check(drivers: None) -> None:
    with pytest.raises(
        CameraError, match=r"camera 7: /dev/video7 cannot be opened: check that it is plugged in"
    ):
        camera("7")


@pytest.mark.parametrize(
    ("which", "reason"), [("1", "it stopped giving pictures"), ("2", "the bus is gone$")]
)
def test_a_camera_that_fails_in_the_middle_says_so(which: str, reason: str, drivers: None) -> None:
    with pytest.raises(CameraError, match=f"camera {which}: {reason}"):
        colours(which, 5)


def test_a_camera_that_hangs_at_the_start_is_given_up(drivers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA", "start hangs")
    children = child_processes()
    with pytest.raises(CameraError, match=r"camera picamera2 gave no picture for 0\.5 s: check its cable"):
        ChildCamera("picamera2", width=32, height=24, timeout_s=0.5)
    assert child_processes() == children


def test_a_camera_that_hangs_in_the_middle_is_given_up(
    drivers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA", "capture hangs")
    children = child_processes()
    # Long enough for a busy machine to start the child.
    frames = iter(ChildCamera("picamera2", width=32, height=24, timeout_s=3))
    assert next(frames).shape == next(frames).shape == (24, 32, 3)
    with pytest.raises(CameraError, match=r"camera picamera2 gave no picture for 3 s: check its cable"):
        next(frames)
    assert child_processes() == children


def test_a_camera_whose_process_dies_says_so(drivers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA", "dies")
    with pytest.raises(CameraError, match=r"camera picamera2: its process was ended by SIGABRT"):
        camera("picamera2")


def test_a_closed_camera_leaves_no_process_and_says_that_it_is_closed(drivers: None) -> None:
    children = child_processes()
    with camera("0") as opened:
        assert len(child_processes()) == len(children) + 1
    assert child_processes() == children
    opened.close()
    with pytest.raises(CameraError, match="camera 0 is closed: open it again"):
        next(iter(opened))


def child_processes() -> set[str]:
    task = Path(f"/proc/{os.getpid()}/task")
    return {child for thread in task.iterdir() for child in (thread / "children").read_text().split()}


def test_a_missing_driver_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgetl.extras.is_installed", lambda _: False)
    with pytest.raises(
        MissingPackageError, match=r"a USB camera needs OpenCV: pip install 'edgetl\[camera\]'"
    ):
        camera("auto")
    with pytest.raises(MissingPackageError, match=r"needs picamera2: sudo apt install python3-picamera2"):
        camera("picamera2")


@pytest.mark.parametrize("which", ["webcam", "-1", ""])
def test_an_unknown_camera_is_named_with_those_there_are(which: str) -> None:
    with pytest.raises(
        UsageError, match=rf"camera '{which}' is not known: choose auto, picamera2, 0, 1, \.\.\."
    ):
        camera(which)


def test_the_fake_shows_pictures_once_each(tmp_path: Path) -> None:
    for number in range(3):
        scene(100, 80, seed=number).save(tmp_path / f"{number}.jpg")
    with camera(f"fake:{tmp_path}", width=64, height=48) as fake:
        assert [frame.shape for frame in fake] == [(48, 64, 3)] * 3
        assert len(list(fake)) == 3
    shown = np.full((48, 64, 3), 7, np.uint8)
    assert np.array_equal(shown, next(iter(FakeCamera([shown], width=64, height=48))))
    assert next(iter(FakeCamera([encoded(scene())]))).shape == (480, 640, 3)
