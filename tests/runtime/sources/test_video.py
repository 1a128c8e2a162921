"""Video files, with the real OpenCV."""

import time
from pathlib import Path

import numpy as np
import pytest

from edgetl.errors import DatasetError
from edgetl.runtime.sources import open_source

cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'edgetl[camera]'")

COUNT, RATE = 40, 20.0


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """40 frames of 64 x 48 pixels in 2 s, each red in another strength."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), RATE, (64, 48))
    assert writer.isOpened()
    for number in range(COUNT):
        writer.write(np.full((48, 64, 3), (0, 0, 5 * number), np.uint8))  # blue, green, red
    writer.release()
    return path


def test_every_frame_of_a_video_comes_in_order_and_in_colour(video: Path) -> None:
    with open_source(video) as film:
        assert not film.live
        frames = list(film)
    assert [(frame.name, frame.index) for frame in frames] == [(str(video), index) for index in range(COUNT)]
    pixels = np.stack([np.asarray(frame.picture) for frame in frames])
    assert pixels.shape == (COUNT, 48, 64, 3)
    red = pixels[:, 24, 32, 0].astype(int)
    assert np.abs(red - 5 * np.arange(COUNT)).max() <= 12  # MJPG is lossy
    assert pixels[-1, 24, 32, 1:].max() <= 12
    assert film.dropped == 0


def test_a_video_waits_for_a_slow_program(video: Path) -> None:
    with open_source(video) as film:
        frames = iter(film)
        first = next(frames)
        time.sleep(0.5)  # time for all
        taken_s = time.time()
        rest = list(frames)
    assert [frame.index for frame in [first, *rest]] == list(range(COUNT))
    assert sum(frame.time_s < taken_s for frame in rest) < 10


def test_a_video_may_be_played_at_its_own_speed(video: Path) -> None:
    with open_source(video, every=False) as film:
        frames = iter(film)
        first = next(frames)
        while film.dropped < 5:
            time.sleep(0.005)
        rest = list(frames)
    indexes = [first.index, *(frame.index for frame in rest)]
    assert indexes == sorted(set(indexes))
    assert indexes[-1] == COUNT - 1
    assert film.dropped == COUNT - len(indexes)
    # A frame never comes before its time, while the first one may come late.
    assert rest[-1].time_s - first.time_s >= COUNT / RATE / 2


def test_a_video_that_breaks_off_gives_what_it_has_and_says_so(video: Path) -> None:
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    seen: list[int] = []
    with (
        open_source(video) as film,
        pytest.raises(
            DatasetError, match=rf"film\.avi breaks off after \d+ of {COUNT} frames: it is damaged"
        ),
    ):
        seen.extend(frame.index for frame in film)
    assert 5 < len(seen) < COUNT
    assert seen == list(range(len(seen)))


@pytest.mark.parametrize(
    ("suffix", "content"),
    [(".avi", b"RIFF\0\0\0\0AVI LIST"), (".mp4", b""), (".MKV", b"words " * 1000), (".h264", b"\0\0\0\1")],
)
def test_what_is_no_video_says_so(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"film{suffix}"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"film{suffix} is no video that OpenCV can read: it is damaged"):
        open_source(path)


def test_a_video_may_have_any_name(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("film %d 01 'é'.avi", "-film.AVI"):
        video.rename(name)
        with open_source(name) as film:
            assert sum(1 for _ in film) == COUNT
        Path(name).rename(video)
