"""A proxy on loopback between an adapter and its venue that goes wrong on demand, at an exact point
of one exchange. Without a fault it passes every byte on as it came."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from gateway.testing.http_wire import (
    Frame,
    Message,
    answer_of,
    read_frame,
    read_message,
    text_frame,
)
from gateway.testing.venue_under_test import OperationName, WireRule

__all__ = ["EXCHANGE_FAULTS", "EXECUTED", "ExchangeFault", "FaultProxy"]

ExchangeFault = Literal[
    "drop_request",
    "cut_request",
    "drop_answer",
    "cut_answer",
    "late_answer",
    "slow_answer",
    "error_not_executed",
    "error_executed",
    "html_not_executed",
    "html_executed",
    "truncated_answer",
]
EXCHANGE_FAULTS: tuple[ExchangeFault, ...] = ExchangeFault.__args__  # type: ignore[attr-defined]
# What the venue does although the adapter may not learn of it.
EXECUTED: frozenset[ExchangeFault] = frozenset(
    {
        "drop_answer",
        "cut_answer",
        "late_answer",
        "slow_answer",
        "error_executed",
        "html_executed",
        "truncated_answer",
    }
)
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_TEXT = 0x1
_GARBAGE = (b'{"trunc', b"<html>", b"null", b"[]", b'"text"', b'{"unknown":{"message":1}}')


class Fault(NamedTuple):
    """One fault that waits for its operation."""

    operation: OperationName
    kind: ExchangeFault
    delay_s: float


class FaultProxy:
    """`arm` one fault and the next exchange of that operation meets it. One event loop."""

    def __init__(self, requests: Mapping[OperationName, WireRule]) -> None:
        self._rules = requests
        self._armed: deque[Fault] = deque()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._target = ("", 0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams: set[_Stream] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.met = 0  # faults that met their exchange
        self.requests: list[tuple[str, str]] = []  # (method, path) of everything that arrived

    async def start(self, venue_url: str) -> str:
        """Begin to listen before the venue at this address; our own address."""
        parts = urlsplit(venue_url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        await self.listen()
        return f"http://127.0.0.1:{self._port}"

    async def listen(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self._port, limit=1 << 20
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """From now on nobody listens: connections are refused, open ones are cut."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Cut everything and end."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()

    def arm(self, operation: OperationName, kind: ExchangeFault, delay_s: float = 0.0) -> None:
        """The next exchange of `operation` goes wrong in this way."""
        self._armed.append(Fault(operation, kind, delay_s))

    # The stream of the venue.

    @property
    def stream_count(self) -> int:
        """WebSocket connections that are open now."""
        return len(self._streams)

    def cut(self) -> None:
        """Abort every connection, as a lost line does."""
        for writer in list(self._writers):
            writer.transport.abort()

    def cut_streams(self) -> None:
        """Abort every WebSocket connection; requests go on."""
        for stream in list(self._streams):
            stream.abort()

    def hold_streams(self, is_held: bool = True) -> None:
        """Deliver nothing of the venue's frames; they wait in order and the line stays open."""
        for stream in list(self._streams):
            stream.hold(is_held)

    def repeat_frames(self) -> None:
        """Deliver every data frame twice from now on."""
        for stream in list(self._streams):
            stream.copies = 2

    def inject_garbage(self) -> None:
        """Frames no documentation allows, between the venue's own."""
        for stream in list(self._streams):
            for text in _GARBAGE:
                stream.write(text_frame(text))

    # Connections.

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a peer left: what the test wants to see is what the adapter makes of it
        except asyncio.CancelledError:
            pass  # the proxy stops
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the adapter: requests one after the other, or a WebSocket."""
        up_reader, up_writer = await asyncio.open_connection(*self._target, limit=1 << 20)
        self._writers.add(up_writer)
        try:
            while (request := await read_message(reader)) is not None:
                method, path, _ = request.start_line
                self.requests.append((method, path))
                if request.header("Upgrade").lower() == "websocket":
                    await self._serve_stream(request, reader, writer, up_reader, up_writer)
                    return
                fault = self._take(method, path)
                is_open = await self._exchange(request, fault, writer, up_reader, up_writer)
                if not is_open:
                    return
        finally:
            self._writers.discard(up_writer)
            up_writer.transport.abort()

    def _take(self, method: str, path: str) -> Fault | None:
        if not self._armed:
            return None
        rule = self._rules.get(self._armed[0].operation)
        if rule is None or not rule.matches_request(method, path):
            return None
        self.met += 1
        return self._armed.popleft()

    async def _exchange(
        self,
        request: Message,
        fault: Fault | None,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> bool:
        """One request and its answer; False when the connection is to be cut."""
        kind = fault.kind if fault is not None else None
        if kind == "drop_request":
            return False
        if kind == "cut_request":
            up_writer.write(request.raw[: max(1, len(request.head) // 2)])
            await up_writer.drain()
            return False
        if kind in ("error_not_executed", "html_not_executed"):
            is_html = kind == "html_not_executed"
            writer.write(_refusal("200 OK" if is_html else "503 Service Unavailable"))
            await writer.drain()
            return True
        up_writer.write(request.raw)
        await up_writer.drain()
        answer = await read_message(up_reader, is_answer_to=request.start_line[0])
        if answer is None:
            return False
        if fault is None:
            writer.write(answer.raw)
            await writer.drain()
            return True
        return await _answer_wrongly(fault, answer, writer)

    async def _serve_stream(
        self,
        request: Message,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        up_writer.write(request.raw)
        answer = await read_message(up_reader, is_answer_to="GET")
        if answer is None:
            return
        writer.write(answer.raw)
        if answer.start_line[1] != "101":
            await writer.drain()
            return
        stream = _Stream(writer, up_writer)
        self._streams.add(stream)
        try:
            out = asyncio.create_task(self._pass_out(stream, reader))
            back = asyncio.create_task(stream.pass_back(up_reader))
            try:
                await asyncio.wait({out, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (out, back):
                    task.cancel()
                await asyncio.gather(out, back, return_exceptions=True)
        finally:
            self._streams.discard(stream)

    async def _pass_out(self, stream: _Stream, reader: asyncio.StreamReader) -> None:
        """The adapter's frames; one that carries an operation may meet a fault."""
        while True:
            frame = await read_frame(reader)
            fault = self._take_frame(frame)
            if fault is not None and fault.kind not in EXECUTED:
                stream.abort()
                return
            if fault is not None:
                stream.hold(True)
            stream.up_writer.write(frame.raw)
            await stream.up_writer.drain()
            if fault is not None:
                # The venue has it before the line is lost; its answer stays here.
                await stream.arrived.wait()
                stream.abort()
                return

    def _take_frame(self, frame: Frame) -> Fault | None:
        if not self._armed or frame.opcode != _TEXT:
            return None
        rule = self._rules.get(self._armed[0].operation)
        if rule is None or not rule.matches_frame(frame.payload.decode(errors="replace")):
            return None
        self.met += 1
        return self._armed.popleft()


