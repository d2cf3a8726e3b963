"""A message of a counterparty as the request every door makes: names resolved, defaults filled in,
the session's own permissions checked. Decides nothing about an order.
"""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.api import RefusedError
from gateway.core.engine import Engine
from gateway.core.vocabulary import CROSS_MS_MAX
from gateway.entry.api_messages import NewOrderMessage
from gateway.entry.fix_acceptor.context import SessionContext
from gateway.entry.fix_acceptor.words import UserTag, wire_bytes
from gateway.transport.fix_codec import FixRequest, decode_request
from gateway.transport.fix_session import BusinessReject, Fault, FixMessage, RejectReason
from gateway.transport.fix_session.answers import session_reject
from gateway.transport.fix_session.message import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Refused",
    "check_permitted",
    "cross_ms_of",
    "decoded",
    "instrument_of",
    "order_message",
    "terms_of",
    "unsupported_of",
    "used_id",
]

_ALLOCATIONS = 78
_PERMITTED = (("accounts", "account"), ("strategies", "strategy"), ("instruments", "instrument"))
_DAY_NS = 86_400_000_000_000


class Refused(Exception):
    """The message was answered on the session layer's own terms; nothing more is to be said."""

    def __init__(self, answer: BusinessReject | None) -> None:
        super().__init__()
        self.answer = answer


def decoded(context: SessionContext, message: FixMessage) -> FixRequest:
    """Typed values. Refused: 35=3 was sent, or 35=j is the answer."""
    request = decode_request(wire_bytes(message))
    if request is None:
        raise Refused(BusinessReject(3, "Unsupported Message Type"))
    if request.fault == "session" and not request.needs_dictionary:
        reason = next(each for each in RejectReason if each == request.fault_reason)
        fault = Fault(reason, request.fault_tag or None)
        number = number_of(b"%d" % request.sequence) or 0
        body = session_reject(message, fault, number, context.session.settings)
        context.counters["session_rejects"] += 1
        context.send(b"3", body)
        raise Refused(None)
    if request.fault == "business":
        text = request.fault_text or "Conditionally required field missing"
        raise Refused(BusinessReject(request.fault_reason, text, tag=request.fault_tag))
    return request


def unsupported_of(request: FixRequest, message: FixMessage) -> str:
    """Why valid FIX is not done here, "" when it is."""
    if request.fault in ("unsupported", "session"):
        return f"UNSUPPORTED_TYPE tag {request.fault_tag}: {request.fault_text}"
    if message.get(_ALLOCATIONS) is not None:
        return "UNSUPPORTED_TYPE tag 78: allocations are not done here"
    return ""


def used_id(client_order_id: str) -> RefusedError:
    """What is refused for its 11."""
    rule = "this ClOrdID was used before"
    return RefusedError("ID_CONFLICT", field="client_order_id", value=client_order_id, rule=rule)


def instrument_of(engine: Engine, request: FixRequest) -> str:
    """Our name: 55 as it is, or 55 at the venue of 207 or 100."""
    names = engine.names
    if names.find("instrument", request.symbol):
        return request.symbol
    for venue in (request.exchange, request.destination):
        if venue and names.find("instrument", f"{request.symbol}.{venue}"):
            return f"{request.symbol}.{venue}"
    rule = "55 is the name of an instrument, or its first part with the venue in 207"
    raise RefusedError("UNKNOWN_INSTRUMENT", field="instrument", value=request.symbol, rule=rule)


def order_message(
    context: SessionContext, engine: Engine, request: FixRequest, message: FixMessage
) -> NewOrderMessage:
    """The order as every door has it. RefusedError names what the session may not do."""
    values: dict[str, Any] = {
        "client_order_id": request.client_order_id,
        "account": request.account or _only(context, "accounts", "account"),
        "instrument": instrument_of(engine, request),
        "strategy": _text(message, UserTag.STRATEGY) or _first(context),
        "side": request.side,
        "type": request.type,
        "time_in_force": request.time_in_force,
        "quantity": request.quantity,
        "price": request.price,
        "trigger_price": request.trigger_price,
        "display_quantity": request.display_quantity,
        "expires_ns": _expiry(request) or None,
        "leg": _text(message, UserTag.LEG) or "net",
        "post_only": request.is_post_only,
        "reduce_only": request.is_reduce_only,
        "emulate": message.is_set(UserTag.EMULATE),
        "cross_ms": cross_ms_of(message) or None,
    }
    check_permitted(context, values)
    try:
        return msgspec.convert(values, NewOrderMessage)
    except msgspec.ValidationError as error:
        code = "BAD_CLIENT_ID" if "client_order_id" in str(error) else "BAD_SYMBOL"
        raise RefusedError(code, rule=str(error)) from error


def cross_ms_of(message: FixMessage) -> int:
    """5004, 0 when it is absent. RefusedError for what is no time to be kept."""
    value = message.get(UserTag.CROSS_MS)
    if value is None:
        return 0
    number = number_of(value)
    if number is None or not 1 <= number <= CROSS_MS_MAX:
        rule = f"{UserTag.CROSS_MS} is a whole number of milliseconds, 1 to {CROSS_MS_MAX}"
        raise RefusedError("RANGE", field="cross_ms", value=_text(message, UserTag.CROSS_MS),
                           rule=rule)  # fmt: skip
    return number


def terms_of(request: FixRequest) -> dict[str, Any]:
    """What a rejection repeats of the order."""
    return {
        "client_order_id": request.client_order_id,
        "account": request.account,
        "instrument": request.symbol,
        "side": request.side,
        "type": request.type,
        "time_in_force": request.time_in_force,
        "quantity": request.quantity,
        "price": request.price,
        "trigger_price": request.trigger_price,
    }


def check_permitted(context: SessionContext, values: Mapping[str, Any]) -> None:
    """Account, strategy and instrument of an order, against the session's own lists."""
    for kind, field in _PERMITTED:
        if not context.may_use(kind, values[field]):
            rule = f"session {context.name} has other {kind}"
            raise RefusedError("NOT_PERMITTED", field=field, value=values[field], rule=rule)


def _only(context: SessionContext, kind: str, field: str) -> str:
    allowed = getattr(context.settings, kind)
    if allowed != "all" and len(allowed) == 1:
        return str(allowed[0])
    raise RefusedError("MISSING_FIELD", field=field, rule="1 is required on this session")


def _first(context: SessionContext) -> str:
    allowed = context.settings.strategies
    if allowed != "all" and allowed:
        return str(allowed[0])
    rule = f"{UserTag.STRATEGY} is required on this session"
    raise RefusedError("MISSING_FIELD", field="strategy", rule=rule)


def _text(message: FixMessage, tag: int) -> str:
    return (message.get(tag) or b"").decode("latin-1")


def _expiry(request: FixRequest) -> int:
    """126, or the end of the day 432 names, UTC."""
    if request.expires_ns or not request.expire_date:
        return request.expires_ns
    date = request.expire_date
    try:
        begin = calendar.timegm((date // 10_000, date // 100 % 100, date % 100, 0, 0, 0))
    except (ValueError, OverflowError) as error:
        raise RefusedError("RANGE", field="expires_ns", value=date, rule="a day in 432") from error
    return begin * 1_000_000_000 + _DAY_NS - 1
