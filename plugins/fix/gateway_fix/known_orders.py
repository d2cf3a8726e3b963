"""What this adapter knows of orders in memory: the name in force, the venue's id, the terms a
replace must repeat, and the requests no report has answered yet. Bounded; forgetting costs a
question."""

from __future__ import annotations

import asyncio

import msgspec

from gateway.api import OrderReport, OrderRequest
from gateway.api.messages import RequestName
from gateway_fix.records import OrderTerms

__all__ = ["KnownOrder", "KnownOrders", "Pending", "terms_of"]

_ENDED_MAX = 20_000


class Pending(msgspec.Struct, kw_only=True):
    """One request under way."""

    request: RequestName
    wire_id: str
    number: int  # MsgSeqNum
    received: int  # how much the venue had said when it left
    timer: asyncio.TimerHandle


class KnownOrder(msgspec.Struct, kw_only=True):
    """`order_id` is the gateway's, 0 for an order this process did not send."""

    client_id: str
    symbol: str
    order_id: int = 0
    side: str = ""
    venue_id: str = ""
    current: str = ""  # ClOrdID in force; "" = the first one
    price: str | None = None
    terms: OrderTerms | None = None  # as it was sent; None: it was not, or the records are lost
    is_ended: bool = False
    pending: dict[RequestName, Pending] = {}

    def remember(self, side: str, venue_id: str, terms: OrderTerms | None) -> None:
        """What the records have of it, where nothing newer is known."""
        self.side, self.venue_id = self.side or side, self.venue_id or venue_id
        self.terms = self.terms or terms


class KnownOrders:
    """By client id."""

    def __init__(self) -> None:
        self._orders: dict[str, KnownOrder] = {}
        self._ended: dict[str, None] = {}

    def get(self, client_id: str) -> KnownOrder | None:
        return self._orders.get(client_id)

    def sent(self, order: OrderRequest, terms: OrderTerms) -> KnownOrder:
        """A new order that is about to leave; one of the same name stays what it is."""
        known = self.note(order.client_order_id, order.instrument, order.order_id)
        known.side, known.price, known.terms = order.side, order.price, terms
        return known

    def note(self, client_id: str, symbol: str, order_id: int = 0) -> KnownOrder:
        known = self._orders.get(client_id)
        if known is None:
            known = self._orders[client_id] = KnownOrder(client_id=client_id, symbol=symbol)
        known.order_id = order_id or known.order_id
        return known

    def learn(self, report: OrderReport, wire_id: str) -> None:
        """What the venue tells of an order that works."""
        if not report.client_order_id:
            return
        known = self.note(report.client_order_id, report.instrument)
        known.side, known.price = report.side, report.price
        known.venue_id = report.venue_order_id
        known.current = wire_id or known.current
        if report.state in ("filled", "canceled", "expired", "rejected"):
            self.end(known)

    def end(self, known: KnownOrder) -> None:
        """It may still be asked about; the oldest ended ones are forgotten."""
        known.is_ended = True
        self._ended[known.client_id] = None
        while len(self._ended) > _ENDED_MAX:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self._orders.pop(oldest, None)

    def pending(self) -> list[tuple[KnownOrder, Pending]]:
        """Every request without an answer."""
        return [(each, one) for each in self._orders.values() for one in each.pending.values()]

    def by_number(self, number: int) -> tuple[KnownOrder, Pending] | None:
        """The request that left under this number."""
        return next((pair for pair in self.pending() if pair[1].number == number), None)


def terms_of(order: OrderRequest) -> OrderTerms:
    """What stays the same whatever a replace changes."""
    return OrderTerms(
        type=order.type,
        time_in_force=order.time_in_force,
        trigger_price=order.trigger_price,
        display_quantity=order.display_quantity,
        expires_ns=order.expires_ns,
        is_post_only=order.is_post_only,
        is_reduce_only=order.is_reduce_only,
    )
