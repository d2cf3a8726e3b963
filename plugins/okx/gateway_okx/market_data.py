"""Market data of OKX for a MarketSink: the books of OkxBooks, and on one more socket trades, marks
and funding rates. Nothing here knows of accounts; a cut line loses books and nothing else.

docs-v5, trades channel, mark price channel, funding rate channel (read 2026-11): `side` is the
taker's, `fundingTime` the time at which `fundingRate` is settled next.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from random import Random

from gateway.api import MARKET_LEVELS_MAX, MarketSink, VenueProtocolError
from gateway_okx import translate
from gateway_okx.books import OkxBooks
from gateway_okx.rest import read_rows
from gateway_okx.rows import Frame, FundingRateRow, MarkRow, TradeRow
from gateway_okx.stream import OkxSocket

__all__ = ["MarketData"]

log = logging.getLogger(__name__)


class MarketData:
    """`start` returns at once; everything else comes when it comes."""

    def __init__(
        self,
        socket_url: str,
        sink: MarketSink,
        symbols: Sequence[str],
        *,
        random: Random,
        counters: Counter[str],
        silence_max_s: float,
    ) -> None:
        self._sink = sink
        self._counters = counters
        self._books = OkxBooks(
            socket_url,
            symbols,
            random=random,
            counters=counters,
            on_change=self._show,
            on_lost=sink.book_lost,
            silence_max_s=silence_max_s,
        )
        self._socket = OkxSocket(
            f"{socket_url}/public",
            [topic for symbol in symbols for topic in _topics(symbol)],
            login=None,
            on_frame=self._on_frame,
            on_up=lambda: None,
            on_down=lambda reason: log.warning("market data: %s", reason),
            random=random,
            counters=counters,
            silence_max_s=silence_max_s,
        )

    async def start(self) -> None:
        await self._books.start()
        await self._socket.start()

    async def stop(self) -> None:
        await self._books.stop()
        await self._socket.stop()

    def _show(self, symbol: str) -> None:
        book = self._books.books[symbol]
        bids, asks = book.depth(MARKET_LEVELS_MAX)
        stamp = self._books.times_ns.get(symbol, 0)
        self._sink.book(symbol, bids, asks, sequence=book.last, venue_time_ns=stamp)

    def _on_frame(self, frame: Frame) -> None:
        if frame.arg is None:
            return
        channel = frame.arg.channel
        try:
            if channel == "trades":
                for trade in read_rows(frame.data, TradeRow, channel):
                    self._on_trade(trade)
            elif channel == "mark-price":
                for mark in read_rows(frame.data, MarkRow, channel):
                    stamp = translate.time_ns(mark.time_ms, "ts")
                    self._sink.marked(mark.symbol, mark.mark, venue_time_ns=stamp)
            elif channel == "funding-rate":
                for rate in read_rows(frame.data, FundingRateRow, channel):
                    next_ns = translate.time_ns(rate.due_ms, "fundingTime")
                    stamp = translate.time_ns(rate.time_ms, "ts")
                    self._sink.funding_rate(rate.symbol, rate.rate, next_ns, venue_time_ns=stamp)
        except VenueProtocolError as error:
            self._counters["unreadable_market_rows"] += 1
            log.warning("market data: %s", error)

    def _on_trade(self, row: TradeRow) -> None:
        self._sink.traded(
            row.symbol,
            row.price,
            row.size,
            side="sell" if row.side == "sell" else "buy",
            trade_id=row.number,
            venue_time_ns=translate.time_ns(row.time_ms, "ts"),
        )


def _topics(symbol: str) -> list[dict[str, str]]:
    """Spot (BTC-USDT) has neither mark nor funding, futures (BTC-USD-261225) have no funding."""
    channels = ["trades"]
    if symbol.count("-") > 1:
        channels.append("mark-price")
    if symbol.endswith("-SWAP"):
        channels.append("funding-rate")
    return [{"channel": channel, "instId": symbol} for channel in channels]
