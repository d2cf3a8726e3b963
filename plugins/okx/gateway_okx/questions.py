"""What OKX is asked: orders, fills, funding, interest, positions, balances. Every answer is whole,
over all pages, oldest first. Must never take "not on this page" for "never existed"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter

from gateway.api import (
    BalanceReport,
    BorrowReport,
    FillReport,
    FundingReport,
    OrderReport,
    PositionReport,
    VenueProtocolError,
    VenueRejected,
    VenueUnavailable,
)
from gateway_okx import balances, translate
from gateway_okx.errors import verdict_of
from gateway_okx.known_orders import KnownOrders, key_of
from gateway_okx.rest import OkxRest
from gateway_okx.rows import (
    AlgoRow,
    BalanceRow,
    BillRow,
    FillRow,
    InterestRow,
    OrderRow,
    PositionRow,
)

__all__ = ["Questions"]

_ALGO_KINDS = ("trigger", "conditional")
_DAY_NS = 86_400_000_000_000
# trade/fills holds three days and is fresh, fills-history a year; account/bills holds seven days,
# bills-archive three months (docs-v5, read 2026-11-21). A day less, for clocks and pages.
_RECENT_FILLS_NS = 2 * _DAY_NS
_RECENT_BILLS_NS = 6 * _DAY_NS
_FOREIGN_MAX = 10_000
# A fill of longer ago has its algo order in the history, if it has one; of a younger one the order
# itself is asked. One question for each order of a long past would take an hour.
_HISTORY_LAG_NS = 3_600_000_000_000


class Questions:
    """Asks for one account."""

    def __init__(
        self,
        rest: OkxRest,
        known: KnownOrders,
        account: str,
        kinds: Sequence[str],
        counters: Counter[str],
    ) -> None:
        self._rest = rest
        self._known = known
        self._account = account
        self._kinds = kinds
        self._counters = counters
        self._foreign: dict[
            str, None
        ] = {}  # order ids that no algo order with a client id stands behind

    # Orders.

    async def order(self, client_id: str) -> OrderReport | None:
        """By our id. The instrument is part of OKX's question, so an order of an earlier process
        is searched for."""
        report = await self._order(client_id)
        known = self._known.get(client_id)
        if report is not None and known is not None and report.state in ("filled", "canceled"):
            self._known.end_unless_awaited(known)
        return report

    async def _order(self, client_id: str) -> OrderReport | None:
        known = self._known.get(client_id)
        if client_id.startswith("#"):  # a person's order without a client id: see key_of
            ids = {"instId": known.symbol, "ordId": client_id[1:]} if known else {}
            return await self._plain(ids) if known and not known.is_algo else None
        if known is not None and not known.is_algo and known.order_id:
            return await self._plain({"instId": known.symbol, "clOrdId": client_id})
        if known is None or not known.is_algo:
            found = await self._search(client_id)
            if found is not None:
                return found
        return await self._algo(client_id)

    async def _plain(self, query: dict[str, str]) -> OrderReport | None:
        try:
            rows = await self._rest.get("trade/order", query, OrderRow)
        except VenueRejected as error:
            if verdict_of("", error.code) == "gone":
                return None
            raise
        if len(rows) != 1:
            raise VenueProtocolError(f"okx trade/order: {len(rows)} rows")
        return translate.order_report(self._account, rows[0])

    async def _search(self, client_id: str) -> OrderReport | None:
        """Open orders first, then what has ended in seven days."""
        rows = await self._rest.pages("trade/orders-pending", {}, OrderRow, attrgetter("order_id"))
        for kind in self._kinds:
            if found := _newest_of(rows, client_id):
                return translate.order_report(self._account, found)
            query = {"instType": kind}
            rows = await self._rest.pages(
                "trade/orders-history", query, OrderRow, attrgetter("order_id")
            )
        found = _newest_of(rows, client_id)
        return translate.order_report(self._account, found) if found else None

    async def _algo(self, client_id: str) -> OrderReport | None:
        """The algo order, or the plain one it has become."""
        try:
            query = {"algoClOrdId": client_id}
            rows = await self._rest.get("trade/order-algo", query, AlgoRow)
        except VenueRejected as error:
            if verdict_of("ALGO", error.code) == "gone":
                return None
            raise
        if len(rows) != 1:
            raise VenueProtocolError(f"okx trade/order-algo: {len(rows)} rows")
        row = rows[0]
        self._note(row)
        if row.child_ids:
            child = {"instId": row.symbol, "ordId": row.child_ids[0]}
            report = await self._plain(child)
            if report is None:
                raise VenueProtocolError(f"okx: no order {child['ordId']} of {row.algo_id}")
            return report
        return translate.algo_report(self._account, row)

    async def open_orders(self) -> list[OrderReport]:
        plain = await self._rest.pages("trade/orders-pending", {}, OrderRow, attrgetter("order_id"))
        reports = []
        for row in plain:
            client_id = translate.own_id(row)
            if client_id and row.algo_client_id and not row.client_id:
                self._known.note(
                    client_id, row.symbol, is_algo=True, algo_id=row.algo_id, child_id=row.order_id
                )
            reports.append(translate.order_report(self._account, row))
        for kind in _ALGO_KINDS:
            rows = await self._rest.pages(
                "trade/orders-algo-pending", {"ordType": kind}, AlgoRow, attrgetter("algo_id")
            )
            for each in rows:
                self._note(each)
                reports.append(translate.algo_report(self._account, each))
        return reports

    def _note(self, row: AlgoRow) -> None:
        child_id = row.child_ids[0] if row.child_ids else ""
        key = key_of(row.client_id, row.algo_id)
        known = self._known.note(
            key, row.symbol, is_algo=True, algo_id=row.algo_id, child_id=child_id
        )
        if translate.is_done(row, is_ours=bool(known.order_id)):
            self._known.end_unless_awaited(known)

    # Facts of the account.

    async def fills(self, since_ns: int) -> list[FillReport]:
        is_recent = since_ns > self._rest.clock.now_ns() - _RECENT_FILLS_NS
        place = "trade/fills" if is_recent else "trade/fills-history"
        begin = {"begin": str(since_ns // 1_000_000)} if since_ns else {}
        rows: list[FillRow] = []
        for kind in self._kinds:
            query = {"instType": kind, **begin}
            rows += await self._rest.pages(place, query, FillRow, attrgetter("bill_id"))
        rows.sort(key=_age)
        await self._find_parents(rows)
        return [
            translate.fill_report(self._account, row, self._known.parent_of(row.order_id))
            for row in rows
        ]

    async def fills_of(self, order: OrderReport) -> list[FillReport]:
        """Of one order of the last days."""
        if not Decimal(order.cumulative_quantity):
            return []
        query = {"instId": order.instrument, "ordId": order.venue_order_id}
        rows = await self._rest.pages("trade/fills", query, FillRow, attrgetter("bill_id"))
        rows.sort(key=_age)
        return [translate.fill_report(self._account, row, order.client_order_id) for row in rows]

    async def _find_parents(self, rows: list[FillRow]) -> None:
        """Fills of a triggered order carry no client id. Raises VenueError when it cannot be told
        whose one is: a fill in doubt must not be booked to nobody's order."""
        newest: dict[str, FillRow] = {}
        for row in rows:
            is_told = row.client_id or self._known.parent_of(row.order_id)
            if not is_told and row.order_id not in self._foreign:
                newest[row.order_id] = row
        past_ns = self._rest.clock.now_ns() - _HISTORY_LAG_NS
        if any(translate.time_ns(row.time_ms, "ts") < past_ns for row in newest.values()):
            await self._note_algo_history()
        for order_id, row in newest.items():
            if self._known.parent_of(order_id):
                continue
            if translate.time_ns(row.time_ms, "ts") >= past_ns:
                await self._find_parent(row)
            if not self._known.parent_of(order_id):
                self._foreign[order_id] = None
        while len(self._foreign) > _FOREIGN_MAX:
            del self._foreign[next(iter(self._foreign))]

    async def _find_parent(self, fill: FillRow) -> None:
        """The order itself names the algo order it came from; the history may not have it yet."""
        query = {"instId": fill.symbol, "ordId": fill.order_id}
        try:
            rows = await self._rest.get("trade/order", query, OrderRow)
        except VenueRejected as error:
            raise VenueUnavailable(f"okx: whose fill of {fill.order_id} is: {error}") from error
        if [row.order_id for row in rows] != [fill.order_id]:
            raise VenueProtocolError(f"okx trade/order: not the order {fill.order_id}")
        row = rows[0]
        if row.algo_id or row.algo_client_id:
            key = key_of(row.algo_client_id, row.algo_id)
            self._known.note(
                key, row.symbol, is_algo=True, algo_id=row.algo_id, child_id=row.order_id
            )

    async def _note_algo_history(self) -> None:
        for kind in _ALGO_KINDS:
            query = {"ordType": kind, "state": "effective"}
            for row in await self._rest.pages(
                "trade/orders-algo-history", query, AlgoRow, attrgetter("algo_id")
            ):
                self._note(row)

    async def funding(self, since_ns: int) -> list[FundingReport]:
        is_recent = since_ns > self._rest.clock.now_ns() - _RECENT_BILLS_NS
        place = "account/bills" if is_recent else "account/bills-archive"
        begin = {"begin": str(since_ns // 1_000_000)} if since_ns else {}
        rows = await self._rest.pages(place, {"type": "8", **begin}, BillRow, attrgetter("bill_id"))
        rows.sort(key=_age)
        return [translate.funding_report(self._account, row) for row in rows]

    async def borrow_interest(self, since_ns: int) -> list[BorrowReport]:
        """Paged by time: rows of the same millisecond at the edge of a page are asked again."""
        found: dict[tuple[str, str], BorrowReport] = {}
        after: dict[str, str] = {}
        since_ms = str(max(0, since_ns // 1_000_000 - 1))
        while True:
            query = {"before": since_ms, "limit": "100", **after}
            rows = await self._rest.get("account/interest-accrued", query, InterestRow)
            known = len(found)
            for row in rows:
                report = translate.borrow_report(self._account, row)
                found[report.currency, report.reference] = report
            if len(rows) < 100:
                return sorted(found.values(), key=attrgetter("until_ns"))
            if len(found) == known:
                raise VenueProtocolError("okx account/interest-accrued has no end")
            after = {"after": str(int(rows[-1].time_ms) + 1)}

    async def positions(self) -> list[PositionReport]:
        rows = await self._rest.get("account/positions", {}, PositionRow)
        return translate.position_reports(self._account, rows)

    async def balances(self) -> list[BalanceReport]:
        rows = await self._rest.get("account/balance", {}, BalanceRow)
        if len(rows) != 1:
            raise VenueProtocolError(f"okx account/balance: {len(rows)} rows")
        held: list[PositionRow] = []
        if any(balances.has_isolated(each) for each in rows[0].details):
            held = await self._rest.get("account/positions", {}, PositionRow)
        return balances.balance_reports(self._account, rows[0], held)


def _age(row: FillRow | BillRow) -> tuple[int, int]:
    """Oldest first. Pages are newest first, so rows of one millisecond are told apart by the
    bill, whose numbers only grow."""
    if not row.bill_id.isdigit():
        raise VenueProtocolError(f"okx: billId {row.bill_id[:40]!r} is no number")
    return translate.time_ns(row.time_ms, "ts"), int(row.bill_id)


def _newest_of(rows: list[OrderRow], client_id: str) -> OrderRow | None:
    """An id may be used again after its order has ended; pages come newest first."""
    return next((row for row in rows if translate.own_id(row) == client_id), None)
