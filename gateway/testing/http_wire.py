"""Reads one HTTP/1.1 message or WebSocket frame from a stream and keeps its bytes as they came: the
proxy passes on what was said, it does not say it anew."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

__all__ = ["Frame", "Message", "answer_of", "read_frame", "read_message", "text_frame"]

_HEAD_MAX = 64 * 1024
_BODY_MAX = 64 * 1024 * 1024


class Message(NamedTuple):
    """A request or an answer: the head with its empty line, and the body as framed."""

    head: bytes
    body: bytes

    @property
    def start_line(self) -> list[str]:
        """The three words of the first line."""
        return self.head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)

    @property
    def raw(self) -> bytes:
        """Everything."""
        return self.head + self.body

    def header(self, name: str) -> str:
        """The value of a header, "" when it is missing."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return ""


async def read_message(reader: asyncio.StreamReader, *, is_answer_to: str = "") -> Message | None:
    """The next message; None at a clean end. `is_answer_to`: the method, when it is an answer."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ConnectionError("the peer left within a head") from error
        return None
    message = Message(head, b"")
    status = message.start_line[1] if is_answer_to else ""
    if is_answer_to == "HEAD" or status in ("101", "204", "304"):
        return message
    if message.header("Transfer-Encoding").lower() == "chunked":
        return Message(head, await _read_chunks(reader))
    length = int(message.header("Content-Length") or 0)
    if length > _BODY_MAX:
        raise ConnectionError("the body is too large")
    return Message(head, await reader.readexactly(length))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    read = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        read += line + await reader.readexactly(size + 2)
        if size == 0:
            return read
        if len(read) > _BODY_MAX:
            raise ConnectionError("the body is too large")


def answer_of(status: str, body: bytes, content_type: str) -> bytes:
    """An answer of the proxy's own."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Frame(NamedTuple):
    """One WebSocket frame (RFC 6455 section 5.2), its bytes as they came."""

    opcode: int
    payload: bytes
    raw: bytes


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame, unmasked in `payload`."""
    head = await reader.readexactly(2)
    raw, length = head, head[1] & 0x7F
    if length >= 126:
        more = await reader.readexactly(2 if length == 126 else 8)
        raw, length = raw + more, int.from_bytes(more, "big")
    if length > _BODY_MAX:
        raise ConnectionError("the frame is too large")
    mask = await reader.readexactly(4) if head[1] & 0x80 else b""
    data = await reader.readexactly(length)
    clear = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)) if mask else data
    return Frame(head[0] & 0x0F, clear, raw + mask + data)


def text_frame(text: bytes) -> bytes:
    """A whole text frame from the venue's side, which does not mask."""
    length = len(text)
    if length < 126:
        return bytes([0x81, length]) + text
    if length < 1 << 16:
        return bytes([0x81, 126]) + length.to_bytes(2, "big") + text
    return bytes([0x81, 127]) + length.to_bytes(8, "big") + text
