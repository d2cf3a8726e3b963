"""Lookups in the one table of refusals, and the refusals that the native engine speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway._core.types import REFUSALS, format_decimal
from gateway.api import RefusedError
from gateway.core.vocabulary import LEVELS, word_of

if TYPE_CHECKING:
    from gateway.core.native import Notice

__all__ = [
    "EngineRefusal",
    "RefusalRow",
    "describe",
    "describe_number",
    "refusal_of",
    "refusing",
    "with_existing",
]


class RefusalRow(NamedTuple):
    """One row of refusals.def."""

    number: int
    name: str
    http_status: int
    fix_order_reject_reason: int
    fix_cancel_reject_reason: int
    sentence: str


_BY_NUMBER = {row[0]: RefusalRow(*row) for row in REFUSALS}
_BY_NAME = {row.name: row for row in _BY_NUMBER.values()}
_UNNAMED = RefusalRow(0, "", 500, 99, 99, "")
# What the numbers of an explained refusal count; the others are whole numbers (ms, orders, states).
_UNITS = {
    "MAX_ORDER_QUANTITY": "quantity",
    "POSITION_LIMIT": "quantity",
    "WOULD_INCREASE": "quantity",
    "MAX_ORDER_NOTIONAL": "amount",
    "EXPOSURE_LIMIT": "amount",
    "CREDIT_LIMIT": "amount",
    "INSUFFICIENT_MARGIN": "amount",
    "LOSS_LIMIT": "amount",
    "DELTA_LIMIT": "amount",
    "GAMMA_LIMIT": "amount",
    "VEGA_LIMIT": "amount",
    "FAT_FINGER": "amount",
    "FAT_FINGER_WARNING": "amount",
    "SELF_TRADE": "price",
    "PRICE_COLLAR": "price",
}
# The field of the command that each refusal of the engine is about; the others are about the state.
_FIELDS = {
    "client_order_id": {"ID_CONFLICT", "CLIENT_ID_STALE", "DUPLICATE_ORDER"},
    "price": {"BAD_TICK", "PRICE_MISSING", "PRICE_NOT_ALLOWED", "PRICE_COLLAR", "SELF_TRADE"},
    "trigger_price": {"TRIGGER_MISSING", "TRIGGER_NOT_ALLOWED"},
    "quantity": {"BAD_LOT", "QUANTITY_RANGE", "MIN_NOTIONAL", "QUANTITY_BELOW_FILLED"}
    | {"MAX_ORDER_QUANTITY", "MAX_ORDER_NOTIONAL", "POSITION_LIMIT", "WOULD_INCREASE"}
    | {"EXPOSURE_LIMIT", "CREDIT_LIMIT", "INSUFFICIENT_MARGIN", "LOSS_LIMIT", "DELTA_LIMIT"}
    | {"GAMMA_LIMIT", "VEGA_LIMIT", "FAT_FINGER", "FAT_FINGER_WARNING"}
    | {"HEADROOM_STALE", "GREEKS_STALE"},
    "type": {"UNSUPPORTED_TYPE"},
    "time_in_force": {"UNSUPPORTED_TIME_IN_FORCE"},
    "expires_ns": {"EXPIRY_MISSING", "EXPIRY_PAST", "EXPIRY_NOT_ALLOWED"},
    "leg": {"BAD_LEG"},
    "cross_ms": {"BAD_CROSS", "CROSS_FULL"},
    "instrument": {"INSTRUMENT_HALTED", "STALE_PRICE", "NO_CONVERSION_RATE"}
    | {"NOT_RECONCILED", "VENUE_DOWN"},
    "principal": {"NOT_PERMITTED"},
    "order_id": {"TOO_LATE_TO_CANCEL", "CANCEL_PENDING", "REPLACE_PENDING", "REPLACE_UNSUPPORTED"},
}
_FIELD_OF = {code: field for field, codes in _FIELDS.items() for code in codes}
_NATIVE = re.compile(r"(?P<code>[A-Z][A-Z0-9_]+)(?: (?P<field>[a-z_0-9.]+))?(?P<rest>.*)", re.S)


class EngineRefusal(RefusedError):
    """A refusal with its numbers: the gate's limit, current, would_be and share of working orders,
    or the id of the order that was there before."""

    def __init__(
        self,
        code: str,
        *,
        field: str = "",
        value: object = "",
        rule: str = "",
        hint: str = "",
        **explained: object,
    ) -> None:
        super().__init__(code, field=field, value=value, rule=rule, hint=hint)
        self.explained = explained


def describe(name: str) -> RefusalRow:
    """The row of a refusal name; an unknown name has number 0 and status 500."""
    return _BY_NAME.get(name, _UNNAMED)


def describe_number(number: int) -> RefusalRow:
    """The row of a refusal number; an unknown one has number 0 and status 500."""
    return _BY_NUMBER.get(number, _UNNAMED)


def refusal_of(
    notice: Notice,
    *,
    values: Mapping[str, object] | None = None,
    price_scale: int = 0,
    quantity_scale: int = 0,
    details: Mapping[str, Any] | None = None,
) -> RefusedError:
    """The error of a notice of kind ORDER_REFUSED, with the field of the command in `values` that
    it is about; numbers as decimal text in the rule's unit. `details` is what the engine knows
    beyond the notice."""
    row = describe_number(notice.refusal)
    field = _FIELD_OF.get(row.name, "")
    value = (values or {}).get(field) or ""
    if notice.level < 0 and not (notice.limit or notice.would_be):
        return RefusedError(row.name, field=field, value=value, rule=row.sentence)
    level = word_of(LEVELS, notice.level) if notice.level >= 0 else None
    unit = _UNITS.get(row.name, "whole")
    scale = {"quantity": quantity_scale, "price": price_scale, "amount": 4, "whole": 0}[unit]
    return EngineRefusal(
        row.name,
        field=field,
        value=value,
        rule=row.sentence,
        level=level,
        # A collar is laid in basis points around a price.
        limit=format_decimal(notice.limit, 0 if row.name == "PRICE_COLLAR" else scale),
        current=format_decimal(notice.current, scale),
        would_be=format_decimal(notice.would_be, scale),
        working=format_decimal(notice.working, scale),
        **_beyond(details, scale, quantity_scale),
    )


def _beyond(details: Mapping[str, Any] | None, scale: int, quantity_scale: int) -> dict[str, Any]:
    """Whose limit it is, who set it and when, what is unknown, and which order would pass."""
    if details is None:
        return {}
    nearest = int(details["nearest_quantity"])
    return {
        "name": details["name"],
        "unknown": format_decimal(details["unknown"], scale),
        "nearest_quantity": format_decimal(nearest, quantity_scale) if nearest else None,
        "limit_actor": details["limit_actor"],
        "limit_reason": details["limit_reason"],
        "limit_set_ns": details["limit_set_ns"],
    }


def with_existing(error: RefusedError, order_id: int) -> RefusedError:
    """The same refusal with the id of the order that stands in the way; 0 = it is forgotten."""
    if not order_id:
        return error
    return EngineRefusal(
        error.code,
        field=error.field,
        value=error.value,
        rule=error.rule,
        hint=f"order {order_id} was there before: GET /v1/orders/{order_id}",
        existing_order_id=str(order_id),
    )


def parse_native(error: ValueError) -> RefusedError | None:
    """`CODE field value: rule` as the native calls raise it; None when it is not a refusal."""
    match = _NATIVE.fullmatch(str(error))
    if match is None or match["code"] not in _BY_NAME:
        return None
    value, _, rule = match["rest"].partition(":")
    sentence = rule.strip() or _BY_NAME[match["code"]].sentence
    return RefusedError(
        match["code"], field=match["field"] or "", value=value.strip(), rule=sentence
    )


class refusing:
    """Turns a native refusal into RefusedError; `values`, or the attributes of `command`, name the
    offending value by field."""

    __slots__ = ("_command", "_values")

    def __init__(self, command: object = None, /, **values: object) -> None:
        self._command, self._values = command, values

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        refused = parse_native(error) if isinstance(error, ValueError) else None
        if refused is None:
            return
        if not refused.value:
            refused = RefusedError(
                refused.code,
                field=refused.field,
                value=self._values.get(refused.field, getattr(self._command, refused.field, "")),
                rule=refused.rule,
            )
        raise refused from error
