"""MJPEG over HTTP, from a real server on the loopback."""

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support import encoded, scene

from edgetl.errors import CameraError, UsageError
from edgetl.runtime.sources import Frame, open_source

PHOTOS = [encoded(scene(40, 30, seed=seed)) for seed in range(3)]
Body = Callable[["Camera"], None]


class Camera(BaseHTTPRequestHandler):
    """Answers each path with one of the functions below."""

    def do_GET(self) -> None:
        with suppress(OSError):  # the client has seen enough
            BODIES[self.path.partition("?")[0]](self)

    def begin(self, kind: str = "multipart/x-mixed-replace; boundary=--frame") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def send(self, *photos: bytes) -> None:
        for photo in photos:
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\n\r\n"
            self.wfile.write(head.encode() + photo + b"\r\n")

    def log_message(self, *_: object) -> None:
        pass


def endless(camera: Camera) -> None:
    camera.begin()
    while True:
        camera.send(*PHOTOS)
        time.sleep(0.005)


def wrong_about_itself(camera: Camera) -> None:
    """Boundaries and lengths that are not those it names, a picture that breaks off, and a grey one."""
    camera.begin("multipart/x-mixed-replace;boundary=other")
    for photo in (PHOTOS[0], PHOTOS[1][:300], PHOTOS[2]):
        camera.wfile.write(b"--mine\r\nContent-Length: 7\r\n\r\n" + photo)
    endless_silence(camera)


def endless_silence(_: Camera) -> None:
    # Until the server is closed.
    SERVER_CLOSES.wait(60)


def drops(camera: Camera) -> None:
    camera.begin()
    camera.send(*PHOTOS)


def breaks_off_in_a_chunk(camera: Camera) -> None:
    camera.send_response(200)
    camera.send_header("Content-Type", "multipart/x-mixed-replace")
    camera.send_header("Transfer-Encoding", "chunked")
    camera.end_headers()
    camera.wfile.write(b"%x\r\n%s\r\n" % (len(PHOTOS[0]), PHOTOS[0]))
    camera.wfile.write(b"%x\r\n%s" % (len(PHOTOS[1]), PHOTOS[1][:50]))


def stalls(camera: Camera) -> None:
    camera.begin()
    camera.send(PHOTOS[0])
    endless_silence(camera)


def never_answers(camera: Camera) -> None:
    endless_silence(camera)


def garbage(camera: Camera) -> None:
    camera.begin()
    while True:
        camera.wfile.write(b"\xff\xd8\xff\xda" + 60_000 * b"\0\x01\xff\xfe")


def not_http(camera: Camera) -> None:
    camera.wfile.write(b"SSH-2.0-camera\r\n")


def a_page(camera: Camera) -> None:
    camera.begin("text/html")
    camera.wfile.write(b"<h1>secret</h1>")


def one_picture(camera: Camera) -> None:
    camera.begin("image/jpeg")
    camera.wfile.write(PHOTOS[0])


def gone(camera: Camera) -> None:
    camera.send_error(404, "secret")


def moved(camera: Camera) -> None:
    camera.send_response(302)
    camera.send_header("Location", "/locked")
    camera.end_headers()


def locked(camera: Camera) -> None:
    wanted = "Basic " + base64.b64encode(b"me:s@cret/").decode()
    if camera.headers["Authorization"] == wanted:
        drops(camera)
        return
    camera.send_response(401)
    camera.send_header("WWW-Authenticate", 'Basic realm="secret"')
    camera.end_headers()


BODIES: dict[str, Body] = {
    "/endless": endless,
    "/wrong": wrong_about_itself,
    "/drops": drops,
    "/chunk": breaks_off_in_a_chunk,
    "/stalls": stalls,
    "/never": never_answers,
    "/garbage": garbage,
    "/ssh": not_http,
    "/page": a_page,
    "/picture": one_picture,
    "/gone": gone,
    "/moved": moved,
    "/locked": locked,
}
SERVER_CLOSES = threading.Event()


