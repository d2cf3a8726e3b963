"""A market-data socket on loopback: confirms subscriptions and then sends prepared frames as fast
as they are taken. In a thread of its own, so that the time of the reading thread is told apart."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Sequence

import msgspec

__all__ = ["Feed", "text_frame"]

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_KEY = re.compile(rb"^sec-websocket-key:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_SECONDS_MAX = 120.0


def text_frame(payload: bytes) -> bytes:
    """One unmasked text frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Feed:
    """One client. `release(blocks)` gives bytes to send; they go once all topics are subscribed."""

    def __init__(self, topics: int) -> None:
        self._topics = topics
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_SECONDS_MAX)
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        self._blocks: list[bytes] = []
        self._wanted = threading.Condition()
        self._is_ended = False
        self._thread = threading.Thread(target=self._serve, name="bench_feed", daemon=True)
        self._thread.start()

    def release(self, blocks: Sequence[bytes]) -> None:
        with self._wanted:
            self._blocks += blocks
            self._wanted.notify()

    def close(self) -> None:
        with self._wanted:
            self._is_ended = True
            self._wanted.notify()
        self._listener.close()
        self._thread.join(_SECONDS_MAX)

    def _serve(self) -> None:
        try:
            line, _ = self._listener.accept()
            with line:
                line.settimeout(_SECONDS_MAX)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._greet(line)
                self._confirm(line)
                self._send(line)
        except OSError:
            return  # the client is gone, or the bench is over

    def _greet(self, line: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += line.recv(4_096)
        found = _KEY.search(head)
        assert found is not None
        proof = base64.b64encode(hashlib.sha1(found[1] + _ACCEPT).digest())
        line.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n"
        )

    def _confirm(self, line: socket.socket) -> None:
        """Each topic that is asked for is told once, as OKX does."""
        data, confirmed = b"", 0
        while confirmed < self._topics:
            data += line.recv(65_536)
            while (taken := _client_frame(data)) is not None:
                text, data = taken
                if not text.startswith(b"{"):
                    continue
                asked = msgspec.json.decode(text)
                for topic in asked.get("args", ()):
                    answer = {"event": "subscribe", "arg": topic, "connId": "bench"}
                    line.sendall(text_frame(msgspec.json.encode(answer)))
                    confirmed += 1

    def _send(self, line: socket.socket) -> None:
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._blocks or self._is_ended, _SECONDS_MAX)
                blocks, self._blocks = self._blocks, []
            if not blocks:
                return
            for block in blocks:
                line.sendall(block)


def _client_frame(data: bytes) -> tuple[bytes, bytes] | None:
    """(text, what follows) of the first whole frame of a client, which is masked."""
    if len(data) < 2:
        return None
    size, at = data[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    if len(data) < at + 4 + size:
        return None
    mask = data[at : at + 4] * (size // 4 + 1)
    body = data[at + 4 : at + 4 + size]
    return bytes(a ^ b for a, b in zip(body, mask, strict=False)), data[at + 4 + size :]
