"""Binance Spot through gateway.api.VenueAdapter: puts the parts together and hands over. One wallet
of one key for each configured venue."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Literal

import msgspec

from gateway.api import (
    BorrowReport,
    FundingReport,
    MarketSink,
    MarkReport,
    PositionReport,
    VenueError,
)
from gateway.transport import JsonReader, SocketShard
from gateway_binance.account_adapter import AccountAdapter, checked_settings
from gateway_binance.market_data import SPOT, MarketData
from gateway_binance.memory import OrderMemory
from gateway_binance.messages import BookTickerEvent, ErrorRow, MarketFrame
from gateway_binance.rest import BinanceRest
from gateway_binance.signing import Signer
from gateway_binance.spot.capabilities import RATE_LIMITS, capabilities
from gateway_binance.spot.events import SpotEvents
from gateway_binance.spot.messages import ListenTokenRow
from gateway_binance.spot.questions import SpotQuestions
from gateway_binance.spot.sender import SpotSender
from gateway_binance.spot.stream import SpotUserStream
from gateway_binance.spot.wallets import WALLETS, WalletName
from gateway_binance.stream import LINE
from gateway_binance.words import price_of

__all__ = ["SpotAdapter", "SpotSettings"]

log = logging.getLogger(__name__)

_FRAME = JsonReader(MarketFrame, "a market frame")  # its keys are looked at, the data's too
_TICKER = JsonReader(BookTickerEvent, "bookTicker", has_unique_keys=False)
_TOKEN = JsonReader(ListenTokenRow, "a listen token")
_PING = JsonReader(dict[str, str], "a ping")
_ADDRESSES = {
    "url": ("http://", "https://"),
    "stream_url": ("ws://", "wss://"),
    "api_socket_url": ("ws://", "wss://"),
}
_PRICES_PERIOD_S = 1.0
# Of a connection to the WebSocket API, and of a subscription there (web-socket-api.md, 2026-11).
_DIAL_WEIGHT = 2
_SUBSCRIBE_WEIGHT = 2
_STREAMS_MAX = 1_024  # of one connection (web-socket-streams.md, read 2026-11)


class SpotSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`settings` of the venue. Times in the unit of their name."""

    account: str
    symbols: tuple[str, ...]  # the account trades no others: fills are told by symbol alone
    wallet: WalletName = "spot"
    url: str = "https://api.binance.com"
    stream_url: str = "wss://stream.binance.com:9443"
    api_socket_url: str = "wss://ws-api.binance.com:443/ws-api/v3"
    order_entry: Literal["rest", "websocket"] = "rest"
    timeout_ms: int = 3_000
    acceptance_window_ms: int = 5_000
    weight_max: int = RATE_LIMITS[0].capacity
    budget_rows_file: str = ""  # one budget for all processes of the host that name it
    orders_10s_max: int = RATE_LIMITS[1].capacity
    orders_1d_max: int = RATE_LIMITS[2].capacity
    connections: int = 4
    history_days: int = 90  # how far back a first start asks for fills and interest
    has_marks: bool = True
    follow_s: float = 5.0  # an order that was taken and that the stream has not told by then: a gap


