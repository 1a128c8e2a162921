"""Drivers of our own in place of OpenCV and picamera2, whose modules :func:`install` writes."""

import contextlib
import os
from pathlib import Path

# What a camera does follows from its number.
_OPENCV = """
import os, time
from pathlib import Path
import numpy as np
print("a driver's chatter")
CAP_PROP_FRAME_WIDTH, CAP_PROP_FRAME_HEIGHT, CAP_PROP_BUFFERSIZE = 3, 4, 38
COLOR_BGR2RGB = 4
def cvtColor(frame, code):
    assert code == COLOR_BGR2RGB
    return frame[:, :, ::-1]
class VideoCapture:
    def __init__(self, index):
        self.index, self.settings, self.count = index, {}, 0
        opened = Path(__file__).with_name("opened")
        self.opened = len(opened.read_text()) if opened.exists() else 0
        opened.write_text("x" * (self.opened + 1))
    def isOpened(self):
        return self.index < 6 and not (self.index == 3 and self.opened == 1)
    def set(self, key, value):
        self.settings[key] = value
    def release(self):
        pass
    def read(self):
        time.sleep(0.002)
        self.count += 1
        if self.index in (1, 3) and self.count == 4 or self.index == 4:
            return False, None
        if self.index == 2 and self.count == 4:
            raise RuntimeError("the bus is gone\\nand more")
        if self.index == 5 and self.count == 4:
            time.sleep(60)
        frame = np.zeros((int(self.settings[4]), int(self.settings[3]), 3), np.uint8)
        frame[:] = (10, 20, self.count % 256)  # blue, green, red
        return True, frame
"""
_PICAMERA2 = """
import os, time
import numpy as np
if os.environ.get("CAMERA") == "cannot be imported":
    raise ValueError("numpy.dtype size changed")
class Picamera2:
    def __init__(self):
        if os.environ.get("CAMERA") == "missing":
            raise IndexError("list index out of range")
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
        width, height = self.main["size"]
        return np.full((height, width, 3), (self.count % 256, 20, 10), np.uint8)
    def stop(self):
        if os.environ.get("CAMERA") == "stop hangs":
            time.sleep(60)
    def close(self):
        pass
"""


def install(folder: Path) -> None:
    """Write the modules ``cv2`` and ``picamera2``.

    USB camera 0 works; 1 stops after three pictures and 2 raises; 3 stops after three pictures each time,
    and cannot be opened the second time; 4 opens and gives nothing; 5 hangs after three; the others are not
    there. The red of a picture is its number, from 1. The Pi's camera heeds the variable ``CAMERA``.
    """
    (folder / "cv2.py").write_text(_OPENCV)
    (folder / "picamera2.py").write_text(_PICAMERA2)


def child_processes() -> set[str]:
    """The numbers of this process's children."""
    task = Path(f"/proc/{os.getpid()}/task")
    found: set[str] = set()
    for thread in task.iterdir():
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.update((thread / "children").read_text().split())
    return found


class StopHereError(Exception):
    """What a program's signal handler raises."""
