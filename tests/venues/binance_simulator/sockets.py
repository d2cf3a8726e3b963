"""The streams of the simulated Binance USD-M: user data by listen key, market streams by name, both
bare and combined, on the old paths and on /public, /market and /private."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from binance_simulator.documents import fixed
from binance_simulator.security import Key, SimulatorClock
from fault_script import FaultScript, deliver_under

__all__ = ["ApiSession", "ListenKeys", "Reader", "StreamHub"]

Row = dict[str, Any]
LISTEN_KEY_MS = 60 * 60_000


class ListenKeys:
    """One key per account, shared by all its clients; valid for an hour after POST or PUT."""

    def __init__(self, clock: SimulatorClock) -> None:
        self._clock = clock
        self._until: dict[str, int] = {}
        self._keys: dict[str, str] = {}
        self.keepalives = 0

    def create(self, account: str) -> str:
        if account not in self._keys:
            self._keys[account] = secrets.token_hex(32)
        key = self._keys[account]
        self._until[key] = self._clock.now_ms() + LISTEN_KEY_MS
        return key

    def extend(self, account: str) -> str | None:
        self.keepalives += 1
        return self.create(account) if account in self._keys else None

    def close(self, account: str) -> None:
        self._until.pop(self._keys.pop(account, ""), None)

    def account(self, key: str) -> str | None:
        return next((name for name, each in self._keys.items() if each == key), None)

    def expired(self) -> list[tuple[str, str]]:
        """(account, key) of those that ended since the last call; they are forgotten."""
        now = self._clock.now_ms()
        gone = [(name, key) for name, key in self._keys.items() if now >= self._until[key]]
        for name, key in gone:
            del self._keys[name], self._until[key]
        return gone

    def expire_all(self) -> None:
        self._until = dict.fromkeys(self._until, 0)


class Reader:
    """One connection: its names, and a queue so that a slow client delays nobody."""

    def __init__(self, request: web.Request, *, is_combined: bool) -> None:
        self.is_combined = is_combined
        self.names: set[str] = set()
        self.held: list[str] = []
        self.waiting: asyncio.Queue[str | None] = asyncio.Queue()
        self._request = request

    def put(self, text: str) -> None:
        self.waiting.put_nowait(text)

    def abort(self, part: str = "") -> None:
        """Cut the line, in the middle of a frame when there is a part to send."""
        transport = self._request.transport
        if transport is None:
            return
        if part:
            size = len(part) + 100  # the frame promises more than ever comes
            transport.write(b"\x81\x7e" + size.to_bytes(2, "big") + part.encode())
            asyncio.get_running_loop().call_later(0.02, transport.abort)
        else:
            transport.abort()


class ApiSession:
    """One connection to the WebSocket API: who it is, and whose events it gets by which number."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.key: Key | None = None  # by session.logon
        self.account = ""  # of the last request
        self.subscriptions: dict[int, str] = {}


