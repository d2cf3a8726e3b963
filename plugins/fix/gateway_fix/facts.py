"""Facts in: reports of the venue become words on the port. Orders this process sent are told as
precise facts, all others as the venue's view of them. Every fill is written down before it is told.

Must never drop a report it can read, nor book one execution twice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from gateway.api import VenueProtocolError
from gateway.api.messages import RequestName
from gateway_fix.dialect import Dialect
from gateway_fix.known_orders import KnownOrder, KnownOrders
from gateway_fix.order_names import has_our_shape
from gateway_fix.records import Records
from gateway_fix.report import Report, number_text

__all__ = ["Facts"]

log = logging.getLogger(__name__)

# 150 that only say that a request arrived.
_PENDING = frozenset({"A", "6", "E"})
_ENDS = frozenset({"4", "C", "3"})


class Facts:
    """`tell(fact, ...)` is the port."""

    def __init__(
        self,
        dialect: Dialect,
        known: KnownOrders,
        records: Records,
        *,
        tell: Callable[..., None],
        counters: Counter[str],
    ) -> None:
        self._dialect, self._known, self._records = dialect, known, records
        self._tell, self._counters = tell, counters

    # Executions.

    def take(self, report: Report) -> None:
        """One ExecutionReport of the stream. Raises VenueProtocolError for what it cannot read;
        the fills in it are told before."""
        known = self._known.get(report.client_id)
        kind = report.kind
        if kind == "H":
            self._bust(report)
        elif kind == "G":
            self._correct(report)
        else:
            self._fills(report)
        if known is None or not known.order_id:
            self._foreign(report)
            return
        was_taken = bool(known.venue_id)
        if kind != "8":  # which may carry an id too, and is no proof that the order lives
            known.venue_id = report.venue_id or known.venue_id
        if kind in {"0", "F", "1", "2"} and not self._is_replace_pending(known, report):
            known.current = known.current or report.wire_id
        self._about(known, report, was_taken)

    def status(self, report: Report) -> None:
        """The answer to a question: what of the venue's total no report has told is booked now."""
        order = report.order()
        self._known.learn(order, self._wire_id_in_force(report))
        if Decimal(report.cumulative) > 0 and report.text(6):
            self._imply(report)
        if order.state in ("filled", "canceled", "expired", "rejected"):
            self._records.order_ended(order.client_order_id, order.venue_order_id)

    def cancel_rejected(self, report: Report) -> None:
        """OrderCancelReject."""
        known = self._known.get(report.client_id) or self._known.get(report.text(41))
        if known is None or not known.order_id:
            self._counters["answers_unasked"] += 1
            return
        request: RequestName = "replace" if report.text(434) == "2" else "cancel"
        pending = self._settle(known, request)
        if pending and report.is_outcome_unknown:
            self._tell("unknown", known.order_id, report.reason, request=request)
        else:
            fact = "replace_rejected" if request == "replace" else "cancel_rejected"
            self._tell(fact, known.order_id, report.reason or f"reason {report.text(102)}")

    def refused(self, number: int, reason: str) -> bool:
        """A Reject or BusinessMessageReject names a message of ours; whether it was a request."""
        found = self._known.by_number(number)
        if found is None:
            return False
        known, pending = found
        self._settle(known, pending.request)
        if any(word in reason for word in self._dialect.unknown_outcomes):
            self._tell("unknown", known.order_id, reason, request=pending.request)
        elif pending.request == "new":
            self._known.end(known)
            self._records.order_ended(known.client_id)
            self._tell("rejected", known.order_id, reason)
        else:
            self._tell(f"{pending.request}_rejected", known.order_id, reason)
        return True

    # Inside.

    def _imply(self, report: Report) -> None:
        """What is missing of a total. Of an order of ours that the records have never seen nothing
        follows: the records were lost, and its fills may be booked already."""
        name = report.client_id
        if not self._records.has(name):
            self._counters["totals_without_records"] += 1
            log.error("order %s is not in the records: its total is not booked", name)
            return
        fill = self._records.implied(
            report.cumulative, number_text(report.message, 6), report.blank_fill()
        )
        if fill is not None:
            self._counters["fills_implied"] += 1
            self._tell("filled", fill)

    def _wire_id_in_force(self, report: Report) -> str:
        return report.wire_id if self._dialect.client_id_tag == 11 else ""

    def _is_replace_pending(self, known: KnownOrder, report: Report) -> bool:
        pending = known.pending.get("replace")
        return pending is not None and pending.wire_id == report.wire_id

    def _fills(self, report: Report) -> None:
        fills = report.fills()
        # 14 is the total after the last of them.
        total = Decimal(report.cumulative) if report.text(14) else None
        totals: list[str] = []
        for fill in reversed(fills):
            totals.append("" if total is None else format(total, "f"))
            total = None if total is None else total - Decimal(fill.quantity)
        for fill, up_to in zip(fills, reversed(totals), strict=True):
            if self._records.fill_told(fill, report.text(17), up_to):
                self._tell("filled", fill)

    def _bust(self, report: Report) -> None:
        change = self._records.busted(report.text(19), report.text(17) or report.text(19))
        if change is None:
            self._counters["busts_unknown"] += 1
        else:
            self._tell("fill_busted", change.fill, change.revision)

    def _correct(self, report: Report) -> None:
        for fill in report.fills():
            by = report.text(17) or report.text(19)
            change = self._records.corrected(report.text(19), by, fill)
            if change is None:
                self._counters["busts_unknown"] += 1
            else:
                self._tell("fill_corrected", change.fill, change.revision)

    def _foreign(self, report: Report) -> None:
        """Somebody else's order on our account, or one of ours from before a restart."""
        if report.kind in _PENDING or report.status == "8":
            return
        try:
            order = report.order()
        except VenueProtocolError as error:
            if has_our_shape(report.client_id):
                raise
            # Of a kind we do not trade; its executions are told.
            self._counters["foreign_unreadable"] += 1
            log.info("an order of somebody else: %s", error)
            return
        self._known.learn(order, self._wire_id_in_force(report))
        if order.state in ("filled", "canceled", "expired"):
            self._records.order_ended(order.client_order_id, order.venue_order_id)
        self._tell("order_seen", order)

    def _about(self, known: KnownOrder, report: Report, was_taken: bool) -> None:
        kind, order_id, at_ns = report.kind, known.order_id, report.time_ns
        if kind == "0":
            self._settle(known, "new")
            is_untriggered = report.state() == "untriggered"
            self._tell(
                "accepted",
                order_id,
                report.venue_id,
                is_untriggered=is_untriggered,
                venue_time_ns=at_ns,
            )
        elif kind in {"F", "1", "2"}:
            self._settle(known, "new")
        elif kind in _ENDS:
            self._ended(known, report)
        elif kind == "5":
            self._replaced(known, report)
        elif kind == "8":
            self._rejected(known, report, was_taken)
        elif kind in self._dialect.triggered_types:
            self._tell("triggered", order_id, venue_time_ns=at_ns)
        elif kind not in _PENDING and kind not in {"G", "H"}:
            self._state_told(known, report)
        if report.status == "2" and kind != "8":
            self._end(known)

    def _state_told(self, known: KnownOrder, report: Report) -> None:
        """A report without an event: restated, or a status nobody asked for."""
        order = report.order()
        if order.state in ("canceled", "expired"):
            self._ended(known, report)
        else:
            self._settle(known, "new")
            self._tell("order_seen", order)

    def _ended(self, known: KnownOrder, report: Report) -> None:
        was_asked = self._settle(known, "cancel")
        self._settle(known, "new")
        self._settle(known, "replace")
        state = report.state()
        fact = (
            "expired" if "C" in {report.kind, report.status} or state == "expired" else "canceled"
        )
        self._tell(
            fact,
            known.order_id,
            "requested" if was_asked else _reason(known),
            cumulative_quantity=report.cumulative,
            venue_time_ns=report.time_ns,
            venue_order_id=report.venue_id,
        )
        self._end(known)

    def _replaced(self, known: KnownOrder, report: Report) -> None:
        self._settle(known, "replace")
        order = report.order()
        if self._dialect.client_id_tag == 11:
            known.current = report.wire_id
        known.price = order.price
        self._tell(
            "replaced",
            known.order_id,
            price=order.price,
            quantity=order.quantity,
            venue_order_id=report.venue_id,
            venue_time_ns=report.time_ns,
        )

    def _rejected(self, known: KnownOrder, report: Report, was_taken: bool) -> None:
        if self._is_replace_pending(known, report):
            self._settle(known, "replace")
            self._tell("replace_rejected", known.order_id, report.reason or "rejected")
            return
        pending = self._settle(known, "new")
        if report.is_duplicate_name or report.is_outcome_unknown:
            # The name is taken, perhaps by this very order: no verdict about it.
            self._tell("unknown", known.order_id, report.reason or "duplicate", request="new")
        elif pending or not was_taken:
            self._end(known)
            reason = report.reason or f"reason {report.text(103)}"
            self._tell("rejected", known.order_id, reason, venue_time_ns=report.time_ns)
        else:
            self._counters["answers_unasked"] += 1

    def _end(self, known: KnownOrder) -> None:
        self._known.end(known)
        self._records.order_ended(known.client_id)

    def _settle(self, known: KnownOrder, request: RequestName) -> bool:
        """Its answer is here; whether one was awaited."""
        pending = known.pending.pop(request, None)
        if pending is not None:
            pending.timer.cancel()
        return pending is not None


def _reason(known: KnownOrder) -> str:
    terms = known.terms
    if terms is None:
        return "venue_decision"
    if terms.time_in_force in ("ioc", "fok") or terms.type == "market":
        return "time_in_force"
    return "post_only" if terms.is_post_only else "venue_decision"
