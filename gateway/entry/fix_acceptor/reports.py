"""Execution reports: one event of an order as the one message a version has for it.

The matrix of 150, 39 and 20 is the codec's (docs/concepts/fix_codec.md); here is which event is
told, to whom it refers and with which numbers. Must never invent an outcome: what is not known is
told as pending.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gateway.core.vocabulary import CancelReason
from gateway.entry.fix_acceptor.context import SessionContext
from gateway.entry.fix_acceptor.order_event import OrderEvent
from gateway.entry.fix_acceptor.words import NO_ORDER, execution_id, restatement_reason
from gateway.transport.fix_codec import order_status

if TYPE_CHECKING:
    from gateway.transport.fix_codec import EventName

__all__ = [
    "EVENT_NAMES",
    "send_cancel_reject",
    "send_pending",
    "send_rejected",
    "send_report",
    "send_status",
]

Row = dict[str, Any]
_CANCEL_REPLY, _EXECUTION = b"9", b"8"
# Record -> the codec's event; None = a cancel reject, or nothing.
EVENT_NAMES: Mapping[str, EventName] = {
    "order_new": "pending_new",
    "order_accepted": "new",
    "order_rejected": "rejected",
    "order_not_sent": "rejected",
    "order_canceled": "canceled",
    "order_expired": "expired",
    "order_triggered": "triggered",
    "order_replaced": "replaced",
    "order_unknown": "status",
    "order_filled": "fill",
    "fill_busted": "bust",
    "fill_corrected": "correct",
    "cancel_requested": "pending_cancel",
    "replace_requested": "pending_replace",
}
_REJECTED_BY_VENUE_42, _REJECTED_BY_VENUE = 0, 99
_BY_VENUE, _BY_GATEWAY = 0, 1
_LIQUIDITIES = {"maker": "1", "taker": "2"}
# 29 and 30 of a fill by another order here: cross as agent, and the MIC of what no market executed
# (ISO 10383). 574 says how a market matched, and no version before 5.0 has it in an 8.
_CROSSED = {"last_capacity": "2", "last_market": "XOFF"}


def send_report(context: SessionContext, event: OrderEvent) -> bool:
    """Tell an event on a session; False when this session is not told of such."""
    if event.kind in ("cancel_rejected", "replace_rejected"):
        return _send_rejected_change(context, event)
    name = _name_of(context, event)
    if name is None:
        return False
    more: dict[str, Any] = {"text": event.reason}
    if name == "rejected":
        is_old = context.version <= 42
        more["reject_reason"] = _REJECTED_BY_VENUE_42 if is_old else _REJECTED_BY_VENUE
    if name == "canceled" and not event.original_client_order_id:
        why = event.cancel_reason
        more["restatement_reason"] = restatement_reason(why, context.version)
        more["text"] = event.reason if why is None else cancel_word(why)
    if name == "fill" and event.record.get("crossed_with"):
        more |= _CROSSED
    if event.reference:
        more["execution_reference"] = execution_id(event.reference)
    _send_execution(
        context,
        event.order,
        name,
        execution_id=execution_id(event.sequence),
        transact_time_ns=event.time_ns,
        client_order_id=event.client_order_id,
        original_client_order_id=event.original_client_order_id,
        last_price=event.last_price,
        last_quantity=event.last_quantity,
        liquidity=_LIQUIDITIES.get(event.liquidity, ""),
        **more,
    )
    return True


def _name_of(context: SessionContext, event: OrderEvent) -> EventName | None:
    name = EVENT_NAMES.get(event.kind)
    is_pending = name in {"pending_new", "pending_cancel", "pending_replace"}
    if is_pending and not (context.settings.pending_reports and event.is_ours):
        return None
    if name == "triggered":
        is_telling = event.record["by_gateway"] in (_BY_VENUE, _BY_GATEWAY)
        is_telling &= not event.order.get("cross_ms")  # it never waited for a trigger
        return "triggered" if is_telling and context.version >= 50 else None
    if event.kind in ("order_not_sent", "order_rejected") and event.order["state"] == "CANCELED":
        return "canceled"
    if name == "expired" and event.reason == "time_in_force":
        return "canceled"  # what is left of IOC and FOK
    if name == "fill" and not event.client_order_id:
        return None
    return name


def _send_execution(context: SessionContext, order: Row, name: EventName, **more: Any) -> None:
    now_ns = context.now_ns()
    if last := context.last_processed:
        more["last_processed"] = last
    has_id = "execution_id" in more

    def build(number: int) -> bytes:
        if not has_id:
            more["execution_id"] = f"R{context.store.created_ns}.{number}"
        return context.codec.execution_report(
            order, name, sequence=number, sending_time_ns=now_ns, **more
        )

    context.counters["reports"] += 1
    context.send(_EXECUTION, build)


def _fixed(context: SessionContext, order: Row) -> dict[str, Any]:
    last = context.last_processed
    return {"last_processed": last} if last else {}


def send_status(
    context: SessionContext,
    order: Row,
    *,
    client_order_id: str = "",
    request_id: str = "",
    mass_id: str = "",
    total: int = 0,
    is_last: bool = False,
    text: str = "",
    is_possible_resend: bool = False,
) -> None:
    """The order as it is now (150=I; 4.2: 20=3)."""
    _send_execution(
        context,
        order,
        "status",
        transact_time_ns=order["updated_ns"],
        client_order_id=client_order_id or order["client_order_id"],
        status_request_id=request_id,
        mass_status_id=mass_id,
        total_reports=total,
        is_last_report=is_last,
        text=text,
        is_possible_resend=is_possible_resend,
    )


def send_rejected(
    context: SessionContext,
    terms: Mapping[str, Any],
    *,
    reason: int,
    text: str,
    name: EventName = "rejected",
    **more: Any,
) -> None:
    """An order that is none: refused by us, or not known. `terms`: what the message said."""
    order = {
        "order_id": NO_ORDER,
        "state": "REFUSED",
        "pending": "",
        "cumulative_quantity": "0",
        "leaves_quantity": "0",
        "average_price": None,
    } | {name: value for name, value in terms.items() if value not in ("", None)}
    _send_execution(
        context,
        order,
        name,
        transact_time_ns=context.now_ns(),
        client_order_id=str(terms.get("client_order_id", "")),
        reject_reason=reason,
        text=text,
        **more,
    )


def send_pending(context: SessionContext, terms: Mapping[str, Any], text: str) -> None:
    """The engine has not answered: neither accepted nor rejected."""
    order = {"order_id": NO_ORDER, "state": "PENDING_NEW", "pending": ""} | {
        name: value for name, value in terms.items() if value not in ("", None)
    }
    order |= {"cumulative_quantity": "0", "leaves_quantity": order.get("quantity", "0")}
    order["average_price"] = None
    _send_execution(
        context,
        order,
        "pending_new",
        transact_time_ns=context.now_ns(),
        client_order_id=str(terms.get("client_order_id", "")),
        text=text,
    )


def send_cancel_reject(
    context: SessionContext,
    order: Row | None,
    *,
    client_order_id: str,
    original_client_order_id: str,
    is_replace: bool,
    reason: int,
    text: str,
) -> None:
    """35=9; without an order it is an unknown one (37=NONE, 39=8)."""
    now_ns = context.now_ns()
    fixed = _fixed(context, order or {})

    def build(number: int) -> bytes:
        return context.codec.cancel_reject(
            sequence=number,
            sending_time_ns=now_ns,
            order_id=order["order_id"] if order else NO_ORDER,
            client_order_id=client_order_id,
            original_client_order_id=original_client_order_id,
            status=order_status(order) if order else "8",
            response_to="replace" if is_replace else "cancel",
            reason=reason,
            text=text,
            transact_time_ns=now_ns if context.version >= 44 else 0,
            **fixed,
        )

    context.counters["cancel_rejects"] += 1
    context.send(_CANCEL_REPLY, build)


def _send_rejected_change(context: SessionContext, event: OrderEvent) -> bool:
    """The venue said no to a change."""
    if not event.original_client_order_id:
        return False  # asked for by somebody else
    send_cancel_reject(
        context,
        event.order,
        client_order_id=event.client_order_id,
        original_client_order_id=event.original_client_order_id,
        is_replace=event.kind == "replace_rejected",
        reason=2 if context.version <= 42 else 99,
        text=event.reason or "VENUE_REJECTED",
    )
    return True


def cancel_word(reason: CancelReason) -> str:
    """58 of a cancel the gateway asked for."""
    return f"cancelled by the gateway: {reason.name.lower()}"
