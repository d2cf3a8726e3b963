"""Binance USD-M through gateway.api.VenueAdapter: puts the parts together and hands over. One
account for each configured venue, for a key of Binance is one account."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Literal

import msgspec

from gateway.api import (
    FundingReport,
    MarketSink,
    MarkReport,
    OrderRequest,
    PositionReport,
)
from gateway.transport import JsonReader, SocketShard
from gateway_binance.account_adapter import AccountAdapter, checked_settings
from gateway_binance.capabilities import RATE_LIMITS, capabilities
from gateway_binance.events import UserEvents
from gateway_binance.market_data import USD_M, MarketData
from gateway_binance.memory import OrderMemory
from gateway_binance.messages import BookTickerEvent, ListenKeyRow, MarketFrame, MarkPriceEvent
from gateway_binance.questions import Questions
from gateway_binance.rest import BinanceRest
from gateway_binance.sender import Sender
from gateway_binance.signing import Signer
from gateway_binance.stream import LINE, UserStream
from gateway_binance.words import nanoseconds

__all__ = ["BinanceAdapter", "Settings"]

log = logging.getLogger(__name__)

_KEY = JsonReader(ListenKeyRow, "a listen key")
_FRAME = JsonReader(MarketFrame, "a market frame")  # its keys are looked at, the data's too
_TICKER = JsonReader(BookTickerEvent, "bookTicker", has_unique_keys=False)
_MARK = JsonReader(MarkPriceEvent, "markPrice", has_unique_keys=False)
_MARKS = JsonReader(list[MarkPriceEvent], "markPrice@arr", has_unique_keys=False)
_ADDRESSES = {
    "url": ("http://", "https://"),
    "stream_url": ("ws://", "wss://"),
    "api_socket_url": ("ws://", "wss://"),
}
_MARK_SILENCE_MAX_MS = 30_000  # mark prices come every second


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`settings` of the venue. Times in the unit of their name."""

    account: str
    url: str = "https://fapi.binance.com"
    stream_url: str = "wss://fstream.binance.com"
    order_entry: Literal["rest", "websocket"] = "rest"
    api_socket_url: str = "wss://ws-fapi.binance.com/ws-fapi/v1"
    symbols: tuple[str, ...] = ()  # the account trades no others; () = every one
    timeout_ms: int = 3_000
    acceptance_window_ms: int = 5_000
    keepalive_s: float = 1_200.0
    weight_max: int = RATE_LIMITS[0].capacity
    budget_rows_file: str = ""  # one budget for all processes of the host that name it
    connections: int = 4
    has_marks: bool = True
    follow_s: float = 5.0  # an announced fill whose full event is not there by then is a gap


