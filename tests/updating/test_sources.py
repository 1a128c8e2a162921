import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import signed

from edgetl import settings
from edgetl.errors import BundleError, UsageError
from edgetl.updating import network, sources
from edgetl.updating.install import install
from edgetl.updating.pack import pack


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one zip in many ways, by the path that is asked for."""

    content = b""

    def do_GET(self) -> None:
        way = self.path.strip("/")
        if way.startswith(("to/", "at-length-to/")):
            self.send_response(302)
            self.send_header("Location", way.partition("to/")[2])
            self.end_headers()
            while way.startswith("at-length"):
                self.wfile.write(bytes(100_000))
            return
        if way == "in-pieces":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while True:  # how long the first piece is never ends
                self.wfile.write(b"0")
                time.sleep(0.1)
        if way == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        if way != "endless":
            self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        if way == "truncated":
            self.wfile.write(self.content[:2000])
        elif way == "slow":
            for byte in self.content:
                time.sleep(0.05)
                self.wfile.write(bytes([byte]))
        elif way == "silent":
            self.wfile.write(self.content[:2000])
            self.wfile.flush()
            time.sleep(3)
        elif way == "endless":
            self.wfile.write(self.content)
            while True:
                self.wfile.write(bytes(10_000))
        else:
            self.wfile.write(self.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what is tried here."""


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(settings.VARIABLE, str(signed.require(tmp_path / "settings.json", "alice")))
    return pack(signed.tiny_bundle(tmp_path / "tiny.edgetl", "alice"), tmp_path / "tiny.zip")


@pytest.fixture
def url(packed: Path) -> Iterator[str]:
    Handler.content = packed.read_bytes()
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_signed_bundle_comes_from_a_web_server(url: str, packed: Path, tmp_path: Path) -> None:
    assert install(f"{url}/tiny.zip", tmp_path / "one").digest == install(packed, tmp_path / "two").digest
    assert not install(f"{url}/to/{url}/tiny.zip", tmp_path / "three").was_there
    assert not install(f"{url}/at-length-to/{url}/tiny.zip", tmp_path / "four").was_there


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.zip", "HTTP://127.0.0.1:9/x.zip"])
def test_nothing_unsigned_is_asked_of_a_network_that_others_can_change(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lax = signed.require(tmp_path / "lax.json", "alice", required=0)
    monkeypatch.setenv(settings.VARIABLE, str(lax))
    with pytest.raises(UsageError, match="can be changed on its way by anybody: take https://, or require"):
        install(address, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "address",
    [
        "ftp://127.0.0.1/x.zip",
        "data://text/plain,x",
        "file://other.machine/x.zip",
        " http://127.0.0.1/x.zip",
        "\thttp://127.0.0.1/x.zip",
        "ht\ntp://127.0.0.1/x.zip",
        "URL:http://127.0.0.1/x.zip",
        "<URL:http://127.0.0.1/x.zip>",
        "://x",
        "http://[::1/x.zip",
        "https://127.0.0.1/\x1b[2J",
    ],
)
def test_what_is_no_address_of_a_web_server_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither an address nor a path|no address of a packed bundle"):
        install(address, tmp_path / "store")


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("missing", "cannot be fetched: Not Found"),
        ("in-pieces", "cannot be fetched: the server does not say how long it is"),
        ("truncated", "ends after 2000 bytes"),
        ("endless", "has a directory of other files"),
        ("to/file:///etc/passwd", "cannot be fetched: .*file:///etc/passwd"),
        ("to/ftp://127.0.0.1/x", "cannot be fetched: it leads to ftp://127.0.0.1/x"),
    ],
)
def test_an_answer_that_is_no_bundle_leaves_no_version(
    url: str, tmp_path: Path, way: str, reason: str
) -> None:
    with pytest.raises(BundleError, match=reason):
        install(f"{url}/{way}", tmp_path / "store")
    assert not list(tmp_path.glob("store/versions/*"))


def test_a_redirect_never_leads_out_of_tls() -> None:
    guard = network._Redirects(secret=True)
    for address in ("http://host/x", "ftp://host/x", "file:///x"):
        with pytest.raises(OSError, match="which is not https"):
            guard.redirect_request(None, None, 302, "", None, address)


@pytest.mark.parametrize(("way", "reason"), [("silent", "timed out"), ("slow", r"\d+ bytes came in \d+ s")])
def test_a_server_that_takes_its_time_is_not_waited_for(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, reason: str
) -> None:
    monkeypatch.setattr(network, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(network, "GRACE_S", 1.0)
    start = time.monotonic()
    with pytest.raises(BundleError, match=f"cannot be fetched: {reason}: try again, or copy the file"):
        install(f"{url}/{way}", tmp_path / "store")
    assert time.monotonic() - start < 30


def test_headers_that_never_end_are_not_waited_for(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "TIMEOUT_S", 1.0)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(600):
                    try:
                        client.sendall(f"X-{number}: y\r\n"[:1].encode())
                    except OSError:
                        return
                    if ended.wait(0.1):
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        start = time.monotonic()
        with pytest.raises(BundleError, match=r"cannot be fetched|ends after 0 bytes"):
            install(f"http://127.0.0.1:{server.getsockname()[1]}/x.zip", tmp_path / "store")
        assert time.monotonic() - start < 30
        ended.set()
        thread.join()


def test_a_file_has_an_address_too(packed: Path, tmp_path: Path) -> None:
    assert install(packed.as_uri(), tmp_path / "store").digest
    assert install(f"file://localhost{packed}", tmp_path / "store").was_there


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda place: None, "is neither a bundle's folder nor a file of edgetl pack"),
        (lambda place: __import__("os").mkfifo(place), "cannot be read .it is no regular file"),
        (lambda place: place.symlink_to("/dev/zero"), "cannot be read .it is no regular file"),
        (lambda place: place.symlink_to(place), "cannot be read .Too many levels"),
    ],
)
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    make(tmp_path / "x.zip")
    with pytest.raises(BundleError, match=reason):
        install(tmp_path / "x.zip", tmp_path / "store")
    with pytest.raises(BundleError, match=reason):
        install((tmp_path / "x.zip").as_uri(), tmp_path / "store")


def test_what_looks_like_an_address_is_a_path_if_it_is_given_as_one() -> None:
    assert sources.scheme_of(Path("http://x")) is None
    assert sources.scheme_of("a/b:c") is None
