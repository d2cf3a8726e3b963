"""Requests out: each leaves once, under a name of its own, and ends in one fact: by a report, by
silence, or by the end of the line. Must never send anything twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from gateway.api import (
    CancelRequest,
    OrderRequest,
    ReplaceRequest,
    VenueRateLimited,
    VenueUnavailable,
)
from gateway.api.messages import RequestName
from gateway.transport import Budget, Lane
from gateway.transport.fix_session import Field
from gateway_fix import requests
from gateway_fix.dialect import Dialect
from gateway_fix.known_orders import KnownOrder, KnownOrders, Pending, terms_of
from gateway_fix.link import FixLink
from gateway_fix.order_names import OrderNames
from gateway_fix.records import Records

__all__ = ["OrderEntry"]

_TYPES: Mapping[RequestName, bytes] = {"new": b"D", "cancel": b"F", "replace": b"G"}
_LANES: Mapping[RequestName, Lane] = {"new": "new", "cancel": "cancel", "replace": "new"}


class OrderEntry:
    """`tell(fact, ...)` is the port."""

    def __init__(
        self,
        dialect: Dialect,
        names: OrderNames,
        known: KnownOrders,
        records: Records,
        link: FixLink,
        *,
        budget: Budget,
        terms: requests.Terms,
        tell: Callable[..., None],
        timeout_ms: int,
        counters: Counter[str],
    ) -> None:
        self._dialect, self._names, self._known = dialect, names, known
        self._records, self._link, self._budget, self._terms = records, link, budget, terms
        self._tell, self._timeout_ms, self._counters = tell, timeout_ms, counters
        self._costs = {limit.name: 1 for limit in dialect.rate_limits}
        self._taken_ns = 0  # of the request that is about to leave

    async def submit(self, order: OrderRequest) -> None:
        """D. What did not leave is told so."""
        if not await self._may_leave("new", order.order_id):
            return
        wire_id = self._names.first(order.client_order_id)
        fields = requests.new_order(order, wire_id, self._dialect, self._terms)
        terms = terms_of(order)
        try:
            is_first = self._records.order_sent(
                order.client_order_id, order.instrument, order.side, terms
            )
        except OSError as error:  # what cannot be written down does not leave
            self._kept("new", order.order_id, f"records: {error}")
            return
        known = self._known.sent(order, terms)
        if not self._leave("new", known, wire_id, fields) and is_first:
            self._known.end(known)
            self._records.order_ended(order.client_order_id)

    async def cancel(self, request: CancelRequest) -> None:
        """F."""
        if not await self._may_leave("cancel", request.order_id):
            return
        known = self._named(request)
        wire_id = self._names.next(known.client_id)
        fields = requests.cancel(request, known, wire_id, self._dialect, self._terms)
        self._leave("cancel", known, wire_id, fields)

    async def replace(self, request: ReplaceRequest) -> None:
        """G."""
        if not await self._may_leave("replace", request.order_id):
            return
        known = self._named(request)
        if fault := _unsayable(request, known):
            self._kept("replace", request.order_id, fault)
            return
        wire_id = self._names.next(known.client_id)
        fields = requests.replace(request, known, wire_id, self._dialect, self._terms)
        self._leave("replace", known, wire_id, fields)

    def line_down(self, reason: str) -> None:
        """Whatever had no answer may or may not have happened."""
        for known, pending in self._known.pending():
            pending.timer.cancel()
            del known.pending[pending.request]
            self._counters["requests_unknown"] += 1
            self._tell("unknown", known.order_id, reason[:120], request=pending.request)

    def close(self) -> None:
        """No timer is left."""
        for known, pending in self._known.pending():
            pending.timer.cancel()
            del known.pending[pending.request]

    # Inside.

    def _named(self, request: CancelRequest | ReplaceRequest) -> KnownOrder:
        known = self._known.note(
            self._names.root(request.client_order_id), request.instrument, request.order_id
        )
        record = self._records.orders.get(known.client_id)
        if record is not None:
            known.remember(record.side, record.venue_id, record.terms)
        return known

    async def _may_leave(self, request: RequestName, order_id: int) -> bool:
        """Its turn has come; what is kept after that all the same is `_kept`."""
        try:
            if not self._link.is_up:
                raise VenueUnavailable("not logged on")
            taken_ns = await self._budget.wait(_LANES[request], self._costs, self._timeout_ms)
        except (VenueUnavailable, VenueRateLimited) as error:
            self._not_sent(request, order_id, str(error))
            return False
        self._taken_ns = taken_ns  # nothing is awaited from here until it leaves or is kept
        if not self._link.is_up:
            self._kept(request, order_id, "not logged on any more")
            return False
        return True

    def _kept(self, request: RequestName, order_id: int, reason: str) -> None:
        self._budget.give_back(self._costs, self._taken_ns)
        self._not_sent(request, order_id, reason)

    def _not_sent(self, request: RequestName, order_id: int, reason: str) -> None:
        self._counters["requests_not_sent"] += 1
        fact = "not_sent" if request == "new" else f"{request}_rejected"
        self._tell(fact, order_id, reason[:120])

    def _leave(
        self, request: RequestName, known: KnownOrder, wire_id: str, fields: list[Field]
    ) -> bool:
        """Whether it left."""
        try:
            number = self._link.send(_TYPES[request], fields)
        except VenueUnavailable as error:
            self._kept(request, known.order_id, str(error))
            return False
        before = known.pending.pop(request, None)
        if before is not None:
            before.timer.cancel()
        self._counters["requests_sent"] += 1
        timer = asyncio.get_running_loop().call_later(
            self._timeout_ms / 1_000, self._silent, known, request
        )
        known.pending[request] = Pending(
            request=request,
            wire_id=wire_id,
            number=number,
            received=self._link.received,
            timer=timer,
        )
        return True

    def _silent(self, known: KnownOrder, request: RequestName) -> None:
        """No answer in time. A line that said nothing at all since is no line."""
        pending = known.pending.pop(request, None)
        if pending is None:
            return
        self._counters["requests_unknown"] += 1
        reason = f"no answer in {self._timeout_ms} ms"
        self._tell("unknown", known.order_id, reason, request=request)
        if self._link.received == pending.received:
            self._link.drop(f"silent: {reason}")


def _unsayable(request: ReplaceRequest, known: KnownOrder) -> str:
    """G says the whole order again: why it cannot be said. What it left out would be lost."""
    if known.terms is None:
        return "the order's terms are not in the records"
    is_priced = known.terms.type in ("limit", "stop_limit")
    if is_priced and request.price is None and known.price is None:
        return "the order's price is not known"
    return ""
