"""From what a venue says about an order to the facts the engine understands.

Pure: a local row and the venue's report go in, a list of facts comes out. It never invents a fill:
executed quantity enters through fill reports alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gateway.api import OrderReport
from gateway.core.vocabulary import (
    LEGS,
    ORDER_FLAGS,
    ORDER_TYPES,
    SIDES,
    TERMINAL_STATES,
    TIMES_IN_FORCE,
    fact_reason,
)
from gateway.venues.in_flight import RequestKind

if TYPE_CHECKING:
    from gateway.core.native import VenuePort

__all__ = ["ANSWERS", "Fact", "FactKind", "facts_of_report", "is_enlarged", "lacks_fills"]

FactKind = Literal[
    "accepted",
    "rejected",
    "not_sent",
    "triggered",
    "canceled",
    "expired",
    "replaced",
    "cancel_rejected",
    "replace_rejected",
    "adopted",
]
# The requests in flight that a fact answers; () = every one of its order.
ANSWERS: dict[FactKind, tuple[RequestKind, ...]] = {
    "accepted": ("new",),
    "rejected": ("new",),
    "not_sent": ("new",),
    "triggered": ("new",),
    "canceled": (),
    "expired": (),
    "replaced": ("replace",),
    "cancel_rejected": ("cancel",),
    "replace_rejected": ("replace",),
    "adopted": ("new",),
}
_UNACKNOWLEDGED = ("PENDING_NEW", "UNKNOWN")


class Fact(msgspec.Struct, frozen=True):
    """One thing a venue told about one order, in words; `put` writes it in numbers."""

    kind: FactKind
    order_id: int
    reason: str = ""
    venue_order_id: str = ""
    is_untriggered: bool = False
    cumulative_quantity: str = ""
    price: str = ""
    quantity: str = ""
    venue_time_ns: int = 0
    venue_sequence: int = 0
    adopted: tuple[Any, ...] = ()

    @classmethod
    def adoption(cls, report: OrderReport, *, account: int, instrument: int, is_ours: bool) -> Fact:
        """An order of the venue that the journal lacks, booked to EXTERNAL."""
        flags = 0 if is_ours else ORDER_FLAGS["external"]
        numbers = (SIDES[report.side], ORDER_TYPES[report.type])
        tail = (report.quantity, report.cumulative_quantity)
        ids = (report.venue_order_id, report.client_order_id)
        terms = (TIMES_IN_FORCE[report.time_in_force], flags, LEGS[report.leg])
        adopted = (account, instrument, 0, *numbers, *terms, report.price or "", *tail, *ids)
        return cls("adopted", 0, adopted=adopted)

    def answers(self) -> tuple[RequestKind, ...]:
        """Which requests in flight this fact answers; () = every one of the order."""
        return ANSWERS[self.kind]

    def put(self, port: VenuePort, evidence: int) -> bool:
        """Write the fact; False = the lane is full, call again."""
        number, text = fact_reason(self.reason), self.reason[:32]
        at = (self.venue_time_ns, self.venue_sequence, evidence)
        match self.kind:
            case "accepted":
                return port.accepted(self.order_id, self.venue_order_id, self.is_untriggered, *at)
            case "rejected":
                return port.rejected(self.order_id, number, text, self.venue_time_ns, evidence)
            case "not_sent":
                return port.not_sent(self.order_id, number, text, evidence)
            case "triggered":
                return port.triggered(self.order_id, self.venue_time_ns)
            case "canceled":
                end = (self.cumulative_quantity, *at, self.venue_order_id)
                return port.canceled(self.order_id, number, text, *end)
            case "expired":
                end = (self.cumulative_quantity, *at, self.venue_order_id)
                return port.expired(self.order_id, number, text, *end)
            case "replaced":
                ids = (self.price, self.quantity, self.venue_order_id)
                return port.replaced(self.order_id, *ids, *at)
            case "cancel_rejected":
                return port.cancel_rejected(self.order_id, number, text)
            case "replace_rejected":
                return port.replace_rejected(self.order_id, number, text)
            case "adopted":
                return port.adopt(*self.adopted)


def _at_venue(row: Mapping[str, Any], key: str) -> Decimal:
    """A quantity of our row as the venue counts it: without what was crossed here."""
    return Decimal(str(row[key])) - Decimal(str(row.get("crossed_quantity") or 0))


def lacks_fills(row: Mapping[str, Any], report: OrderReport) -> bool:
    """True when the venue has executed more of the order than we have fills for."""
    return Decimal(report.cumulative_quantity) > _at_venue(row, "cumulative_quantity")


def facts_of_report(
    order_id: int, row: Mapping[str, Any], report: OrderReport, *, is_proof: bool = False
) -> list[Fact]:
    """What the report adds to the local row. `is_proof`: it was asked late enough after the last
    request, so a pending cancel or replace that shows no effect has failed."""
    state = str(row["state"])
    if is_enlarged(row, report):
        return [_replaced(order_id, report), *_end_of(order_id, row, report)]
    if state in TERMINAL_STATES:
        return []
    match report.state:
        case "rejected" if state in _UNACKNOWLEDGED:
            return [
                Fact("rejected", order_id, reason=report.reason, venue_time_ns=report.venue_time_ns)
            ]
        case "canceled" | "expired" | "rejected":
            return _ended(order_id, row, report)
        case "filled":
            # The fills themselves end the order, but a replace may have made it smaller before.
            return _working(order_id, row, report) + _new_terms(order_id, row, report)
        case _:
            return _working(order_id, row, report) + _pending(
                order_id, row, report, is_proof=is_proof
            )


def is_enlarged(row: Mapping[str, Any], report: OrderReport) -> bool:
    """True when our order is complete and the venue's is not: a replace made it larger unheard."""
    return row["state"] == "FILLED" and Decimal(report.quantity) > _at_venue(row, "quantity")


