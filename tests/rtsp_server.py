"""A camera that speaks RTSP (RFC 2326) and sends JPEG over RTP (RFC 2435), all in one TCP connection."""

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

_PACKET_BYTES = 1200
_CLOCK_HZ = 90_000
_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track\r\n"


@contextmanager
def serving(photos: list[bytes], *, rate: float = 25.0) -> Iterator[int]:
    """Send these pictures once, to whoever plays ``rtsp://127.0.0.1:PORT/...``; yields the port.

    The pictures have sides that 8 divides, the usual Huffman tables and colours at half the size, as Pillow
    writes them.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_accept, args=(server, photos, rate))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(server: socket.socket, photos: list[bytes], rate: float) -> None:
    with suppress(OSError):  # shut down
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.settimeout(20)
                _converse(connection, photos, rate)


def _converse(connection: socket.socket, photos: list[bytes], rate: float) -> None:
    lines = connection.makefile("rb")
    while head := _head(lines):
        method, number = head.split()[0], re.search(r"CSeq: *(\d+)", head, re.IGNORECASE)
        assert number is not None
        answer = f"RTSP/1.0 200 OK\r\nCSeq: {number[1]}\r\nSession: 1\r\n"
        body = ""
        if method == "OPTIONS":
            answer += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = _SDP
            answer += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        connection.sendall(f"{answer}\r\n{body}".encode())
        if method == "PLAY":
            sequence = 0
            for index, photo in enumerate(photos):
                for packet in _packets(photo, sequence, round(index * _CLOCK_HZ / rate)):
                    connection.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
                    sequence += 1
                time.sleep(1 / rate)
            return


def _head(lines: IO[bytes]) -> str:
    """The next request; empty at the end of the connection."""
    head = b""
    while (line := lines.readline()) not in (b"\r\n", b""):
        head += line
    return head.decode()


def _packets(photo: bytes, sequence: int, timestamp: int) -> Iterator[bytes]:
    tables, scan, width, height = _parts(photo)
    at = 0
    while at < len(scan):
        part = scan[at : at + _PACKET_BYTES]
        last = at + len(part) == len(scan)
        head = struct.pack(">BBHII", 0x80, 26 | (last << 7), sequence & 0xFFFF, timestamp, 1)
        head += struct.pack(">IBBBB", at, 1, 255, width // 8, height // 8)
        if at == 0:
            head += struct.pack(">BBH", 0, 0, len(tables)) + tables
        yield head + part
        at, sequence = at + len(part), sequence + 1


def _parts(photo: bytes) -> tuple[bytes, bytes, int, int]:
    """The quantization tables and the coded data of a JPEG, its width and height."""
    tables, at, width, height = b"", 2, 0, 0
    while True:
        code, length = photo[at + 1], int.from_bytes(photo[at + 2 : at + 4], "big")
        segment = photo[at + 4 : at + 2 + length]
        at += 2 + length
        if code == 0xDB:
            tables += b"".join(segment[start + 1 : start + 65] for start in range(0, len(segment), 65))
        elif code == 0xC0:
            height, width = struct.unpack(">HH", segment[1:5])
        elif code == 0xDA:
            return tables, photo[at:-2], width, height
