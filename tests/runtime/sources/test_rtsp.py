"""RTSP, with the real OpenCV and a server of our own on the loopback."""

import re
import socket
import threading

import numpy as np
import pytest
import rtsp_server
from PIL import Image
from support import encoded

from edgetl.errors import CameraError
from edgetl.runtime.sources import Frame, open_source

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'edgetl[camera]'")

PHOTOS = [encoded(Image.new("RGB", (64, 48), (10 * number, 60, 10))) for number in range(25)]


def test_the_pictures_of_a_stream_come_in_order_and_in_colour(nothing_is_left: None) -> None:
    with rtsp_server.serving(PHOTOS) as port:
        url = f"rtsp://127.0.0.1:{port}/x"
        seen: list[Frame] = []
        with open_source(url.replace("//", "//me:secret@"), every=True, reconnect=False) as stream:
            assert stream.live
            with pytest.raises(CameraError, match=f"^{re.escape(url)} stopped giving pictures: check"):
                seen.extend(stream)
    assert {frame.name for frame in seen} == {url}
    pixels = np.stack([np.asarray(frame.picture) for frame in seen]).astype(int)
    assert pixels.shape == (len(PHOTOS), 48, 64, 3)
    wanted = [(10 * number, 60, 10) for number in range(len(PHOTOS))]
    assert np.abs(pixels[:, 20, 30] - wanted).max() <= 6  # JPEG is lossy


def test_a_stream_that_ends_is_asked_for_again(quick: None, nothing_is_left: None) -> None:
    told: list[str] = []
    with rtsp_server.serving(PHOTOS[:10]) as port:
        url = f"rtsp://127.0.0.1:{port}/x"
        with open_source(url, every=True, on_event=told.append) as stream:
            frames = [frame for frame, _ in zip(stream, range(15), strict=False)]
    red = [int(np.asarray(frame.picture)[20, 30, 0]) for frame in frames]
    assert max(red[:10]) > 80
    assert red[10] < 10
    assert told[0].startswith(f"lost: {url} stopped giving pictures")
    assert told[1].startswith(f"{url} is back after")


def test_an_rtsp_address_where_nobody_listens_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(
        CameraError, match=rf"^rtsp://127\.0\.0\.1:{port}/x cannot be reached \(Connection refused\): check"
    ) as caught:
        open_source(f"rtsp://me:secret@127.0.0.1:{port}/x")
    assert "secret" not in str(caught.value)


def test_an_rtsp_address_where_something_else_answers_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):  # we ask whether anybody is there, then OpenCV comes
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(1)
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        with pytest.raises(
            CameraError, match="answers, but gives no stream that OpenCV can read: check its path"
        ):
            open_source(f"rtsp://127.0.0.1:{port}/x")
        thread.join()