class BinanceAdapter(AccountAdapter[Questions, UserEvents, Sender]):
    """`settings`: see Settings. `secrets`: key, and secret (HMAC, or Ed25519 in PEM form)."""

    def __init__(
        self,
        venue: str,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        random: Random | None = None,
    ) -> None:
        self._settings = chosen = checked_settings(settings, secrets, Settings, _ADDRESSES)
        self.capabilities = capabilities(
            venue, acceptance_window_ms=chosen.acceptance_window_ms, timeout_ms=chosen.timeout_ms
        )
        weight = msgspec.structs.replace(RATE_LIMITS[0], capacity=chosen.weight_max)
        random = random or Random(now_ns())
        signer = Signer(secrets["key"], secrets["secret"])
        rest = BinanceRest(
            chosen.url,
            signer,
            product="usdm",
            timeout_ms=chosen.timeout_ms,
            acceptance_window_ms=chosen.acceptance_window_ms,
            account=chosen.account,
            limits=(weight, *RATE_LIMITS[1:]),
            connections=chosen.connections,
            now_ns=now_ns,
            random=random,
            budget_rows_file=chosen.budget_rows_file,
        )
        super().__init__(venue, chosen.account, rest, random, timeout_ms=chosen.timeout_ms)
        if chosen.order_entry == "websocket":
            rest.order_socket = self._socket_to(
                chosen.api_socket_url,
                signer,
                window_ms=chosen.acceptance_window_ms,
                timeout_ms=chosen.timeout_ms,
            )
        self._armed_ms = 0
        self._armed: set[str] = set()
        self._make_parts()

    def _make_parts(self) -> None:
        chosen = self._settings
        self.memory = OrderMemory()
        self.questions = Questions(
            self._rest, self.memory, account=chosen.account, symbols=chosen.symbols
        )
        self.events = UserEvents(
            chosen.account,
            self.memory,
            self.questions,
            tell=self._port.tell,
            later=self._tasks.start,
            on_gap=self._break_off,
            follow_seconds_max=chosen.follow_s,
            told=self._port.told,
        )
        self._sender = Sender(
            self._rest,
            self.memory,
            self.questions,
            tell=self._port.tell,
            later=self._tasks.start,
            expect=self.events.expect,
        )

    # Lines.

    async def _learn_account(self) -> None:
        await self.questions.mode()

    def _account_stream(self) -> UserStream:
        return UserStream(
            self._settings.stream_url.rstrip("/"),
            create_key=lambda: self._listen_key("POST"),
            extend_key=lambda: self._listen_key("PUT"),
            on_event=self.events.take,
            on_gap=self._on_gap,
            random=self._random,
            keepalive_s=self._settings.keepalive_s,
        )

    # Orders out.

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        if self._armed_ms:
            self._arm_new_symbols({order.instrument for order in orders})
        await self._sender.submit(orders)

    async def arm_dead_man(self, account: str, timeout_ms: int) -> None:
        """Binance counts down per symbol: every symbol with orders now, and with new ones later,
        until it is disarmed. Conditional orders that wait are not covered."""
        self._check_account(account)
        symbols = await self.questions.open_symbols() | set(self._settings.symbols) | self._armed
        self._armed_ms = timeout_ms
        self._armed = set() if timeout_ms == 0 else symbols
        await asyncio.gather(*(self._count_down(each, timeout_ms) for each in sorted(symbols)))

    # Questions.

    async def funding(self, account: str, since_ns: int) -> Sequence[FundingReport]:
        self._check_account(account)
        return await self.questions.funding(since_ns)

    async def positions(self, account: str) -> Sequence[PositionReport]:
        self._check_account(account)
        return await self.questions.positions()

    async def is_hedge_mode(self, account: str) -> bool:
        self._check_account(account)
        return await self.questions.mode()

    # Inside.

    async def _listen_key(self, method: str) -> str:
        return (await self._rest.keyed(method, "/fapi/v1/listenKey", _KEY)).listen_key

    def _arm_new_symbols(self, symbols: set[str]) -> None:
        for symbol in sorted(symbols - self._armed):
            self._armed.add(symbol)
            self._tasks.start(self._count_down(symbol, self._armed_ms))

    async def _count_down(self, symbol: str, timeout_ms: int) -> None:
        terms = {"symbol": symbol, "countdownTime": str(timeout_ms)}
        path = "/fapi/v1/countdownCancelAll"
        await self._rest.send("POST", path, terms, weight=10, lane="kill")

    def _market_of(self, sink: MarketSink, symbols: Sequence[str]) -> MarketData:
        url = self._settings.stream_url
        return MarketData(USD_M, url, self._rest, sink, symbols, random=self._random)

    # Prices.

    def _price_lines(self) -> Sequence[SocketShard]:
        """Best prices and mark prices come on two sockets since the split into /public, /market
        and /private."""
        if not self._settings.has_marks:
            return ()
        lower = [symbol.lower() for symbol in self._settings.symbols]
        best = "/".join(f"{each}@bookTicker" for each in lower) or "!bookTicker"
        marks = "/".join(f"{each}@markPrice@1s" for each in lower) or "!markPrice@arr@1s"
        return [
            self._market_line("public", best, 0),
            self._market_line("market", marks, _MARK_SILENCE_MAX_MS),
        ]

    def _market_line(self, path: str, streams: str, silence_max_ms: int) -> SocketShard:
        return SocketShard(
            f"{path} stream",
            f"{self._settings.stream_url.rstrip('/')}/{path}/stream?streams={streams}",
            replace(LINE, data_silence_max_ms=silence_max_ms),
            random=self._random,
            on_frame=lambda _, data: self._on_market(data),
            on_down=lambda line, reason: log.warning("%s: %s: %s", self.venue, line.name, reason),
        )

    def _on_market(self, frame_data: bytes) -> None:
        frame = _FRAME.read(frame_data)
        data = bytes(frame.data)
        if frame.stream.endswith("bookTicker"):
            ticker = _TICKER.read(data)
            stamp = nanoseconds(ticker.time)
            self._mark(ticker.symbol, bid=ticker.bid, ask=ticker.ask, venue_time_ns=stamp)
        elif "markPrice" in frame.stream:
            rows = _MARKS.read(data) if data[:1] == b"[" else [_MARK.read(data)]
            for row in rows:
                stamp = nanoseconds(row.time)
                self._mark(row.symbol, mark=row.mark, venue_time_ns=stamp)

    def _mark(self, symbol: str, *, venue_time_ns: int, **prices: str) -> None:
        """A price of zero is none: an empty side of a book, or a mark not known yet."""
        told = {name: text for name, text in prices.items() if text.strip("0.")}
        if told and symbol in self.questions.instruments_by_symbol:
            mark = MarkReport(instrument=symbol, venue_time_ns=venue_time_ns, **told)
            self._port.tell("marked", mark)
