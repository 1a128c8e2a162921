"""A broker that speaks as much MQTT 3.1.1 as one client needs. Packets: OASIS standard, chapters 2 and 3."""

import json
import queue
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _PINGREQ, _PINGRESP, _DISCONNECT = 1, 2, 3, 4, 12, 13, 14


@dataclass(frozen=True)
class Message:
    """What a client published, or wants to be published when it is gone."""

    topic: str
    payload: str
    qos: int
    retain: bool

    @property
    def value(self) -> dict[str, Any]:
        """The payload as the JSON object it is."""
        value = json.loads(self.payload)
        assert isinstance(value, dict)
        return value


class Broker:
    """Takes one client at a time. What it hears is in :attr:`heard`, in order."""

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[Message | str] = queue.SimpleQueue()
        """Messages, ``connect`` and ``disconnect``."""
        self.will: Message | None = None
        """What the last client that connected left."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._client: socket.socket | None = None
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def next(self) -> Message | str:
        """What it hears next; waited for."""
        return self.heard.get(timeout=60)

    def drop(self) -> None:
        """Cut the connection, as a network does."""
        assert self._client is not None
        self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._client is not None:
            with suppress(OSError):
                self.drop()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                self._client, _ = self._listener.accept()
                with self._client, suppress(EOFError, ConnectionError):
                    while True:
                        self._answer(*self._packet())

    def _answer(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == _CONNECT:
            self.will = _will(body)
            self._send(_CONNACK, b"\0\0")
            self.heard.put("connect")
        elif kind == _PUBLISH:
            qos = first >> 1 & 3
            topic, rest = _text(body)
            if qos:
                self._send(_PUBACK, rest[:2])
                rest = rest[2:]
            self.heard.put(Message(topic, rest.decode(), qos, bool(first & 1)))
        elif kind == _PINGREQ:
            self._send(_PINGRESP, b"")
        elif kind == _DISCONNECT:
            self.heard.put("disconnect")

    def _send(self, kind: int, body: bytes) -> None:
        assert self._client is not None
        self._client.sendall(bytes([kind << 4, len(body)]) + body)

    def _packet(self) -> tuple[int, bytes]:
        """The first byte of a packet, and what follows its length."""
        (first,) = self._read(1)
        length, shift, more = 0, 0, True
        while more:  # seven bits a byte, the lowest first
            (byte,) = self._read(1)
            length |= (byte & 127) << shift
            shift, more = shift + 7, byte > 127
        return first, self._read(length)

    def _read(self, count: int) -> bytes:
        assert self._client is not None
        data = b""
        while len(data) < count:
            part = self._client.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data


def _text(data: bytes) -> tuple[str, bytes]:
    """A string with its length in front, and what follows."""
    end = 2 + int.from_bytes(data[:2], "big")
    return data[2:end].decode(), data[end:]


def _will(connect: bytes) -> Message | None:
    protocol, rest = _text(connect)
    assert (protocol, rest[0]) == ("MQTT", 4)
    flags = rest[1]
    _, rest = _text(rest[4:])  # after the flags two bytes of keep-alive, then the client's name
    if not flags & 4:
        return None
    topic, rest = _text(rest)
    payload, _ = _text(rest)
    return Message(topic, payload, flags >> 3 & 3, bool(flags & 32))