@pytest.fixture
def address(nothing_is_left: None) -> Iterator[str]:
    """The server's host and port."""
    SERVER_CLOSES.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        SERVER_CLOSES.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence counts after two seconds: long enough for a busy machine to start the child."""
    for limit in ("START_S", "SILENCE_S"):
        monkeypatch.setattr(f"edgetl.runtime.sources.feed.{limit}", 2.0)


def some(url: str, count: int) -> list[Frame]:
    with open_source(url, every=True, reconnect=False) as stream:
        assert stream.live
        return [frame for frame, _ in zip(stream, range(count), strict=False)]


def test_pictures_are_the_bytes_the_camera_sent(address: str) -> None:
    frames = some(f"http://{address}/endless", 7)
    assert [frame.picture for frame in frames] == (PHOTOS * 3)[:7]
    assert [(frame.name, frame.index) for frame in frames] == [
        (f"http://{address}/endless", index) for index in range(7)
    ]


def test_a_camera_that_gets_its_own_headers_wrong_is_read(address: str, impatient: None) -> None:
    seen: list[object] = []
    with (
        open_source(f"http://{address}/wrong", every=True, reconnect=False) as stream,
        pytest.raises(CameraError, match="gave no picture for 2 s"),
    ):
        seen.extend(frame.picture for frame in stream)
    assert seen == [PHOTOS[0], PHOTOS[2]]


def test_a_connection_that_is_dropped_is_made_again(address: str, quick: None) -> None:
    told: list[str] = []
    with open_source(f"http://{address}/drops", every=True, on_event=told.append) as stream:
        frames = [frame.picture for frame, _ in zip(stream, range(7), strict=False)]
    assert frames == (PHOTOS * 3)[:7]
    lost = f"lost: http://{address}/drops ended the stream: check the camera; opened again in 0.01 s"
    assert told[0] == lost
    assert told[1].startswith(f"http://{address}/drops is back after")
    assert told[2] == lost


@pytest.mark.parametrize(
    ("path", "count", "reason"),
    [
        ("drops", 3, "ended the stream: check the camera"),
        ("chunk", 1, r"broke off \(the connection was cut\): check the network"),
        ("stalls", 1, "gave no picture for 2 s: check its cable or network"),
    ],
)
def test_a_stream_that_ends_says_so(
    path: str, count: int, reason: str, address: str, impatient: None
) -> None:
    seen: list[int] = []
    with (
        open_source(f"http://{address}/{path}", every=True, reconnect=False) as stream,
        pytest.raises(CameraError, match=rf"^http://{address}/{path} {reason}"),
    ):
        seen.extend(frame.index for frame in stream)
    assert seen == list(range(count))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("never", "gave no picture for 2 s"),
        ("garbage", "gave no picture for 2 s"),
        ("ssh", r"cannot be reached \(what it sends is not HTTP\): check the address"),
        ("page", "answers with text/html, and MJPEG is multipart/x-mixed-replace: look up the path"),
        ("picture", "answers with image/jpeg, and MJPEG is"),
        ("gone", "answers 404 Not Found: look up the path"),
        ("locked", "answers 401 Unauthorized: give its user and password, as in http://USER:PASSWORD@"),
    ],
)
def test_what_is_no_stream_is_an_error_at_once(path: str, reason: str, address: str, impatient: None) -> None:
    with pytest.raises(CameraError, match=rf"^http://{address}/{path} {reason}") as caught:
        open_source(f"http://{address}/{path}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["locked", "moved"])
def test_user_and_password_are_sent_and_never_shown(path: str, address: str) -> None:
    with open_source(f"http://me:s%40cret%2F@{address}/{path}?token=secret", every=True) as stream:
        frame = next(iter(stream))
    assert frame.picture == PHOTOS[0]
    assert frame.name == f"http://{address}/{path}?..."


def test_a_wrong_password_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(CameraError, match=rf"^http://{address}/locked answers 401 Unauthorized: ") as caught:
        open_source(f"http://me:topsecret@{address}/locked")
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_closed_port_says_so(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(
        CameraError,
        match=rf"^{scheme}://127\.0\.0\.1:{port}/x cannot be reached \(Connection refused\): check",
    ):
        open_source(f"{scheme}://me:secret@127.0.0.1:{port}/x")


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///path",
        "http://me:secret@/x",
        "http://camera:secret/x",
        "http://camera:99999/secret",
        "http://camera:0/secret",
        "http://me:se cret@camera/",
        "http://camera/secret\n",
        "http://[::1/secret",
        "http://caméra/secret",
        "rtsp://me:sec/ret@camera/secret",
    ],
)
def test_an_address_that_is_not_valid_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(
        UsageError, match=r"address is not valid: write (http|rtsp)://camera:8080/path"
    ) as caught:
        open_source(url)
    assert "secret" not in str(caught.value)


def test_other_kinds_of_address_are_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="ftp:// is not offered: choose http, https, rtsp"):
        open_source("ftp://camera/x")
