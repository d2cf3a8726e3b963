"""Orders over FIX: D, E, F, G, q in, through the desk of every door; H and AF answered; what
happens to the orders of a counterparty told as execution reports.

Must never tell of a refusal what the engine did not say, and never of an outcome nobody knows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor.changes import Changes
from gateway.entry.fix_acceptor.context import Handler, QuietService, SessionContext
from gateway.entry.fix_acceptor.inquiries import Inquiries
from gateway.entry.fix_acceptor.new_orders import NewOrders
from gateway.entry.fix_acceptor.order_event import OrderEvent
from gateway.entry.fix_acceptor.order_tracks import OrderTracks
from gateway.entry.fix_acceptor.reports import send_report
from gateway.transport.fix_session import UNSUPPORTED, BusinessReject, FixMessage

__all__ = ["ORDER_MESSAGES", "OrderEntry"]

log = logging.getLogger(__name__)

ORDER_MESSAGES = (b"D", b"E", b"F", b"G", b"q", b"H", b"AF")


class OrderEntry(QuietService):
    """The service of order-entry sessions. `tell_events` brings the reports up to now."""

    def __init__(self, desk: Desk, tracks: OrderTracks, tell_events: Callable[[], None]) -> None:
        self._by_principal: dict[str, SessionContext] = {}
        self._new_orders = NewOrders(desk, tracks, tell_events)
        self._changes = Changes(desk, tracks, tell_events)
        self._inquiries = Inquiries(desk, tell_events)

    def handlers(self) -> Mapping[bytes, Handler]:
        wanted: tuple[Handler, ...] = (
            self._new_orders.single,
            self._new_orders.group,
            self._changes.cancel,
            self._changes.replace,
            self._changes.mass_cancel,
            self._inquiries.status,
            self._inquiries.mass_status,
        )
        pairs = zip(ORDER_MESSAGES, wanted, strict=True)
        return {kind: _for_order_entry(handler) for kind, handler in pairs}

    def opened(self, context: SessionContext) -> None:
        if context.settings.kind != "order_entry":
            return
        principal = context.settings.principal
        other = self._by_principal.get(principal)
        if other is not None:
            raise ValueError(f"{principal} has the order-entry session {other.name} already")
        self._by_principal[principal] = context

    def closed(self, context: SessionContext) -> None:
        if self._by_principal.get(context.settings.principal) is context:
            del self._by_principal[context.settings.principal]

    def happened(self, event: OrderEvent) -> None:
        context = self._by_principal.get(event.order["principal"])
        if context is None:
            return
        try:
            send_report(context, event)
        except ValueError:  # what this version cannot say; the next report says where it stands
            log.exception("%s: event %d is not told", context.name, event.sequence)
            context.counters["untold"] += 1


def _for_order_entry(handler: Handler) -> Handler:
    async def handle(context: SessionContext, message: FixMessage) -> BusinessReject | None:
        if context.settings.kind != "order_entry":
            return UNSUPPORTED
        return await handler(context, message)

    return handle