class StreamHub:
    """Every connection of every client."""

    def __init__(self, venue: Any, faults: FaultScript, keys: ListenKeys) -> None:
        self.venue = venue
        self.faults = faults
        self._keys = keys
        self._readers: set[Reader] = set()
        self.sessions: set[ApiSession] = set()
        self._marks_ns = 0
        self._trades = 0
        venue.on_event = self.tell
        venue.on_market = self.market_changed

    @property
    def connections(self) -> int:
        return len(self._readers)

    def is_followed(self, account: str) -> bool:
        """True when a live connection gets the account's events."""
        return any(self._keys.account(name) == account for r in self._readers for name in r.names)

    def tell(self, account: str, document: Row) -> None:
        """One event of an account, to every connection with its valid listen key."""
        fault = self.faults.take(f"event {document['e']}")
        for reader in list(self._readers):
            for name in reader.names:
                if self._keys.account(name) == account:
                    self.send(reader, name, document, fault)

    def tick(self) -> None:
        """A key that ends is announced; the connection stays open and says nothing any more. Mark
        prices come every second."""
        now_ns = time.monotonic_ns()
        if now_ns - self._marks_ns > 1_000_000_000:
            self._marks_ns = now_ns
            for symbol in self.venue.listings:
                self.publish_mark(symbol)
        for _, key in self._keys.expired():
            document = {"e": "listenKeyExpired", "E": self.venue.clock.now_ms(), "listenKey": key}
            for reader in self._readers:
                if key in reader.names:
                    self.send(reader, key, document, self.faults.take("event listenKeyExpired"))

    def publish_trades(self) -> None:
        """Aggregated trades, numbered over all symbols."""
        trades = self.venue.exchange.trades
        while trades:
            row = trades.popleft()
            self._trades += 1
            document = {
                "e": "aggTrade",
                "E": self.venue.clock.now_ms(),
                "s": row["instrument"],
                "a": self._trades,
                "p": fixed(row["price"]),
                "q": fixed(row["quantity"]),
                "f": self._trades,
                "l": self._trades,
                "T": self.venue.clock.now_ms(),
                "m": row["side"] == "sell",
            }
            self.publish(f"{row['instrument'].lower()}@aggTrade", document)

    def market_changed(self, symbol: str) -> None:
        self.publish_trades()
        now = self.venue.clock.now_ms()
        book = self.venue.book(symbol)
        update = book.update(now)
        if update is None:
            return
        lower = symbol.lower()
        for speed in ("", "@100ms", "@250ms", "@500ms"):
            self.publish(f"{lower}@depth{speed}", update)
        best = self.ticker(symbol, now)
        self.publish(f"{lower}@bookTicker", best)
        self.publish("!bookTicker", best)
        self.publish_mark(symbol)

    def publish_mark(self, symbol: str) -> None:
        venue, now = self.venue, self.venue.clock.now_ms()
        mark = fixed(venue.exchange.mark_row(symbol)["mark"] or "0")
        document = {
            "e": "markPriceUpdate",
            "E": now,
            "s": symbol,
            "p": mark,
            "i": mark,
            "P": mark,
            "r": fixed(venue.listings[symbol].funding_rate),
            "T": (now // 28_800_000 + 1) * 28_800_000,
        }
        for speed in ("", "@1s"):
            self.publish(f"{symbol.lower()}@markPrice{speed}", document)
            self.publish(f"!markPrice@arr{speed}", [document])

    def cut_all(self) -> None:
        """Every line that carries events."""
        followers = [each.reader for each in self.sessions if each.subscriptions]
        for reader in [*self._readers, *followers]:
            reader.abort()

    def reader(self, request: web.Request) -> Reader:
        """One that hears nothing by itself."""
        return Reader(request, is_combined=False)

    async def serve(self, request: web.Request, path: str) -> web.StreamResponse:
        """Run one connection until either side ends it."""
        is_combined = path.startswith("stream")
        reader = Reader(request, is_combined=is_combined)
        asked = request.query.get("streams", "") or path.partition("/")[2]
        reader.names |= {name for name in asked.split("/") if name}
        if request.query.get("listenKey"):
            reader.names.add(request.query["listenKey"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._readers.add(reader)
        sender = asyncio.create_task(self.pass_on(socket, reader))
        for name in reader.names:
            self.greet(reader, name)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._ask(reader, message.data)
        finally:
            self._readers.discard(reader)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sender
        return socket

    async def pass_on(self, socket: web.WebSocketResponse, reader: Reader) -> None:
        while (text := await reader.waiting.get()) is not None:
            await socket.send_str(text)
        await socket.close()

    def _ask(self, reader: Reader, text: str) -> None:
        ask = msgspec.json.decode(text, type=dict[str, Any])
        method, names = ask.get("method"), ask.get("params") or []
        result: Any = None
        if method == "SUBSCRIBE":
            reader.names |= set(names)
        elif method == "UNSUBSCRIBE":
            reader.names -= set(names)
        elif method == "LIST_SUBSCRIPTIONS":
            result = sorted(reader.names)
        else:
            error = {"code": 2, "msg": "Invalid request: unknown method"}
            reader.put(msgspec.json.encode({"error": error, "id": ask.get("id")}).decode())
            return
        reader.put(msgspec.json.encode({"result": result, "id": ask.get("id")}).decode())
        for name in names if method == "SUBSCRIBE" else ():
            self.greet(reader, name)

    def greet(self, reader: Reader, name: str) -> None:
        """What a new subscriber sees without waiting for the next change."""
        symbol, _, kind = name.partition("@")
        if symbol.upper() in self.venue.listings and kind == "bookTicker":
            document = self.ticker(symbol.upper(), self.venue.clock.now_ms())
            self.send(reader, name, document, None)
        elif kind.startswith("markPrice") and symbol.upper() in self.venue.listings:
            self.publish_mark(symbol.upper())

    def ticker(self, symbol: str, now: int) -> Row:
        book = self.venue.book(symbol)
        bid, ask = [*book.bids(1), ["0", "0"]][0], [*book.asks(1), ["0", "0"]][0]
        return {
            "e": "bookTicker",
            "u": book.update_id,
            "s": symbol,
            "b": bid[0],
            "B": bid[1],
            "a": ask[0],
            "A": ask[1],
            "T": now,
            "E": now,
        }

    def publish(self, name: str, document: Any) -> None:
        readers = [reader for reader in self._readers if name in reader.names]
        if not readers:
            return
        kind = document[0]["e"] if isinstance(document, list) else document["e"]
        fault = self.faults.take(f"event {kind}")
        for reader in readers:
            self.send(reader, name, document, fault)

    def send(self, reader: Reader, name: str, document: Any, fault: Any) -> None:
        body = {"stream": name, "data": document} if reader.is_combined else document
        text = msgspec.json.encode(body).decode()
        deliver_under(fault, text, reader.put, reader.abort, reader.held)
