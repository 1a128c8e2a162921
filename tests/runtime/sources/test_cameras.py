"""USB cameras and the Pi's own, with drivers of our own."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import encoded, scene

from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import CameraError, MissingPackageError, UsageError
from edgetl.runtime.sources import Frame, open_source


def frames(which: str, count: int) -> list[Frame]:
    with open_source(which, every=True, reconnect=False, width=32, height=24) as opened:
        assert opened.live
        return [frame for frame, _ in zip(opened, range(count), strict=False)]


def colours(which: str, count: int) -> list[tuple[int, ...]]:
    """One pixel of each of the first pictures."""
    pictures = [np.asarray(frame.picture) for frame in frames(which, count)]
    assert all(picture.shape == (24, 32, 3) and picture.dtype == np.uint8 for picture in pictures)
    return [tuple(int(value) for value in picture[5, 7]) for picture in pictures]


@pytest.mark.parametrize("which", ["camera:0", "/dev/video0", "picamera", "camera:auto"])
def test_pictures_are_red_green_blue_and_none_is_left_out(which: str, drivers: Path) -> None:
    assert colours(which, 4) == [(1, 20, 10), (2, 20, 10), (3, 20, 10), (4, 20, 10)]


def test_a_frame_says_where_and_when_it_was_taken(drivers: Path) -> None:
    before = time.time()
    taken = frames("camera:0", 3)
    assert [(frame.name, frame.index) for frame in taken] == [("/dev/video0", index) for index in range(3)]
    times = [before, *(frame.time_s for frame in taken), time.time()]
    assert times == sorted(times)


def test_auto_takes_the_pi_s_own_camera_where_there_is_one(drivers: Path) -> None:
    assert frames("camera:auto", 1)[0].name == "picamera"
    (drivers / "picamera2.py").unlink()
    assert frames("camera:auto", 1)[0].name == "/dev/video0"


def test_a_link_to_a_device_is_followed(
    drivers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As /dev/v4l/by-id/... is, which tests may not make.
    link = tmp_path / "by-id"
    link.symlink_to("/dev/video0")
    monkeypatch.setattr("edgetl.runtime.sources.naming.DEVICES", (str(tmp_path),))
    assert colours(str(link), 1) == [(1, 20, 10)]


def test_a_camera_that_is_not_there_says_which_ones_are(drivers: Path) -> None:
    with pytest.raises(CameraError, match=r"^/dev/video97 is not there, and this machine has .*/dev/video"):
        open_source("camera:97")


def test_a_camera_that_opens_and_gives_nothing_is_an_error_at_once(drivers: Path) -> None:
    with pytest.raises(CameraError, match=r"^/dev/video4 (is not there|gives no pictures|is in use)"):
        open_source("camera:4")


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("1", "stopped giving pictures: check its cable$"),
        ("2", "failed: the bus is gone$"),
        ("5", r"gave no picture for 3 s: check its cable"),
    ],
)
def test_a_camera_that_fails_in_the_middle_says_so(
    which: str, reason: str, drivers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for a busy machine to start the child.
    monkeypatch.setattr("edgetl.runtime.sources.feed.SILENCE_S", 3.0)
    seen: list[int] = []
    with (
        open_source(f"camera:{which}", every=True, reconnect=False) as opened,
        pytest.raises(CameraError, match=f"^/dev/video{which} {reason}"),
    ):
        seen.extend(frame.index for frame in opened)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("start hangs", r"picamera gave no picture for 1 s: check its cable or network"),
        ("dies", "picamera: its process was ended by SIGABRT; add --debug"),
        ("missing", r"picamera cannot be opened \(list index out of range\): check its ribbon cable"),
        (
            "cannot be imported",
            r"picamera2 cannot be imported \(numpy\.dtype size changed\), and there is no",
        ),
    ],
)
def test_a_pi_camera_that_does_not_start_is_an_error_at_once(
    state: str, reason: str, drivers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA", state)
    monkeypatch.setenv("PATH", "")
    if state == "start hangs":
        monkeypatch.setattr("edgetl.runtime.sources.feed.START_S", 1.0)
    with pytest.raises(CameraError, match=f"^{reason}"):
        open_source("picamera")


def test_a_driver_that_hangs_while_it_is_closed_is_ended(
    drivers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA", "stop hangs")
    assert len(frames("picamera", 2)) == 2  # and nothing_is_left


def test_a_driver_s_chatter_is_hidden_unless_debugging(
    drivers: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert len(frames("camera:0", 1)) == 1
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("EDGETL_DEBUG", "1")
    assert len(frames("camera:0", 1)) == 1
    assert capfd.readouterr() == ("", "a driver's chatter\n")


# --- rpicam-vid ----------------------------------------------------------------------------------

_PROGRAM = """\
#!{python}
import os, sys, time
assert sys.argv[1:] == "--codec mjpeg -t 0 -n --width 32 --height 24 -o -".split(), sys.argv
photo = open({photo!r}, "rb").read()
state = os.environ.get("RPICAM")
if state == "missing":
    print("Made with frozen libcamera", "ERROR: *** no cameras available ***", sep="\\n", file=sys.stderr)
    sys.exit(255)
