"""What the adapter asks the venue: instruments, orders, fills, funding, positions, balances. Every
list is read to its end; a page that is missing would be a wrong position."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import TypeVar

from gateway.api import (
    BalanceReport,
    FillReport,
    FundingReport,
    Instrument,
    OrderReport,
    PositionReport,
    VenueProtocolError,
)
from gateway.transport import DOCUMENT_BYTES_MAX, JsonReader
from gateway_binance import translate
from gateway_binance.funding_rates import FundingRates
from gateway_binance.listing import read_listing
from gateway_binance.memory import ALGO_ENDS, KnownOrder, OrderMemory
from gateway_binance.messages import (
    AlgoRow,
    BalanceRow,
    ExchangeInfo,
    IncomeRow,
    ModeRow,
    OrderRow,
    PositionRow,
    SymbolConfigRow,
    SymbolRow,
    TradeRow,
)
from gateway_binance.rest import BinanceRest, Rejection

__all__ = ["Questions"]

log = logging.getLogger(__name__)

Row = TypeVar("Row", OrderRow, AlgoRow)

_INFO = JsonReader(ExchangeInfo, "exchangeInfo", bytes_max=DOCUMENT_BYTES_MAX)
_SYMBOL = JsonReader(SymbolRow, "an instrument")
_ORDER = JsonReader(OrderRow, "an order")
_ORDERS = JsonReader(list[OrderRow], "open orders", bytes_max=DOCUMENT_BYTES_MAX)
_ALGO = JsonReader(AlgoRow, "an algo order")
_ALGOS = JsonReader(list[AlgoRow], "algo orders", bytes_max=DOCUMENT_BYTES_MAX)
_TRADES = JsonReader(list[TradeRow], "user trades", bytes_max=DOCUMENT_BYTES_MAX)
_INCOMES = JsonReader(list[IncomeRow], "incomes", bytes_max=DOCUMENT_BYTES_MAX)
_POSITIONS = JsonReader(list[PositionRow], "positions", bytes_max=DOCUMENT_BYTES_MAX)
_SYMBOL_CONFIGS = JsonReader(
    list[SymbolConfigRow], "configurations of symbols", bytes_max=DOCUMENT_BYTES_MAX
)
_BALANCES = JsonReader(list[BalanceRow], "balances")
_MODE = JsonReader(ModeRow, "the position mode")

_PAGE = 1_000
_WEIGHT_OF_ALL = 40
_WINDOW_MS = 7 * 86_400_000 - 1  # userTrades answers for at most seven days a time
# Trades and incomes are kept for three months (change log, 2026-08-26); older ones cannot be had.
_HISTORY_MS = 89 * 86_400_000


class Questions:
    """Reads for one account. `symbols`: those the account trades, () = every one."""

    def __init__(
        self, rest: BinanceRest, memory: OrderMemory, *, account: str, symbols: Sequence[str]
    ) -> None:
        self._rest = rest
        self._memory = memory
        self._rates = FundingRates(rest)
        self._account = account
        self._wanted = tuple(symbols)
        self.instruments_by_symbol: dict[str, SymbolRow] = {}
        self.is_hedge_mode = False
        self.bad_rows = 0

    async def instruments(self, venue: str) -> list[Instrument]:
        """Contracts of the account. One that cannot be read is left out and named; a configured one
        that vanished is told as no longer tradable."""
        info = await self._rest.public("/fapi/v1/exchangeInfo", _INFO)
        instruments, self.instruments_by_symbol, bad_rows = read_listing(
            venue,
            info,
            _SYMBOL,
            translate.instrument,
            wanted=self._wanted,
            before=self.instruments_by_symbol,
        )
        self.bad_rows += bad_rows
        return instruments

    def settle(self, symbol: str) -> str:
        row = self.instruments_by_symbol.get(symbol)
        return row.margin_asset if row else "USDT"

    async def mode(self) -> bool:
        row = await self._rest.ask("/fapi/v1/positionSide/dual", _MODE, weight=30)
        self.is_hedge_mode = row.dual_side_position
        return self.is_hedge_mode

    async def query_order(self, client_order_id: str) -> OrderReport | None:
        """One order by our id, plain or conditional. None only when every place where it could be
        has said that it is not there."""
        report = await self._query(client_order_id)
        known = self._memory.by_client(client_order_id)
        if known is not None:
            known.is_ours = True
        return report

    async def _query(self, client_order_id: str) -> OrderReport | None:
        known = self._memory.by_client(client_order_id)
        if known is not None and known.is_conditional:
            return await self._query_algo(client_order_id)
        symbols = [known.symbol] if known is not None else self._all_symbols()
        for symbol in symbols:
            terms = {"symbol": symbol, "origClientOrderId": client_order_id}
            row = await self._order(terms)
            if row is not None:
                self.remember(row)
                return translate.order_report(self._account, row)
        return None if known is not None else await self._query_algo(client_order_id)

    async def order_by_number(self, symbol: str, order_id: int) -> OrderRow | None:
        return await self._order({"symbol": symbol, "orderId": str(order_id)})

    async def algo(self, client_order_id: str) -> AlgoRow | None:
        """The conditional order, and the link to what it became."""
        terms = {"clientAlgoId": client_order_id}
        try:
            row = await self._rest.ask("/fapi/v1/algoOrder", _ALGO, terms)
        except Rejection as error:
            if error.meaning == "not_found":
                return None
            raise
        self.remember_algo(row)
        return row

    async def open_orders(self) -> list[OrderReport]:
        """Working orders, and conditional ones of ours that wait. One of somebody else is left out:
        it would be adopted under an id that it loses when it triggers. Its order and its fills are
        told then."""
        rows = await self._open("/fapi/v1/openOrders", _ORDERS)
        await self._link_children([(row.symbol, row.order_id, row.client_order_id) for row in rows])
        reports = []
        for row in rows:
            if self._memory.is_namesake(row.client_order_id, row.symbol):
                log.warning("an order on %s has the name of ours on another symbol", row.symbol)
                continue
            known = self._memory.by_client(row.client_order_id)
            try:
                name = self.remember(row).client_order_id
                reports.append(translate.order_report(self._account, row, name))
            except VenueProtocolError as error:
                self._unreadable(known, error)
        for each in await self._open("/fapi/v1/openAlgoOrders", _ALGOS):
            if self.remember_algo(each).is_ours:
                reports.append(translate.algo_report(self._account, each, each.update_time))
        return reports

    async def open_symbols(self) -> set[str]:
        """Where anybody's orders of this account are open, conditional ones too: asked to end
        them, so it goes before other questions."""
        rows = await self._rest.ask("/fapi/v1/openOrders", _ORDERS, weight=40, lane="kill")
        algos = await self._rest.ask("/fapi/v1/openAlgoOrders", _ALGOS, weight=40, lane="kill")
        return {row.symbol for row in rows} | {row.symbol for row in algos}

    async def fills(self, since_ns: int) -> list[FillReport]:
        """Every fill since then of every symbol that may have one, oldest first."""
        now_ms = self._rest.clock.now_ns() // 1_000_000
        since_ms = max(since_ns // 1_000_000, now_ms - _HISTORY_MS)
        rows: list[TradeRow] = []
        for symbol in await self._traded_symbols(since_ms, now_ms):
            rows += await self._trades(symbol, since_ms, now_ms)
        rows.sort(key=lambda row: (row.time, row.id))
        names = await self._client_ids(rows)
        return [
            translate.trade_fill(self._account, row, names[row.symbol, row.order_id])
            for row in rows
        ]

    async def funding(self, since_ns: int) -> list[FundingReport]:
        """Every funding payment since then, oldest first."""
        now_ms = self._rest.clock.now_ns() // 1_000_000
        since_ms = max(since_ns // 1_000_000, now_ms - _HISTORY_MS)
        rows = await self._incomes("FUNDING_FEE", since_ms, now_ms)
        rows.sort(key=lambda row: row.time)
        # In hedge mode the leg follows from the rate; elsewhere it is only told.
        rates = await self._rates.of(
            [(row.symbol, row.time) for row in rows], is_needed=self.is_hedge_mode
        )
        return [
            translate.funding_report(
                self._account,
                row,
                {row.symbol: rates[row.symbol, row.time]},
                is_hedge_mode=self.is_hedge_mode,
            )
            for row in rows
        ]

    async def positions(self) -> list[PositionReport]:
        rows = await self._rest.ask("/fapi/v3/positionRisk", _POSITIONS, weight=5)
        self._memory.symbols |= {row.symbol for row in rows}
        held = [row for row in rows if row.position_amt.strip("-0.")]
        types = await self._margin_types(held)
        return [
            translate.position_report(self._account, row, types.get(row.symbol, ""))
            if translate.needs_mode(row)
            else translate.position_report(self._account, row)
            for row in held
        ]

    async def _margin_types(self, held: list[PositionRow]) -> dict[str, str]:
        """Symbol -> margin type, asked for when a position does not tell its own."""
        if not any(translate.needs_mode(row) for row in held):
            return {}
        rows = await self._rest.ask("/fapi/v1/symbolConfig", _SYMBOL_CONFIGS, weight=5)
        return {row.symbol: row.margin_type for row in rows}

    async def balances(self) -> list[BalanceReport]:
        rows = await self._rest.ask("/fapi/v3/balance", _BALANCES, weight=5)
        return [translate.balance_report(self._account, row) for row in rows]

    def remember(self, row: OrderRow) -> KnownOrder:
        """A row under the client id by which the gateway knows it."""
        is_done = translate.state_of(row.status) in ("filled", "canceled", "expired", "rejected")
        known = self._memory.by_venue_id(row.symbol, row.order_id) or self._memory.by_client(
            row.client_order_id, row.symbol
        )
        if known is not None and known.is_conditional:
            self._memory.link(known, row.order_id)
            known.price, known.quantity = row.price, row.orig_qty
            known.is_done |= is_done
            return known
        return self._memory.remember(
            KnownOrder(
                client_order_id=row.client_order_id,
                symbol=row.symbol,
                side=row.side,
                venue_order_id=row.order_id,
                price=row.price,
                quantity=row.orig_qty,
                is_done=is_done,
            )
        )

    def remember_algo(self, row: AlgoRow) -> KnownOrder:
        return self._memory.remember(
            KnownOrder(
                client_order_id=row.client_algo_id,
                symbol=row.symbol,
                side=row.side,
                is_conditional=True,
                algo_id=row.algo_id,
                venue_order_id=int(row.actual_order_id or 0),
                price=row.price,
                quantity=row.quantity,
                is_waiting=row.algo_status == "NEW",
                is_done=row.algo_status in ALGO_ENDS,
            )
        )

    async def _open(self, path: str, reader: JsonReader[list[Row]]) -> list[Row]:
        """One question about all symbols has the weight of forty about one."""
        if not 0 < len(self._wanted) < _WEIGHT_OF_ALL:
            return await self._rest.ask(path, reader, weight=_WEIGHT_OF_ALL)
        terms = [{"symbol": symbol} for symbol in self._wanted]
        pages = await asyncio.gather(*(self._rest.ask(path, reader, each) for each in terms))
        return [row for page in pages for row in page]

    def _unreadable(self, known: KnownOrder | None, error: VenueProtocolError) -> None:
        """A word nobody documented, in an order of ours, stops; in one of somebody else it is
        counted and named, and the order is not adopted."""
        if known is not None and known.order_id:
            raise error
        self.bad_rows += 1
        log.error("an order of somebody else cannot be read: %s", error)

    async def _query_algo(self, client_order_id: str) -> OrderReport | None:
        """A conditional order; once triggered, what its order of the matching engine says."""
        row = await self.algo(client_order_id)
        if row is None:
            return None
        if row.actual_order_id:
            order = await self.order_by_number(row.symbol, int(row.actual_order_id))
            if order is not None:
                return translate.order_report(self._account, order, client_order_id)
        return translate.algo_report(self._account, row, row.update_time)

    async def _order(self, terms: dict[str, str]) -> OrderRow | None:
        try:
            return await self._rest.ask("/fapi/v1/order", _ORDER, terms)
        except Rejection as error:
            if error.meaning == "not_found":
                return None
            raise

    async def _traded_symbols(self, since_ms: int, now_ms: int) -> list[str]:
        """Where fills can be: the configured symbols, or else every symbol with a commission or a
        result since then; and whatever orders and positions name."""
        found = set(self._wanted) | self._memory.symbols
        if not self._wanted:
            for kind in ("COMMISSION", "REALIZED_PNL"):
                found |= {row.symbol for row in await self._incomes(kind, since_ms, now_ms)}
        held = await self._rest.ask("/fapi/v3/positionRisk", _POSITIONS, weight=5)
        found |= {row.symbol for row in held}
        return sorted(found - {""})

    async def _trades(self, symbol: str, since_ms: int, now_ms: int) -> list[TradeRow]:
        """Seven days a time. A full page goes on from the id behind its last row, and then to the
        end: the windows after it would say the same again."""
        found: dict[int, TradeRow] = {}
        start = since_ms
        while start <= now_ms:
            end = start + _WINDOW_MS
            terms = {"symbol": symbol, "startTime": str(start), "endTime": str(end)}
            page = await self._trade_page(terms)
            found |= {row.id: row for row in page}
            if len(page) == _PAGE:
                start = now_ms + 1
            while len(page) == _PAGE:
                last = max(row.id for row in page)
                page = await self._trade_page({"symbol": symbol, "fromId": str(last + 1)})
                found |= {row.id: row for row in page}
            start = max(start, end + 1)
        return [row for row in found.values() if row.time >= since_ms]

    async def _trade_page(self, terms: dict[str, str]) -> list[TradeRow]:
        terms["limit"] = str(_PAGE)
        return await self._rest.ask("/fapi/v1/userTrades", _TRADES, terms, weight=5, is_long=True)

    async def _incomes(self, kind: str, since_ms: int, now_ms: int) -> list[IncomeRow]:
        """A thousand rows a page. Rows of one millisecond may be split by a page, so the next one
        begins in the last millisecond again."""
        found: dict[tuple[str, str], IncomeRow] = {}
        start, page_number = since_ms, 1
        while True:
            terms = {
                "incomeType": kind,
                "startTime": str(start),
                "endTime": str(now_ms),
                "limit": str(_PAGE),
                "page": str(page_number),
            }
            page = await self._rest.ask("/fapi/v1/income", _INCOMES, terms, weight=30, is_long=True)
            found |= {(row.symbol, str(row.tran_id)): row for row in page}
            if len(page) < _PAGE:
                return list(found.values())
            last = max(row.time for row in page)
            start, page_number = (last, 1) if last > start else (start, page_number + 1)

    async def _client_ids(self, rows: Sequence[TradeRow]) -> dict[tuple[str, int], str]:
        """The client id behind each order of these trades, which do not carry it."""
        wanted = {(row.symbol, row.order_id) for row in rows}
        await self._link_children([(symbol, number, "") for symbol, number in sorted(wanted)])
        names = {}
        for symbol, number in sorted(wanted):
            known = self._memory.by_venue_id(symbol, number)
            if known is None:
                row = await self.order_by_number(symbol, number)
                known = self.remember(row) if row is not None else None
            # Gone from the venue's memory: the fill still has its venue order id.
            name = known.client_order_id if known else ""
            names[symbol, number] = "" if self._memory.is_namesake(name, symbol) else name
        return names

    async def _link_children(self, orders: Iterable[tuple[str, int, str]]) -> None:
        """Learn which of these unknown orders came from conditional orders."""
        strange = {
            symbol
            for symbol, number, name in orders
            if self._memory.by_venue_id(symbol, number) is None
            and self._memory.by_client(name, symbol) is None
        }
        for symbol in sorted(strange):
            terms = {"symbol": symbol, "limit": str(_PAGE)}
            for row in await self._rest.ask("/fapi/v1/allAlgoOrders", _ALGOS, terms, weight=5):
                self.remember_algo(row)

    def _all_symbols(self) -> list[str]:
        """Known ones first: most questions end there."""
        seen = sorted(self._memory.symbols & set(self.instruments_by_symbol))
        return seen + sorted(set(self.instruments_by_symbol) - set(seen))