class SpotAdapter(AccountAdapter[SpotQuestions, SpotEvents, SpotSender]):
    """`settings`: see SpotSettings. `secrets`: key, and secret (HMAC, or Ed25519 in PEM form)."""

    def __init__(
        self,
        venue: str,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        random: Random | None = None,
    ) -> None:
        self._settings = chosen = _checked(settings, secrets)
        wanted = (chosen.weight_max, chosen.orders_10s_max, chosen.orders_1d_max)
        limits = tuple(
            msgspec.structs.replace(limit, capacity=capacity)
            for limit, capacity in zip(RATE_LIMITS, wanted, strict=True)
        )
        self.capabilities = capabilities(
            venue,
            wallet=chosen.wallet,
            acceptance_window_ms=chosen.acceptance_window_ms,
            timeout_ms=chosen.timeout_ms,
            limits=limits,
        )
        random = random or Random(now_ns())
        self._signer = Signer(secrets["key"], secrets["secret"])
        rest = BinanceRest(
            chosen.url,
            self._signer,
            product="spot",
            timeout_ms=chosen.timeout_ms,
            acceptance_window_ms=chosen.acceptance_window_ms,
            account=chosen.account,
            limits=limits,
            connections=chosen.connections,
            now_ns=now_ns,
            random=random,
            budget_rows_file=chosen.budget_rows_file,
        )
        super().__init__(venue, chosen.account, rest, random, timeout_ms=chosen.timeout_ms)
        if chosen.order_entry == "websocket":
            rest.order_socket = self._socket_to(
                chosen.api_socket_url,
                self._signer,
                window_ms=chosen.acceptance_window_ms,
                timeout_ms=chosen.timeout_ms,
            )
        self._priced: set[str] = set()  # symbols whose prices the stream has told since it is up
        self._make_parts()

    def _make_parts(self) -> None:
        chosen, wallet = self._settings, WALLETS[self._settings.wallet]
        self.memory = OrderMemory()
        self.questions = SpotQuestions(
            self._rest,
            self.memory,
            account=chosen.account,
            wallet=wallet,
            symbols=chosen.symbols,
            history_days=chosen.history_days,
            settled_ms=self.capabilities.not_found_proof_after_ms or 0,
        )
        self.events = SpotEvents(
            chosen.account,
            self.memory,
            self.questions,
            tell=self._port.tell,
            on_gap=self._break_off,
            follow_seconds_max=chosen.follow_s,
            told=self._port.told,
        )
        self._sender = SpotSender(
            self._rest,
            self.memory,
            self.questions,
            tell=self._port.tell,
            later=self._tasks.start,
            expect=self.events.expect,
        )

    def _account_stream(self) -> SpotUserStream:
        return SpotUserStream(
            self._dialed,
            subscription=self._subscription,
            on_event=self.events.take,
            on_refused=self._on_refused,
            on_gap=self._on_gap,
            random=self._random,
        )

    # Questions.

    async def borrow_interest(self, account: str, since_ns: int) -> Sequence[BorrowReport]:
        self._check_account(account)
        return await self.questions.borrow_interest(since_ns)

    async def funding(self, account: str, since_ns: int) -> Sequence[FundingReport]:
        self._check_account(account)
        return ()  # the manifest says that there is none

    async def positions(self, account: str) -> Sequence[PositionReport]:
        """Holdings of a coin are balances. A venue that does not answer has told nothing yet."""
        self._check_account(account)
        await self._rest.public("/api/v3/ping", _PING)
        return ()

    async def is_hedge_mode(self, account: str) -> bool:
        self._check_account(account)
        return False

    # Inside.

    async def _dialed(self) -> str:
        """No line is dialed while the address is banned."""
        await self._rest.line_turn(_DIAL_WEIGHT)
        return self._settings.api_socket_url

    async def _subscription(self) -> str:
        """Of the plain wallet a signed request; of the margin wallet one with a token for it."""
        await self._rest.clock.settle()
        await self._rest.line_turn(_SUBSCRIBE_WEIGHT)
        if self._settings.wallet == "margin":
            row = await self._rest.keyed("POST", "/sapi/v1/userListenToken", _TOKEN)
            return _request("userDataStream.subscribe.listenToken", {"listenToken": row.token})
        params = {
            "apiKey": self._signer.api_key,
            "recvWindow": str(self._settings.acceptance_window_ms),
            "timestamp": str(self._rest.clock.now_ns() // 1_000_000),
        }
        text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        signed = params | {"signature": self._signer.signature(text)}
        return _request("userDataStream.subscribe.signature", signed)

    def _on_refused(self, status: int, error: ErrorRow) -> None:
        proven = self._rest.refused_line("user data", status, error)
        log.warning("%s: no user data: %s", self.venue, proven)

    def _market_of(self, sink: MarketSink, symbols: Sequence[str]) -> MarketData:
        url = self._settings.stream_url
        return MarketData(SPOT, url, self._rest, sink, symbols, random=self._random)

    # Prices.

    def _price_lines(self) -> Sequence[SocketShard]:
        if not self._settings.has_marks:
            return ()
        streams = "/".join(f"{each.lower()}@bookTicker" for each in self._settings.symbols)
        line = SocketShard(
            "market stream",
            f"{self._settings.stream_url.rstrip('/')}/stream?streams={streams}",
            LINE,
            random=self._random,
            on_frame=lambda _, data: self._on_market(data),
            on_up=lambda _: self._on_market_up(),
            on_down=lambda line, reason: log.warning("%s: %s: %s", self.venue, line.name, reason),
        )
        return (line,)

    def _on_market_up(self) -> None:
        self._priced.clear()
        self._tasks.start(self._first_prices())

    async def _first_prices(self) -> None:
        """Asked until they are told: a quiet symbol has no price otherwise. What the stream has
        told meanwhile is newer."""
        while True:
            try:
                rows = await self.questions.prices()
                break
            except VenueError as error:
                log.warning("%s: no first prices: %s", self.venue, error)
            await asyncio.sleep(_PRICES_PERIOD_S * self._random.uniform(0.5, 1.0))
        for row in rows:
            if row.symbol not in self._priced:
                self._mark(row.symbol, row.bid_price, row.ask_price)

    def _on_market(self, frame_data: bytes) -> None:
        frame = _FRAME.read(frame_data)
        if frame.stream.endswith("bookTicker"):
            ticker = _TICKER.read(bytes(frame.data))
            self._priced.add(ticker.symbol)
            self._mark(ticker.symbol, ticker.bid, ticker.ask)

    def _mark(self, symbol: str, bid: str, ask: str) -> None:
        """A price of zero is none: an empty side of a book. Spot tells no time with it."""
        best_bid, best_ask = price_of(bid), price_of(ask)
        if (best_bid or best_ask) and symbol in self.questions.instruments_by_symbol:
            self._port.tell("marked", MarkReport(instrument=symbol, bid=best_bid, ask=best_ask))


def _request(method: str, params: Mapping[str, str]) -> str:
    return json.dumps({"id": "user_data", "method": method, "params": params})


def _checked(settings: Mapping[str, Any], secrets: Mapping[str, str]) -> SpotSettings:
    """Raises ValueError("key: what is wrong")."""
    chosen = checked_settings(settings, secrets, SpotSettings, _ADDRESSES)
    if not 1 <= len(chosen.symbols) <= _STREAMS_MAX:
        raise ValueError(f"symbols: 1 to {_STREAMS_MAX} that the account trades")
    if chosen.wallet == "margin" and chosen.order_entry != "rest":
        raise ValueError("order_entry: the margin wallet takes orders by rest alone")
    if chosen.history_days < 1:
        raise ValueError("history_days: at least 1")
    return chosen