class _Stream:
    """One WebSocket connection through the proxy."""

    def __init__(self, writer: asyncio.StreamWriter, up_writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.up_writer = up_writer
        self.copies = 1
        self.arrived = asyncio.Event()  # a frame came while they were held
        self._is_held = False
        self._waiting: list[bytes] = []

    def abort(self) -> None:
        self.writer.transport.abort()
        self.up_writer.transport.abort()

    def write(self, raw: bytes) -> None:
        self.writer.write(raw)

    def hold(self, is_held: bool) -> None:
        self._is_held = is_held
        self.arrived.clear()
        if not is_held:
            for raw in self._waiting:
                self.write(raw)
            self._waiting.clear()

    async def pass_back(self, reader: asyncio.StreamReader) -> None:
        """The venue's frames. Control frames pass at once: a held line looks alive."""
        while True:
            frame = await read_frame(reader)
            if frame.opcode & 0x8:
                self.write(frame.raw)
                continue
            for _ in range(self.copies):
                if self._is_held:
                    self._waiting.append(frame.raw)
                    self.arrived.set()
                else:
                    self.write(frame.raw)
            with contextlib.suppress(ConnectionError):
                await self.writer.drain()


def _refusal(status: str) -> bytes:
    return answer_of(status, _HTML, "text/html")


async def _answer_wrongly(fault: Fault, answer: Message, writer: asyncio.StreamWriter) -> bool:
    """The venue has executed; what the adapter hears of it is wrong or nothing."""
    match fault.kind:
        case "cut_answer":
            writer.write(answer.raw[: len(answer.head) + len(answer.body) // 2])
            await writer.drain()
            return False
        case "late_answer" | "slow_answer":
            await asyncio.sleep(fault.delay_s)
            writer.write(answer.raw)
        case "error_executed":
            writer.write(_refusal("502 Bad Gateway"))
        case "html_executed":
            writer.write(_refusal("200 OK"))
        case "truncated_answer":
            half = answer.body[: len(answer.body) // 2]
            writer.write(answer_of("200 OK", half, "application/json"))
        case _:
            return False
    await writer.drain()
    return True
