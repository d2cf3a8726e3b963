"""The market side of the WebSocket: whole books, trades, marks and rates of what a connection asked
for. Apart from accounts: neither waits for the other. A reader that is too slow is cut."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.streams import StreamReader, converse

__all__ = ["MarketHub", "SubscribeBody"]

LEVELS = 20

Row = dict[str, Any]
_encode = msgspec.json.Encoder().encode


class SubscribeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """{"op":"subscribe","instruments":["BTCUSDT"]}: every message about them from now on."""

    op: str
    instruments: list[str]


class MarketHub:
    """All connections that follow the market."""

    def __init__(self, exchange: Exchange, queue_max: int) -> None:
        self._exchange = exchange
        self._queue_max = queue_max
        self._readers: dict[StreamReader, set[str]] = {}
        self._shown: dict[str, Row] = {}
        self._sequences: dict[str, int] = {}

    def publish(self, now_ns: int) -> None:
        """Trades first, then every book that is not what it was."""
        while self._exchange.trades:
            self._tell(self._exchange.trades.popleft())
        for instrument in {each for asked in self._readers.values() for each in asked}:
            row = self._exchange.market_row(instrument, LEVELS)
            if row != self._shown.get(instrument):
                self._shown[instrument] = row
                self._sequences[instrument] = self._sequences.get(instrument, 0) + 1
                self._tell(self._book(instrument, now_ns))
                mark = self._exchange.mark_row(instrument)
                if mark["mark"] is not None:
                    self._tell(mark)

    def heartbeat(self, now_ns: int) -> None:
        data = _encode({"message": "heartbeat", "venue_time_ns": now_ns})
        for reader in self._readers:
            reader.put(data)

    def cut_all(self) -> None:
        for reader in list(self._readers):
            reader.end()

    async def serve(self, request: web.Request, now_ns: int) -> web.WebSocketResponse:
        """Run one authenticated connection until either side ends it."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        reader = StreamReader(self._queue_max)
        self._readers[reader] = set()
        try:
            await converse(socket, reader, lambda text: self._subscribe(reader, text, now_ns))
        finally:
            self._readers.pop(reader, None)
        return socket

    def _subscribe(self, reader: StreamReader, text: str, now_ns: int) -> None:
        try:
            body = msgspec.json.decode(text, type=SubscribeBody)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            reader.put(_encode({"message": "error", "code": "bad_request", "text": str(error)}))
            return
        for instrument in body.instruments:
            if instrument not in self._exchange.listings:
                text = instrument[:64]
                reader.put(
                    _encode({"message": "error", "code": "unknown_instrument", "text": text})
                )
                continue
            self._readers[reader].add(instrument)
            if instrument in self._shown:  # else the next look at the market shows it
                reader.put(_encode(self._book(instrument, now_ns)))

    def _book(self, instrument: str, now_ns: int) -> Row:
        stamp = {"sequence": self._sequences[instrument], "venue_time_ns": now_ns}
        return self._shown[instrument] | stamp

    def _tell(self, row: Row) -> None:
        data = _encode(row)
        for reader, asked in self._readers.items():
            if row["instrument"] in asked:
                reader.put(data)
