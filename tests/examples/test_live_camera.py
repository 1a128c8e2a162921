"""A browser sees the camera with the answers drawn on it."""

import io
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from support import write_fake_bundle

from edgetl.runtime.sources.jpeg import JpegCutter
from examples.colours import COLOURS
from examples.running import Camera, Script


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def watched(port: int, script: Script) -> Iterator[NDArray[np.uint8]]:
    """The pictures that a browser gets, uint8 (480, 640, 3)."""
    while True:
        assert script.runs
        try:
            response = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60)
        except OSError:  # it does not listen yet
            time.sleep(0.05)
            continue
        assert response.headers.get_content_type() == "multipart/x-mixed-replace"
        cutter = JpegCutter()
        with response:
            while data := response.read1(65536):
                for jpeg in cutter.feed(data):
                    yield np.asarray(Image.open(io.BytesIO(jpeg)))
        time.sleep(0.05)  # there was no picture yet


def test_viewers_see_the_camera_and_the_answers_until_ctrl_c(
    start: Callable[..., Script], colours: Path, camera: Camera
) -> None:
    port = free_port()
    camera.show("ant")
    script = start("live_camera.py", colours, camera.url, port)
    with closing(watched(port, script)) as one:
        picture = next(one)
        assert picture.shape == (480, 640, 3)
        assert below(picture) == "ant"
        writing = lime(picture)
        assert writing.any()
        assert not lime(picture[200:]).any()  # it stands in the corner, three lines of it

        with closing(watched(port, script)) as another:
            assert below(next(another)) == "ant"
        # One has left, and the other sees what comes next, with the other answer on it.
        camera.show("bee")
        shown = next(picture for picture in one if below(picture) == "bee")
        later = next(picture for picture in one if not np.array_equal(lime(picture), writing))
        assert lime(later).any()
        assert below(later) == below(shown) == "bee"
    script.send(signal.SIGINT)
    assert script.end() == (0, "", "")


def test_an_answer_that_is_none_is_written_in_orange(
    start: Callable[..., Script], camera: Camera, tmp_path: Path
) -> None:
    port = free_port()
    unsure = write_fake_bundle(tmp_path / "unsure.edgetl", reject_threshold=0.9)
    script = start("live_camera.py", unsure, camera.url, port)
    with closing(watched(port, script)) as viewer:
        picture = next(viewer)
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    assert ((red > 200) & (green > 120) & (blue < 60)).any()
    assert not lime(picture).any()


def below(picture: NDArray[np.uint8]) -> str:
    """The class whose colour the lower half has."""
    mean = picture[240:].mean((0, 1))
    return min(COLOURS, key=lambda label: float(np.abs(mean - COLOURS[label]).sum()))


def lime(picture: NDArray[np.uint8]) -> Any:
    """Where the writing is: bool (h, w)."""
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return (green > 200) & (red < 120) & (blue < 120)
