"""Where the fields of a push of `orders` stand, for the native reader: one row, of a plain order.
What is not here (orders behind a trigger, liquidations, a fill beside an amendment or a
cancellation) is read by `facts` in words.

docs-v5, WS order channel, copy of 2026-06-15. Strict wherever `rows.Frame` and `rows.OrderRow` are.
"""

from __future__ import annotations

from gateway.transport import ONLY_ROW, EventPlace, EventReader, EventResult
from gateway.transport.venue_events import PlaceKind, PlaceRole
from gateway_okx.translate import CANCEL_REASONS, LIQUIDITIES, SIDES, TRADE_CATEGORIES, TYPES

__all__ = ["order_reader"]

_LEGS = {"net": "net", "": "net", "long": "long", "short": "short"}
_NOTHING = {"": ""}
_STATES = dict.fromkeys(("live", "partially_filled", "filled", "canceled"), "")


def _row(
    name: str,
    kind: PlaceKind = "text",
    role: PlaceRole = "",
    *,
    words: dict[str, str] | None = None,
    is_required: bool = True,
    may_be_empty: bool = False,
) -> EventPlace:
    return EventPlace(
        ("data", ONLY_ROW, name),
        kind,
        role,
        words=words or {},
        is_required=is_required,
        may_be_empty=may_be_empty,
    )


_FRAME = (
    EventPlace(("arg", "channel"), "word", words={"orders": ""}),
    EventPlace(("arg", "instId"), "text", is_required=False),
    EventPlace(("arg", "instType"), "text", is_required=False),
    EventPlace("event", "word", words=_NOTHING, is_required=False),
    *(EventPlace(name, "text", is_required=False) for name in ("code", "msg", "id", "op")),
)
_ORDER = (
    _row("instId", role="symbol"),
    _row("instType"),
    _row("ordId", role="venue_order_id"),
    _row("clOrdId", role="client_order_id"),
    _row("algoId", "word", words=_NOTHING, is_required=False),
    _row("algoClOrdId", "word", words=_NOTHING, is_required=False),
    _row("side", "word", "side", words=dict(SIDES)),
    _row("posSide", "word", "leg", words=_LEGS),
    _row("ordType", "word", words=dict.fromkeys(TYPES, "")),
    _row("state", "word", "state", words=_STATES),
    _row("sz", "number", "quantity"),
    _row("px", "number", "price", may_be_empty=True),
    _row("accFillSz", "number", "cumulative"),
    _row("uTime", "text_time_ms", "order_time"),
    _row("cTime"),
    _row("category", "word", words=dict.fromkeys(TRADE_CATEGORIES, "")),
    _row("cancelSource", "word", "reason", words={"": "venue_decision", **CANCEL_REASONS}),
    _row("tgtCcy", is_required=False),
    _row("amendResult", "word", "step", words={"": "", "0": ""}, is_required=False),
    _row("code", is_required=False),
    _row("msg", is_required=False),
)
_FILL = (
    _row("tradeId", role="trade_id", is_required=False),
    _row("fillPx", "number", "last_price", may_be_empty=True, is_required=False),
    _row("fillSz", "number", "last_quantity", may_be_empty=True, is_required=False),
    _row("fillTime", "text_time_ms", "fill_time", may_be_empty=True, is_required=False),
    _row("fillFee", "number", "fee", may_be_empty=True, is_required=False),
    _row("fillFeeCcy", role="fee_currency", is_required=False),
    _row("execType", "word", "liquidity", words=dict(LIQUIDITIES), is_required=False),
)
_RESULTS = (
    EventResult("", "live", "accepted"),
    EventResult("", "partially_filled", "filled"),
    EventResult("", "filled", "filled"),
    EventResult("", "canceled", "canceled"),
    EventResult("0", "live", "replaced"),
    EventResult("0", "partially_filled", "replaced"),
)


def order_reader(account: str) -> EventReader:
    """OKX writes a fee that was charged below zero."""
    return EventReader(account, (*_FRAME, *_ORDER, *_FILL), _RESULTS, is_fee_negated=True)
