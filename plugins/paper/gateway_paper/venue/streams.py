"""The WebSocket side: numbered account events with resume, and coalesced marks. A reader that is
too slow is cut, never waited for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.faults import Faults

__all__ = ["ResumeBody", "StreamHub", "StreamReader", "converse"]

HEARTBEAT_S = 1.0

Row = dict[str, Any]
_encode = msgspec.json.Encoder().encode


class ResumeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """{"op":"resume","accounts":{"A":12,"B":null}}: last sequence seen, null = from now on."""

    op: str
    accounts: dict[str, int | None]


class StreamReader:
    """One connection: what it follows and what waits to be sent."""

    def __init__(self, queue_max: int) -> None:
        self.accounts: set[str] = set()
        self.waiting: asyncio.Queue[bytes | None] = asyncio.Queue(queue_max)

    def put(self, data: bytes) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.waiting.put_nowait(data)
            return
        self.end()

    def end(self) -> None:
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


async def converse(
    socket: web.WebSocketResponse, reader: StreamReader, take: Callable[[str], None]
) -> None:
    """Until either side ends it: `take` has every text that comes, what waits in `reader` goes."""
    sender = asyncio.create_task(_send_waiting(socket, reader))
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                take(message.data)
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await sender


async def _send_waiting(socket: web.WebSocketResponse, reader: StreamReader) -> None:
    """Until the reader is ended."""
    while (data := await reader.waiting.get()) is not None:
        await socket.send_str(data.decode())
    await socket.close()


class StreamHub:
    """All stream connections of the venue."""

    def __init__(self, exchange: Exchange, faults: Faults, queue_max: int) -> None:
        self._exchange = exchange
        self._faults = faults
        self._queue_max = queue_max
        self._readers: set[StreamReader] = set()

    def publish(self, rows: Iterable[Row]) -> None:
        """Account rows that are in the record already."""
        for row in rows:
            data = _encode(_message(row))
            for reader in self._readers:
                if row["account"] in reader.accounts:
                    self._put(reader, data)

    def publish_marks(self, instruments: Iterable[str]) -> None:
        for instrument in instruments:
            data = _encode(self._exchange.mark_row(instrument))
            for reader in self._readers:
                reader.put(data)

    def heartbeat(self, now_ns: int) -> None:
        data = _encode({"message": "heartbeat", "venue_time_ns": now_ns})
        for reader in self._readers:
            reader.put(data)

    def cut_all(self) -> None:
        for reader in list(self._readers):
            reader.end()

    async def serve(self, request: web.Request, allowed: Sequence[str]) -> web.WebSocketResponse:
        """Run one authenticated connection until either side ends it."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        reader = StreamReader(self._queue_max)
        self._readers.add(reader)
        try:
            await converse(socket, reader, lambda text: self._resume(reader, text, allowed))
        finally:
            self._readers.discard(reader)
        return socket

    def _put(self, reader: StreamReader, data: bytes) -> None:
        fault = self._faults.take("stream")
        for _ in range({"stream_drop": 0, "stream_duplicate": 2}.get(fault or "", 1)):
            reader.put(data)

    def _resume(self, reader: StreamReader, text: str, allowed: Sequence[str]) -> None:
        try:
            body = msgspec.json.decode(text, type=ResumeBody)
        except msgspec.ValidationError as error:
            reader.put(_encode({"message": "error", "code": "bad_request", "text": str(error)}))
            return
        for account, after in body.accounts.items():
            if account not in allowed:
                reader.put(
                    _encode({"message": "error", "code": "unknown_account", "text": account})
                )
                continue
            self._resume_account(reader, account, after)

    def _resume_account(self, reader: StreamReader, account: str, after: int | None) -> None:
        """What was missed, in order, then live. Too old or from another life: `reset`."""
        last = self._exchange.sequences[account]
        history = self._exchange.history[account]
        first = history[0]["venue_sequence"] if history else last + 1
        is_known = after is None or first - 1 <= after <= last
        reader.accounts.add(account)
        kind = "resumed" if is_known else "reset"
        start = last if after is None or not is_known else after
        reader.put(_encode({"message": kind, "account": account, "sequence": start}))
        for row in history if start < last else ():
            if row["venue_sequence"] > start:
                reader.put(_encode(_message(row)))


def _message(row: Row) -> Row:
    return {"message": row["kind"], **{key: row[key] for key in row if key != "kind"}}
