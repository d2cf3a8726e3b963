"""Drop copies: sessions that hear what happened to orders of others, and can do nothing.

Every event of an order that the session may see, in the journal's order, once: the event's mark and
the copies are one group of records, so a copy stopped by a crash goes on where it stopped. Nobody
waits for a copy: to one that is not there it is kept in the journal, one that does not read is cut.
"""

from __future__ import annotations

import logging

from gateway.core.engine import Engine
from gateway.entry.fix_acceptor.context import QuietService, SessionContext
from gateway.entry.fix_acceptor.event_pump import EventPump
from gateway.entry.fix_acceptor.order_event import OrderEvent
from gateway.entry.fix_acceptor.reports import send_report
from gateway.entry.fix_answers.answer import MessageForm

__all__ = ["FORMS", "DropCopies"]

log = logging.getLogger(__name__)

FORMS = (
    MessageForm("8", "ExecutionReport", "out", 42, "as for orders of one's own",
                "drop copy: of every order the session's accounts, strategies and instruments "
                "allow, by whatever door it came; 17 is the same as the owner's"),
)  # fmt: skip


class DropCopies(QuietService):
    """Plug it into the door whose pump this is."""

    def __init__(self, engine: Engine, pump: EventPump) -> None:
        self._engine, self._pump = engine, pump
        self._copies: list[SessionContext] = []

    def opened(self, context: SessionContext) -> None:
        if context.settings.kind != "drop_copy":
            return
        self._copies.append(context)
        self._pump.copies = len(self._copies)
        unknown = self._engine.names.all("principal").keys() - self._pump.followed
        for principal in unknown:
            self._pump.follow(principal)
        for row in self._engine.native.orders() if unknown else []:
            self._pump.include(int(row["order_id"]))

    def closed(self, context: SessionContext) -> None:
        if context in self._copies:
            self._copies.remove(context)
            self._pump.copies = len(self._copies)

    def happened(self, event: OrderEvent) -> None:
        for context in self._copies:
            if not _is_copied(context, event):
                continue
            try:
                send_report(context, event)
            except ValueError:  # what this version cannot say; the next report says where it stands
                log.exception("%s: event %d is not copied", context.name, event.sequence)
                context.counters["untold"] += 1


def _is_copied(context: SessionContext, event: OrderEvent) -> bool:
    order = event.order
    return (
        context.may_use("accounts", order["account"])
        and context.may_use("strategies", order["strategy"])
        and context.may_use("instruments", order["instrument"])
    )