for number in range(1_000_000):
    print("#", number, "x" * 1000, file=sys.stderr, flush=True)
    if state == "hangs" and number == 3:
        time.sleep(60)
    sys.stdout.buffer.write(photo)
    sys.stdout.buffer.flush()
"""


@pytest.fixture
def rpicam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A program on PATH that writes this picture again and again, as the Pi's does; there is no picamera2."""
    photo = encoded(scene(32, 24), exif=encoded_exif())
    (tmp_path / "photo.jpg").write_bytes(photo)
    program = tmp_path / "bin" / "rpicam-vid"
    program.parent.mkdir()
    program.write_text(_PROGRAM.format(python=sys.executable, photo=str(tmp_path / "photo.jpg")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return photo


def encoded_exif() -> bytes:
    """EXIF data that a whole JPEG, a thumbnail, lies in."""
    return b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + encoded(scene(16, 12))


def test_without_picamera2_the_pictures_of_rpicam_vid_come_as_jpeg(rpicam: bytes) -> None:
    taken = frames("camera:auto", 5)
    assert [frame.picture for frame in taken] == [rpicam] * 5
    assert images.decode(rpicam, Contract(24, 32)).shape == (24, 32, 3)


def test_a_picamera2_that_cannot_be_imported_gives_way_to_rpicam_vid(
    drivers: Path, rpicam: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA", "cannot be imported")
    assert [frame.picture for frame in frames("picamera", 2)] == [rpicam] * 2


def test_its_older_name_is_known(rpicam: bytes, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "rpicam-vid"
    program.rename(program.with_name("libcamera-vid"))
    assert frames("picamera", 1)[0].picture == rpicam


def test_what_rpicam_vid_says_is_passed_on(rpicam: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPICAM", "missing")
    with pytest.raises(
        CameraError,
        match=r"rpicam-vid ended with code 255 \(ERROR: \*\*\* no cameras available\): check its ribbon",
    ):
        open_source("picamera", width=32, height=24)


def test_an_rpicam_vid_that_hangs_is_ended(
    rpicam: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPICAM", "hangs")
    monkeypatch.setattr("edgetl.runtime.sources.feed.SILENCE_S", 3.0)
    with pytest.raises(CameraError, match=r"^picamera gave no picture for 3 s"):
        frames("picamera", 5)
    assert [line for line in running() if str(tmp_path) in line] == []


def running() -> list[str]:
    """The command line of every process of this machine."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_text("utf-8", "replace"))
        except OSError:
            continue
    return found


# --- what is not installed -----------------------------------------------------------------------


def test_a_missing_driver_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgetl.extras.is_installed", lambda _: False)
    monkeypatch.setenv("PATH", "")
    for source in ("camera:auto", "camera:1", "rtsp://camera/"):
        with pytest.raises(MissingPackageError, match=r"needs OpenCV: pip install 'edgetl\[camera\]'"):
            open_source(source)
    with pytest.raises(MissingPackageError, match=r"or rpicam-vid: sudo apt install python3-picamera2"):
        open_source("picamera")


@pytest.mark.parametrize("which", ["webcam", "-1", "", "٣"])
def test_an_unknown_camera_is_named_with_those_there_are(which: str) -> None:
    with pytest.raises(
        UsageError, match=rf"camera '{which}' is not known: choose camera:auto, picamera, cam"
    ):
        open_source(f"camera:{which}")
