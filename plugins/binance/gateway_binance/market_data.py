"""Books, trades, mark prices and funding rates of Binance for a MarketSink, over sockets of their
own. A hole loses one book until a snapshot closes it; accounts and orders never notice.

Sources: "How to manage a local order book correctly", Diff. Book Depth, Aggregate Trade and Mark
Price streams of USDS-M futures (read 2026-11; the split into /public and /market is of 2026-04);
web-socket-streams.md and rest-api.md of binance-spot-api-docs (read 2026-11).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import msgspec

from gateway.api import MARKET_LEVELS_MAX, MarketSink, VenueError, VenueProtocolError
from gateway.api.capabilities import BookRuleName
from gateway.transport import (
    Backoff,
    BookBuilder,
    BookUpdate,
    JsonReader,
    SocketShard,
    check_unique_keys,
)
from gateway_binance.messages import (
    AggregateTradeEvent,
    DepthDocument,
    DepthEvent,
    MarketFrame,
    MarkPriceEvent,
)
from gateway_binance.rest import BinanceRest
from gateway_binance.stream import LINE
from gateway_binance.words import nanoseconds

__all__ = ["SPOT", "USD_M", "MarketData", "MarketWire"]

log = logging.getLogger(__name__)

# Books are booked by nobody; of everything else the keys of the whole frame are looked at at once.
_FRAME = JsonReader(MarketFrame, "a market frame", has_unique_keys=False)
_DEPTH = JsonReader(DepthEvent, "depthUpdate", has_unique_keys=False)
_TRADE = JsonReader(AggregateTradeEvent, "aggTrade", has_unique_keys=False)
_MARK = JsonReader(MarkPriceEvent, "markPrice", has_unique_keys=False)
_SNAPSHOT = JsonReader(DepthDocument, "depth")
_SYMBOLS_PER_LINE = 50  # the address of a line names its streams
_SNAPSHOT_LEVELS = 1_000
_SNAPSHOT_FIRST_S, _SNAPSHOT_MAX_S = 0.25, 10.0


class MarketWire(msgspec.Struct, frozen=True, kw_only=True):
    """Where a product tells its market. `lines`: path and streams of each; books are on the first.
    `weight`: of a snapshot of 1,000 levels."""

    rule: BookRuleName
    depth_path: str
    weight: int
    lines: tuple[tuple[str, tuple[str, ...]], ...]


USD_M = MarketWire(
    rule="previous_update",
    depth_path="/fapi/v1/depth",
    weight=20,
    lines=(("/public", ("depth@100ms",)), ("/market", ("aggTrade", "markPrice@1s"))),
)
SPOT = MarketWire(
    rule="update_ranges",
    depth_path="/api/v3/depth",
    weight=50,
    lines=(("", ("depth@100ms",)), ("", ("aggTrade",))),
)


class MarketData:
    """The market of some symbols. `start` returns at once; everything else comes when it comes."""

    def __init__(
        self,
        wire: MarketWire,
        stream_url: str,
        rest: BinanceRest,
        sink: MarketSink,
        symbols: Sequence[str],
        *,
        random: Random,
    ) -> None:
        self._wire = wire
        self._rest = rest
        self._sink = sink
        self._books = {
            symbol: BookBuilder(
                wire.rule, on_gap=lambda why, symbol=symbol: self._lost(symbol, why)
            )  # type: ignore[misc]
            for symbol in symbols
        }
        self._up: set[str] = set()  # symbols whose line of books stands
        self._wanted: dict[str, None] = {}  # of these, who need a snapshot, in their order
        self._is_wanted = asyncio.Event()
        self._backoff = Backoff(_SNAPSHOT_FIRST_S, _SNAPSHOT_MAX_S, random, attempts_per_minute=120)
        self._asker: asyncio.Task[None] | None = None
        self._lines = [
            self._line(number, stream_url, symbols[at : at + _SYMBOLS_PER_LINE], random)
            for at in range(0, len(symbols), _SYMBOLS_PER_LINE)
            for number in range(len(wire.lines))
        ]

    async def start(self) -> None:
        for line in self._lines:
            await line.start()
        self._asker = asyncio.create_task(self._ask_snapshots(), name="market snapshots")

    async def stop(self) -> None:
        if self._asker is not None:
            self._asker.cancel()
            await asyncio.gather(self._asker, return_exceptions=True)
        for line in self._lines:
            await line.stop()

    def rows(self) -> list[dict[str, object]]:
        """Rows of the lines, for `counts` of the adapter."""
        return [line.row() for line in self._lines]

    def _line(
        self, number: int, stream_url: str, symbols: Sequence[str], random: Random
    ) -> SocketShard:
        path, streams = self._wire.lines[number]
        names = "/".join(f"{symbol.lower()}@{each}" for symbol in symbols for each in streams)
        has_books = number == 0
        return SocketShard(
            "book stream" if has_books else "trade stream",
            f"{stream_url.rstrip('/')}{path}/stream?streams={names}",
            replace(LINE),
            random=random,
            on_frame=lambda _, data: self._on_frame(data),
            on_up=lambda _: self._stand(symbols) if has_books else None,
            on_down=lambda _, why: self._lose(symbols, why) if has_books else None,
        )

    # What the lines tell.

    def _on_frame(self, frame_data: bytes) -> None:
        frame = _FRAME.read(frame_data)
        _, _, kind = frame.stream.partition("@")
        data = bytes(frame.data)
        if kind.startswith("depth"):
            self._on_depth(_DEPTH.read(data))
            return
        check_unique_keys(frame_data, "a market frame")
        if kind == "aggTrade":
            trade = _TRADE.read(data)
            self._sink.traded(
                trade.symbol,
                trade.price,
                trade.quantity,
                side="sell" if trade.is_buyer_maker else "buy",
                trade_id=str(trade.number),
                venue_time_ns=nanoseconds(trade.time),
            )
        elif kind.startswith("markPrice"):
            self._on_mark(_MARK.read(data))

    def _on_depth(self, event: DepthEvent) -> None:
        book = self._books.get(event.symbol)
        if book is None:
            return
        update = BookUpdate(
            bids=event.bids,
            asks=event.asks,
            first=event.first,
            last=event.last,
            previous=event.previous,
        )
        try:
            is_shown = book.update(update)
        except VenueProtocolError as error:
            book.lose(str(error))
            return
        if is_shown:
            self._show(event.symbol, book, nanoseconds(event.time))

    def _on_mark(self, event: MarkPriceEvent) -> None:
        """A mark of zero is none yet; a symbol without funding tells an empty rate."""
        stamp = nanoseconds(event.time)
        if event.mark.strip("0."):
            self._sink.marked(event.symbol, event.mark, venue_time_ns=stamp)
        if event.rate and event.next_funding:
            next_ns = nanoseconds(event.next_funding)
            self._sink.funding_rate(event.symbol, event.rate, next_ns, venue_time_ns=stamp)

    # Books.

    def _show(self, symbol: str, book: BookBuilder, time_ns: int) -> None:
        bids, asks = book.depth(MARKET_LEVELS_MAX)
        self._sink.book(symbol, bids, asks, sequence=book.last, venue_time_ns=time_ns)

    def _stand(self, symbols: Sequence[str]) -> None:
        """Their line is up: what the venue tells from now on follows a snapshot."""
        self._up.update(symbols)
        self._want(symbols)

    def _lose(self, symbols: Sequence[str], reason: str) -> None:
        """Their line is cut. A book that never was live has nothing to lose and says so too."""
        self._up.difference_update(symbols)  # first: no book is wanted while its line is down
        for symbol in symbols:
            self._wanted.pop(symbol, None)  # what is buffered goes; asked again when the line is up
            self._books[symbol].lose(reason)
            self._sink.book_lost(symbol, reason)

    def _lost(self, symbol: str, reason: str) -> None:
        log.info("%s: book lost: %s", symbol, reason)
        self._sink.book_lost(symbol, reason)
        self._want([symbol])

    def _want(self, symbols: Sequence[str]) -> None:
        self._wanted |= dict.fromkeys(each for each in symbols if each in self._up)
        self._is_wanted.set()

    async def _ask_snapshots(self) -> None:
        """One question at a time, in what the budget leaves behind new orders."""
        while True:
            await self._is_wanted.wait()
            if not self._wanted:
                self._is_wanted.clear()
                continue
            symbol = next(iter(self._wanted))
            del self._wanted[symbol]
            try:
                is_live = await self._snapshot(symbol)
            except VenueError as error:
                log.warning("%s: no snapshot of the book: %s", symbol, error)
                is_live = False
            if is_live:
                self._backoff.reset()
            else:  # behind the others
                self._want([symbol])
                await asyncio.sleep(self._backoff.next_s())

    async def _snapshot(self, symbol: str) -> bool:
        terms = {"symbol": symbol, "limit": str(_SNAPSHOT_LEVELS)}
        wire = self._wire
        book = self._books[symbol]
        row = await self._rest.public(
            wire.depth_path, _SNAPSHOT, terms, weight=wire.weight, lane="market"
        )
        if symbol not in self._up:
            return False  # its line fell meanwhile: nothing would keep this book up to date
        if book.state == "live" and row.last <= book.last:
            return True
        number = row.last
        found = BookUpdate(row.bids, row.asks, last=number, first=number, previous=number)
        try:
            is_live = book.snapshot(found)
        except VenueProtocolError as error:
            book.lose(str(error))
            return False
        if is_live:
            self._show(symbol, book, nanoseconds(row.time))
        return is_live
