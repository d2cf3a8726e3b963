"""Facts in: rows of the sockets become words on the port. Orders this process sent are told as
precise facts, all others as the venue's view of them. Never filters, orders or sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import msgspec

from gateway.api import MarkReport, PositionReport, VenueProtocolError
from gateway.transport import VenueFact
from gateway_okx import translate
from gateway_okx.event_table import order_reader
from gateway_okx.known_orders import KnownOrder, KnownOrders, key_of
from gateway_okx.rest import read_rows
from gateway_okx.rows import AlgoRow, EventRow, MarkRow, OrderRow, PositionRow, TickerRow

__all__ = ["Facts"]


class Facts:
    """`tell(fact, ...)` is the port."""

    def __init__(
        self,
        account: str,
        known: KnownOrders,
        *,
        tell: Callable[..., None],
        counters: Counter[str],
        told: Callable[[VenueFact], None] | None = None,
    ) -> None:
        """`told` takes what the native reader reads; without it every push is read in words."""
        self._account = account
        self._known = known
        self._tell = tell
        self._counters = counters
        self._marks: dict[str, MarkReport] = {}
        # Symbol and leg: what was told last of each mode it is held in.
        self._modes: dict[tuple[str, str], dict[str, PositionReport]] = {}
        self._told = told
        self._reader = order_reader(account)
        self.counts = self._reader.counts

    def take_frame(self, data: bytes) -> bool:
        """Whether a frame is told, before anything of it is read in words: a push of one row about
        an order that this process sent. False has changed nothing."""
        reader = self._reader
        if self._told is None or not (result := reader.read(data)):
            return False
        fact = reader.fact
        known = self._known.get(fact.client_order_id)
        if known is None or not known.order_id or known.is_algo:
            reader.decline()
            return False
        fact.address(known.client_id, known.order_id)
        self._told(fact)
        step, state = reader.results[result - 1].step, reader.results[result - 1].state
        if known.awaited == "new" or (known.awaited == "replace" and step):
            known.awaited = ""
        if state in ("filled", "canceled"):
            self._known.end(known)
        return True

    def take(self, channel: str, data: list[msgspec.Raw]) -> bool:
        """One push of a private socket; True = funding was paid. Every readable row is told, then
        the first that was not raises VenueProtocolError."""
        failed: VenueProtocolError | None = None
        is_funding = False
        for raw in data:
            try:
                is_funding |= self._take_one(channel, raw)
            except VenueProtocolError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return is_funding

    def _take_one(self, channel: str, raw: msgspec.Raw) -> bool:
        if channel == "orders":
            self._on_order(read_rows([raw], OrderRow, channel)[0])
        elif channel == "orders-algo":
            self._on_algo(read_rows([raw], AlgoRow, channel)[0])
        elif channel == "positions":
            self._on_position(read_rows([raw], PositionRow, channel)[0])
        elif channel == "balance_and_position":
            return read_rows([raw], EventRow, channel)[0].event == "funding_fee"
        else:
            self._counters["pushes_unasked"] += 1
        return False

    def _on_position(self, row: PositionRow) -> None:
        """Flat positions are told too; those of MARGIN are balances. A leg may be held in both
        modes at once, each with a row of its own."""
        if row.kind == "MARGIN":
            return
        report = translate.position_report(self._account, row)
        held = self._modes.setdefault((row.symbol, report.leg), {})
        if Decimal(report.quantity):
            held[row.mode] = report
        elif held.pop(row.mode, None) is not None and held:
            (report,) = held.values()
        elif held:
            return
        if len(held) > 1:
            report = translate.in_both_modes(report)
        self._tell("position_seen", report)

    def forget_positions(self) -> None:
        """A line is down: what the next one shows of positions is all there is."""
        self._modes.clear()

    # Plain orders.

    def _on_order(self, row: OrderRow) -> None:
        report = translate.order_report(self._account, row)  # reads every word before one is told
        fill = translate.fill_of_push(self._account, row)
        client_id = translate.own_id(row)
        known = self._known.get(key_of(client_id, row.order_id))
        if row.algo_client_id and not row.client_id:
            known = self._known.note(
                client_id, row.symbol, is_algo=True, algo_id=row.algo_id, child_id=row.order_id
            )
        if fill is not None:
            self._tell("filled", fill)
        if known is None or not known.order_id:
            self._tell("order_seen", report)
            if known is not None and report.state in ("filled", "canceled"):
                self._known.end(known)
            return
        if known.awaited == "new" or (known.awaited == "replace" and row.amend_result):
            known.awaited = ""
        self._tell_order(known, row, report.reason)
        if report.state in ("filled", "canceled"):
            self._known.end(known)

    def _tell_order(self, known: KnownOrder, row: OrderRow, reason: str) -> None:
        order_id, at_ns = known.order_id, translate.time_ns(row.updated_ms, "uTime")
        if row.amend_result == "0":
            self._tell(
                "replaced",
                order_id,
                price=row.price or None,
                quantity=row.size,
                venue_order_id=row.order_id,
                venue_time_ns=at_ns,
            )
        elif row.amend_result == "-1":
            self._tell("replace_rejected", order_id, f"{row.code} {row.msg}"[:120])
        if row.state in ("canceled", "mmp_canceled"):
            self._tell(
                "canceled",
                order_id,
                reason,
                cumulative_quantity=row.filled,
                venue_time_ns=at_ns,
                venue_order_id=row.order_id,
            )
        elif row.state == "live" and known.is_algo:
            self._tell("triggered", order_id, venue_time_ns=at_ns)
        elif row.state == "live" and not row.amend_result:
            self._tell("accepted", order_id, row.order_id, venue_time_ns=at_ns)

    # Algo orders.

    def _on_algo(self, row: AlgoRow) -> None:
        report = translate.algo_report(self._account, row)
        child_id = row.child_ids[0] if row.child_ids else ""
        key = key_of(row.client_id, row.algo_id)
        known = self._known.note(
            key, row.symbol, is_algo=True, algo_id=row.algo_id, child_id=child_id
        )
        if not known.order_id:
            self._tell("order_seen", report)
            if translate.is_done(row, is_ours=False):
                self._known.end(known)
        elif row.state == "live":
            known.awaited = "" if known.awaited == "new" else known.awaited
            self._tell("accepted", known.order_id, row.algo_id, is_untriggered=True)
        elif row.state in ("effective", "partially_effective"):
            self._tell("triggered", known.order_id, venue_time_ns=report.venue_time_ns)
        elif row.state in ("canceled", "order_failed"):
            self._tell(
                "canceled",
                known.order_id,
                report.reason or "requested",
                cumulative_quantity="0",
                venue_time_ns=report.venue_time_ns,
                venue_order_id=row.algo_id,
            )
            self._known.end(known)

    # The market.

    def take_market(self, channel: str, data: list[msgspec.Raw]) -> None:
        """One push of prices."""
        if channel == "mark-price":
            for mark in read_rows(data, MarkRow, channel):
                self._mark(mark.symbol, mark=_price(mark.mark, "markPx"), time_ms=mark.time_ms)
        elif channel == "tickers":
            for row in read_rows(data, TickerRow, channel):
                self._mark(
                    row.symbol,
                    bid=_price(row.bid, "bidPx"),
                    ask=_price(row.ask, "askPx"),
                    last=_price(row.last, "last"),
                    time_ms=row.time_ms,
                )

    def _mark(self, symbol: str, *, time_ms: str, **prices: str | None) -> None:
        """Mark and ticker come apart; what is told holds the newest of both."""
        held = self._marks.get(symbol) or MarkReport(instrument=symbol)
        stamp = translate.time_ns(time_ms, "ts")
        held = msgspec.structs.replace(held, venue_time_ns=stamp, **prices)
        self._marks[symbol] = held
        self._tell("marked", held)


def _price(text: str, field: str) -> str | None:
    """Empty while there is no such price."""
    return translate.number(text, field) if text else None