def _ended(order_id: int, row: Mapping[str, Any], report: OrderReport) -> list[Fact]:
    return _working(order_id, row, report) + _end_of(order_id, row, report)


def _end_of(order_id: int, row: Mapping[str, Any], report: OrderReport) -> list[Fact]:
    """The last word about an order that did not execute completely."""
    if report.state not in ("canceled", "expired", "rejected"):
        return []
    kind: FactKind = "expired" if report.state == "expired" else "canceled"
    reason = report.reason or ("requested" if "cancel" in str(row["pending"]) else "venue_decision")
    return [
        Fact(
            kind,
            order_id,
            reason=reason,
            cumulative_quantity=report.cumulative_quantity,
            venue_time_ns=report.venue_time_ns,
            venue_sequence=report.venue_sequence,
        ),
    ]


def _working(order_id: int, row: Mapping[str, Any], report: OrderReport) -> list[Fact]:
    is_untriggered = report.state == "untriggered"
    if row["state"] in _UNACKNOWLEDGED:
        return [
            Fact(
                "accepted",
                order_id,
                venue_order_id=report.venue_order_id,
                is_untriggered=is_untriggered,
                venue_time_ns=report.venue_time_ns,
                venue_sequence=report.venue_sequence,
            )
        ]
    return _left(order_id, row, report) if row["state"] == "UNTRIGGERED" else []


def _left(order_id: int, row: Mapping[str, Any], report: OrderReport) -> list[Fact]:
    """Of an order that waits, here or there. One without the venue's id is held here as far as the
    journal goes: it left, and the record of that is lost."""
    at, venue_order_id = report.venue_time_ns, report.venue_order_id
    was_triggered = report.state in ("new", "partially_filled", "filled")
    left = Fact(
        "accepted",
        order_id,
        venue_order_id=venue_order_id,
        is_untriggered=not was_triggered,
        venue_time_ns=at,
    )
    is_news = not row["venue_order_id"] and (venue_order_id or was_triggered)
    triggered = Fact("triggered", order_id, venue_time_ns=at)
    return [left] * bool(is_news) + [triggered] * was_triggered


def _pending(
    order_id: int,
    row: Mapping[str, Any],
    report: OrderReport,
    *,
    is_proof: bool,
) -> list[Fact]:
    if terms := _new_terms(order_id, row, report):
        return terms
    if not is_proof:
        return []
    if "replace" in str(row["pending"]):
        return [Fact("replace_rejected", order_id, reason="not in force at the venue")]
    if "cancel" in str(row["pending"]):
        return [Fact("cancel_rejected", order_id, reason="still open at the venue")]
    return []


def _new_terms(order_id: int, row: Mapping[str, Any], report: OrderReport) -> list[Fact]:
    return [] if _same_terms(row, report) else [_replaced(order_id, report)]


def _replaced(order_id: int, report: OrderReport) -> Fact:
    return Fact(
        "replaced",
        order_id,
        price=report.price or "",
        quantity=report.quantity,
        venue_order_id=report.venue_order_id,
        venue_time_ns=report.venue_time_ns,
        venue_sequence=report.venue_sequence,
    )


def _same_terms(row: Mapping[str, Any], report: OrderReport) -> bool:
    if _at_venue(row, "quantity") != Decimal(report.quantity):
        return False
    if row["price"] is None or report.price is None or report.type in ("market", "stop"):
        return True
    return Decimal(str(row["price"])) == Decimal(report.price)
