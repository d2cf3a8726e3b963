"""The fault proxy for FIX: one connection carries requests and reports, so what a fault does to an
exchange it does to a message, and a page of HTML is what a terminator of TLS says before it cuts.

Must never renumber a message: what a session lacks afterwards is for its own layer to ask for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.testing.fault_proxy import EXECUTED, Fault, FaultProxy
from gateway.testing.venue_under_test import OperationName, WireRule

__all__ = ["FixProxy"]

_HTML = b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html><body>nginx</body></html>"
_GARBAGE = (
    b"\x00\xff\r\nHELO\r\n",
    b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01",
    b"8=FIX.4.4\x019=12\x0135=8\x0139=x\x0155\x0110=255\x01",
)
# Session messages pass a fault: only what belongs to an exchange is to go wrong.
_ADMIN = frozenset((b"0", b"1", b"2", b"3", b"4", b"5", b"A"))


class FixProxy(FaultProxy):
    """As FaultProxy; `error_*` and `html_*` are a page instead of a message and the end of the
    line, `truncated_answer` half a message and the end of the line."""

    def __init__(self, requests: Mapping[OperationName, WireRule]) -> None:
        super().__init__(requests)
        self._lines: set[_Line] = set()

    async def start(self, venue_url: str) -> str:
        """As tcp://127.0.0.1:port."""
        address = await super().start(venue_url.replace("tcp:", "http:"))
        return address.replace("http:", "tcp:")

    @property
    def stream_count(self) -> int:
        """Connections that are open now."""
        return len(self._lines)

    def cut_streams(self) -> None:
        """The one line there is."""
        for line in list(self._lines):
            line.abort()

    def hold_streams(self, is_held: bool = True) -> None:
        """Nothing of the venue comes through, heartbeats neither: their numbers are in order."""
        for line in list(self._lines):
            line.hold(is_held)

    def repeat_frames(self) -> None:
        """Every application message twice, the second marked as a possible duplicate."""
        for line in list(self._lines):
            line.is_doubled = True

    def inject_garbage(self) -> None:
        """Bytes that are no message, between the venue's own."""
        for line in list(self._lines):
            for junk in _GARBAGE:
                line.writer.write(junk)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._target, limit=1 << 20)
        self._writers.add(up_writer)
        line = _Line(writer, up_writer)
        self._lines.add(line)
        tasks = {
            asyncio.create_task(self._pass_out(line, reader)),
            asyncio.create_task(line.pass_back(up_reader)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._lines.discard(line)
            self._writers.discard(up_writer)
            up_writer.transport.abort()

    async def _pass_out(self, line: _Line, reader: asyncio.StreamReader) -> None:  # type: ignore[override]
        """The adapter's messages; one that carries an operation may meet a fault."""
        while True:
            data = await read_fix(reader)
            fault = self._take_message(data)
            if fault is None:
                line.up_writer.write(data)
                await line.up_writer.drain()
                continue
            if not await self._meet(fault, line, data):
                return

    def _take_message(self, data: bytes) -> Fault | None:
        if not self._armed:
            return None
        rule = self._rules.get(self._armed[0].operation)
        if rule is None or not rule.matches_frame(data.decode("latin-1").replace("\x01", "|")):
            return None
        self.met += 1
        return self._armed.popleft()

    async def _meet(self, fault: Fault, line: _Line, data: bytes) -> bool:
        """Whether the line lives on."""
        if fault.kind not in EXECUTED:
            if fault.kind == "cut_request":
                line.up_writer.write(data[: len(data) // 2])
                await line.up_writer.drain()
            elif fault.kind != "drop_request":
                await line.say(_HTML)
            line.abort()
            return False
        line.hold(True)
        line.up_writer.write(data)
        await line.up_writer.drain()
        await line.arrived.wait()  # the venue has it and has answered
        if fault.kind in ("late_answer", "slow_answer"):
            await asyncio.sleep(fault.delay_s)
            line.hold(False)
            return True
        if fault.kind in ("cut_answer", "truncated_answer"):
            await line.say(line.until_half_the_answer())
        elif fault.kind in ("error_executed", "html_executed"):
            await line.say(_HTML)
        line.abort()
        return False


class _Line:
    """One connection through the proxy."""

    def __init__(self, writer: asyncio.StreamWriter, up_writer: asyncio.StreamWriter) -> None:
        self.writer, self.up_writer = writer, up_writer
        self.is_doubled = self._is_held = False
        self.arrived = asyncio.Event()  # an answer came while they were held
        self.waiting: list[bytes] = []

    def until_half_the_answer(self) -> bytes:
        """What was held before it, and the first half of it."""
        at = next(place for place, data in enumerate(self.waiting) if _is_answer(data))
        answer = self.waiting[at]
        return b"".join(self.waiting[:at]) + answer[: len(answer) // 2]

    def abort(self) -> None:
        self.writer.transport.abort()
        self.up_writer.transport.abort()

    def hold(self, is_held: bool) -> None:
        self._is_held = is_held
        self.arrived.clear()
        if not is_held:
            self.writer.write(b"".join(self.waiting))
            self.waiting.clear()

    async def say(self, data: bytes) -> None:
        """Bytes that arrive before the line is cut."""
        self.writer.write(data)
        await self.writer.drain()
        self.writer.close()
        await asyncio.sleep(0.01)

    async def pass_back(self, reader: asyncio.StreamReader) -> None:
        """The venue's messages."""
        while True:
            data = await read_fix(reader)
            is_admin = _field(data, b"35") in _ADMIN
            if self._is_held:
                self.waiting.append(data)
                if _is_answer(data):
                    self.arrived.set()
                continue
            self.writer.write(data)
            if self.is_doubled and not is_admin:
                self.writer.write(_as_duplicate(data))
            await self.writer.drain()


async def read_fix(reader: asyncio.StreamReader) -> bytes:
    """One message by its BodyLength. The two ends of the proxy speak well."""
    head = await reader.readuntil(b"\x01") + await reader.readuntil(b"\x01")
    length = int(head.partition(b"\x019=")[2][:-1])
    return head + await reader.readexactly(length + 7)


def _field(data: bytes, tag: bytes) -> bytes:
    return data.partition(b"\x01" + tag + b"=")[2].partition(b"\x01")[0]


def _is_answer(data: bytes) -> bool:
    """Of now, and about an order: neither prices nor what is said again."""
    kind = _field(data, b"35")
    return kind not in _ADMIN and kind not in {b"W", b"X"} and _field(data, b"43") != b"Y"


def _as_duplicate(data: bytes) -> bytes:
    """The same message with 43=Y and 122, its length and sum made anew."""
    begin, _, rest = data.partition(b"\x019=")
    body = rest.partition(b"\x01")[2][:-7]
    sent = _field(data, b"52")
    body = body.replace(b"\x0152=", b"\x0143=Y\x0152=", 1)
    body = body.replace(b"52=" + sent + b"\x01", b"52=" + sent + b"\x01122=" + sent + b"\x01", 1)
    whole = b"%b\x019=%d\x01%b" % (begin, len(body), body)
    return whole + b"10=%03d\x01" % (sum(whole) % 256)
