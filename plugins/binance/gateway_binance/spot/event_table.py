"""Where the fields of executionReport stand, for the native reader. Orders that wait for a price,
cancellations (they bear another name than the order) and whatever is rare are read by `events` in
words.

user-data-stream.md of binance-spot-api-docs, read 2026-11. Strict wherever
`messages.ExecutionReport` is.
"""

from __future__ import annotations

from gateway.transport import EventPlace, EventReader, EventResult
from gateway_binance.event_table import SIDES

__all__ = ["order_reader"]

_TYPES = dict.fromkeys(("LIMIT", "LIMIT_MAKER", "MARKET"), "")  # no stops: they may be waiting
_PLACES = (
    EventPlace("e", "word", words={"executionReport": ""}),
    EventPlace("s", "text", "symbol"),
    EventPlace("c", "text", "client_order_id"),
    EventPlace("C", "word", words={"": ""}, is_required=False),  # else `c` is of a cancel
    EventPlace("S", "word", "side", words=SIDES),
    EventPlace("o", "word", words=_TYPES),
    EventPlace("f", "text"),
    EventPlace("q", "number", "quantity"),
    EventPlace("p", "number", "price"),
    EventPlace("x", "word", "step", words=dict.fromkeys(("NEW", "TRADE", "EXPIRED"), "")),
    EventPlace(
        "X",
        "word",
        "state",
        words=dict.fromkeys(("NEW", "PARTIALLY_FILLED", "FILLED", "EXPIRED"), ""),
    ),
    EventPlace("i", "whole", "venue_order_id"),
    EventPlace("l", "number", "last_quantity"),
    EventPlace("z", "number", "cumulative"),
    EventPlace("L", "number", "last_price"),
    EventPlace("T", "time_ms", "time"),
    EventPlace("t", "whole", "trade_id"),
    EventPlace("m", "flag", "liquidity", words={"true": "maker", "false": "taker"}),
    EventPlace("P", "number", is_required=False),
    EventPlace("r", "text", is_required=False),
    EventPlace("n", "number", "fee", is_required=False),
    EventPlace("N", "text", "fee_currency", is_required=False, may_be_null=True),
    EventPlace("w", "flag", words={"true": "", "false": ""}, is_required=False),
)
_RESULTS = (
    EventResult("NEW", "NEW", "accepted"),
    EventResult("TRADE", "PARTIALLY_FILLED", "filled"),
    EventResult("TRADE", "FILLED", "filled"),
    EventResult("EXPIRED", "EXPIRED", "expired", "time_in_force"),
)


def order_reader(account: str) -> EventReader:
    """A trade id tells the order of fills."""
    return EventReader(account, _PLACES, _RESULTS, is_sequence_the_trade=True)
