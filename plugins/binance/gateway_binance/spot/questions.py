"""What the adapter asks Binance Spot: instruments, orders, fills, balances, interest. Every list is
read to its end; a page that is missing would be a wrong balance."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence

from gateway.api import (
    BalanceReport,
    BorrowReport,
    FillReport,
    Instrument,
    OrderReport,
    VenueProtocolError,
    VenueUnavailable,
)
from gateway.transport import DOCUMENT_BYTES_MAX, JsonReader, Lane
from gateway_binance.listing import read_listing
from gateway_binance.memory import KnownOrder, OrderMemory
from gateway_binance.messages import ExchangeInfo
from gateway_binance.rest import BinanceRest, Rejection
from gateway_binance.spot import translate
from gateway_binance.spot.interest import InterestHistory
from gateway_binance.spot.messages import (
    AccountRow,
    BookTickerRow,
    MarginAccountRow,
    OrderRow,
    SymbolRow,
    TradeRow,
)
from gateway_binance.spot.names import Name, read_name
from gateway_binance.spot.wallets import MARGIN, Wallet

__all__ = ["SpotQuestions"]

log = logging.getLogger(__name__)

_INFO = JsonReader(ExchangeInfo, "exchangeInfo", bytes_max=DOCUMENT_BYTES_MAX)
_SYMBOL = JsonReader(SymbolRow, "an instrument")
_ORDER = JsonReader(OrderRow, "an order")
_ORDERS = JsonReader(list[OrderRow], "open orders", bytes_max=DOCUMENT_BYTES_MAX)
_TRADES = JsonReader(list[TradeRow], "trades", bytes_max=DOCUMENT_BYTES_MAX)
_ACCOUNT = JsonReader(AccountRow, "the account", bytes_max=DOCUMENT_BYTES_MAX)
_MARGIN = JsonReader(MarginAccountRow, "the margin account", bytes_max=DOCUMENT_BYTES_MAX)
_TICKERS = JsonReader(list[BookTickerRow], "bookTicker", bytes_max=DOCUMENT_BYTES_MAX)

_PAGE = 1_000
_INFO_WEIGHT = 20
_TICKERS_WEIGHT = 4
_ALL_OPEN_WEIGHT = 80
_DAY_MS = 86_400_000
_ENDS = ("filled", "canceled", "expired", "rejected")
# Trade ids count all trades of a symbol: the first step back is an hour or so of a busy one.
_STEP_BACK = 1 << 20


class SpotQuestions:
    """Reads for one account. `symbols`: those it trades; fills are told by symbol alone."""

    def __init__(
        self,
        rest: BinanceRest,
        memory: OrderMemory,
        *,
        account: str,
        wallet: Wallet,
        symbols: Sequence[str],
        history_days: int,
        settled_ms: int,
    ) -> None:
        self._rest = rest
        self._memory = memory
        self._account = account
        self.wallet = wallet
        self.symbols = tuple(symbols)
        self._history_ms = history_days * _DAY_MS
        self._settled_ms = settled_ms
        self._interest = InterestHistory(rest)
        self.instruments_by_symbol: dict[str, SymbolRow] = {}
        self.bad_rows = 0

    async def instruments(self, venue: str) -> list[Instrument]:
        """Those of the account. One that cannot be read is left out and named; one that vanished is
        told as no longer tradable."""
        instruments, self.instruments_by_symbol, bad_rows = read_listing(
            venue,
            await self._listed(),
            _SYMBOL,
            translate.instrument,
            wanted=self.symbols,
            before=self.instruments_by_symbol,
        )
        self.bad_rows += bad_rows
        return instruments

    def quote(self, symbol: str) -> str:
        row = self.instruments_by_symbol.get(symbol)
        return row.quote_asset if row else "USDT"

    async def prices(self) -> list[BookTickerRow]:
        """Best prices now: the stream tells changes alone."""
        terms = {"symbols": json.dumps(self.symbols, separators=(",", ":"))}
        path = "/api/v3/ticker/bookTicker"
        return await self._rest.public(path, _TICKERS, terms, weight=_TICKERS_WEIGHT)

    # Orders.

    async def query_order(self, client_order_id: str) -> OrderReport | None:
        """One order by our id, in whatever replacement it lives. None only when every place where
        it could be has said that it is not there."""
        known = self._memory.by_client(client_order_id)
        for symbol in [known.symbol] if known is not None else self.symbols:
            generation = known.generation if known is not None else 0
            found = await self._living(symbol, Name(client_order_id, generation))
            if found is not None:
                self.remember(*found).is_ours = True
                return translate.order_report(self._account, found[0], client_order_id)
        return None

    async def order_by_number(self, symbol: str, order_id: int) -> OrderRow | None:
        return await self._order({"symbol": symbol, "orderId": str(order_id)})

    async def open_orders(self) -> list[OrderReport]:
        """Working orders and stops that wait, under the ids by which the gateway knows them."""
        reports = []
        for row in await self._open():
            name = read_name(row.client_order_id)
            if self._memory.is_namesake(name.own, row.symbol):
                log.warning("an order on %s has the name of ours on another symbol", row.symbol)
                continue
            known = self._memory.by_client(name.own)
            try:
                own = self.remember(row, name).client_order_id
                reports.append(translate.order_report(self._account, row, own))
            except VenueProtocolError as error:
                if known is not None and known.order_id:
                    raise  # a word nobody documented, in an order of ours, stops
                self.bad_rows += 1
                log.error("an order of somebody else cannot be read: %s", error)
        return reports

    async def open_symbols(self) -> set[str]:
        """Where anybody's orders of this account are open: asked to end them, so it goes first."""
        return {row.symbol for row in await self._all_open("kill")}

    def remember(self, row: OrderRow, name: Name) -> KnownOrder:
        """A row under the client id by which the gateway knows it. One of an order that has been
        replaced says nothing about what took its place."""
        state = translate.state_of(row.status, row.type, is_working=row.is_working)
        known = self._memory.by_venue_id(row.symbol, row.order_id)
        if known is not None and name.generation < known.generation:
            return known
        return self._memory.remember(
            KnownOrder(
                client_order_id=known.client_order_id if known is not None else name.own,
                symbol=row.symbol,
                side=row.side,
                venue_order_id=row.order_id,
                price=row.price,
                quantity=row.orig_qty,
                type=row.type,
                time_in_force=row.time_in_force,
                generation=name.generation,
                is_waiting=state == "untriggered",
                is_done=state in _ENDS,
            )
        )

    # Fills and money.

    async def fills(self, since_ns: int) -> list[FillReport]:
        """Every fill since then of every symbol of the account, oldest first."""
        since_ms = max(since_ns // 1_000_000, self._now_ms() - self._history_ms)
        rows: list[TradeRow] = []
        for symbol in self.symbols:
            rows += await self._trades(symbol, since_ms)
        rows.sort(key=lambda row: (row.time, row.id))
        names = await self._client_ids(rows)
        return [
            translate.trade_fill(self._account, row, names[row.symbol, row.order_id])
            for row in rows
        ]

    async def balances(self) -> list[BalanceReport]:
        path, weight = self.wallet.account, self.wallet.account_weight
        if self.wallet is MARGIN:
            margin = await self._rest.ask(path, _MARGIN, weight=weight)
            return [translate.net_report(self._account, row) for row in margin.user_assets]
        wallet = await self._rest.ask(path, _ACCOUNT, weight=weight)
        return [translate.balance_report(self._account, row) for row in wallet.balances]

    async def borrow_interest(self, since_ns: int) -> list[BorrowReport]:
        """Every row since then, oldest first."""
        since_ms = max(since_ns // 1_000_000, self._now_ms() - self._history_ms)
        rows = await self._interest.since(since_ms, self._now_ms())
        return [translate.borrow_report(self._account, row) for row in rows]

    # Inside.

    def _now_ms(self) -> int:
        return self._rest.clock.now_ns() // 1_000_000

    async def _listed(self) -> ExchangeInfo:
        """Of our symbols alone; of all when one of them is unknown, which refuses the question."""
        path = "/api/v3/exchangeInfo"
        terms = {"symbols": json.dumps(self.symbols, separators=(",", ":"))}
        try:
            return await self._rest.public(path, _INFO, terms, weight=_INFO_WEIGHT)
        except Rejection as error:
            if error.code != "-1121":
                raise
        return await self._rest.public(path, _INFO, weight=_INFO_WEIGHT)

    async def _living(self, symbol: str, name: Name) -> tuple[OrderRow, Name] | None:
        """The order of this name or, when it was canceled to be replaced, what replaced it."""
        row = await self._named(symbol, name)
        while row is not None and row.status == "CANCELED" and not row.executed_qty.strip("0."):
            shown = read_name(row.client_order_id)
            if shown.is_cancel or self.wallet is MARGIN:
                break
            following = Name(name.own, name.generation + 1)
            successor = await self._named(symbol, following)
            if successor is None:
                if shown.successor and self._now_ms() - row.update_time < self._settled_ms:
                    raise VenueUnavailable(f"what replaced {name.wire} is not there yet")
                break
            row, name = successor, following
        return None if row is None else (row, name)

    async def _named(self, symbol: str, name: Name) -> OrderRow | None:
        return await self._order({"symbol": symbol, "origClientOrderId": name.wire})

    async def _order(self, terms: dict[str, str]) -> OrderRow | None:
        weight = self.wallet.query_weight
        try:
            return await self._rest.ask(self.wallet.order, _ORDER, terms, weight=weight)
        except Rejection as error:
            if error.meaning == "not_found":
                return None
            raise

    async def _open(self) -> list[OrderRow]:
        """One question about all symbols weighs as much as many about one."""
        weight = self.wallet.open_weight
        if len(self.symbols) * weight >= _ALL_OPEN_WEIGHT:
            return await self._all_open("query")
        path, terms = self.wallet.open_orders, [{"symbol": each} for each in self.symbols]
        asked = (self._rest.ask(path, _ORDERS, each, weight=weight) for each in terms)
        return [row for page in await asyncio.gather(*asked) for row in page]

    async def _all_open(self, lane: Lane) -> list[OrderRow]:
        path = self.wallet.open_orders
        return await self._rest.ask(path, _ORDERS, weight=_ALL_OPEN_WEIGHT, lane=lane)

    async def _trades(self, symbol: str, since_ms: int) -> list[TradeRow]:
        """The newest thousand hold them all, most of the time. Else ever longer steps back by trade
        id find a page that begins before; from there every page is read to the end."""
        page = await self._trade_page({"symbol": symbol})
        if len(page) == _PAGE and page[0].time >= since_ms:
            page = await self._first_page(symbol, page[0].id, since_ms)
        found = {row.id: row for row in page}
        while len(page) == _PAGE:
            terms = {"symbol": symbol, "fromId": str(max(row.id for row in page) + 1)}
            page = await self._trade_page(terms)
            found |= {row.id: row for row in page}
        return [row for row in found.values() if row.time >= since_ms]

    async def _first_page(self, symbol: str, first_id: int, since_ms: int) -> list[TradeRow]:
        step = _STEP_BACK
        while True:
            start = max(0, first_id - step)
            page = await self._trade_page({"symbol": symbol, "fromId": str(start)})
            if start == 0 or (page and page[0].time < since_ms):
                return page
            step *= 8

    async def _trade_page(self, terms: dict[str, str]) -> list[TradeRow]:
        path, weight = self.wallet.trades, self.wallet.trades_weight
        terms["limit"] = str(_PAGE)
        return await self._rest.ask(path, _TRADES, terms, weight=weight, is_long=True)

    async def _client_ids(self, rows: Sequence[TradeRow]) -> dict[tuple[str, int], str]:
        """The client id behind each order of these trades, which do not carry it."""
        names = {}
        for symbol, number in sorted({(row.symbol, row.order_id) for row in rows}):
            known = self._memory.by_venue_id(symbol, number)
            if known is None:
                row = await self.order_by_number(symbol, number)
                known = self.remember(row, read_name(row.client_order_id)) if row else None
            # Gone from the venue's memory: the fill still has its venue order id.
            name = known.client_order_id if known else ""
            names[symbol, number] = "" if self._memory.is_namesake(name, symbol) else name
        return names
