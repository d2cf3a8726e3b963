"""Where the fields of ORDER_TRADE_UPDATE stand, for the native reader. What is not here
(liquidations, self-trade prevention, words nobody documented) is read by `events` in words.

Event: Order Update, USDS-M futures, 2026-10. Strict wherever `messages.OrderBody` is.
"""

from __future__ import annotations

from gateway.transport import EventPlace, EventReader, EventResult
from gateway_binance.translate import CAUSE_NAMES

__all__ = ["SIDES", "order_reader"]

SIDES = {"BUY": "buy", "SELL": "sell"}
_LEGS = {"BOTH": "net", "LONG": "long", "SHORT": "short"}
_STEPS = dict.fromkeys(("NEW", "TRADE", "CANCELED", "EXPIRED", "AMENDMENT"), "")
_STATES = dict.fromkeys(("NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED"), "")
_PLACES = (
    EventPlace("e", "word", words={"ORDER_TRADE_UPDATE": ""}),
    EventPlace(("o", "s"), "text", "symbol"),
    EventPlace(("o", "c"), "text", "client_order_id", refused_prefixes=CAUSE_NAMES),
    EventPlace(("o", "S"), "word", "side", words=SIDES),
    EventPlace(("o", "o"), "text"),
    EventPlace(("o", "f"), "text"),
    EventPlace(("o", "q"), "number", "quantity"),
    EventPlace(("o", "p"), "number", "price"),
    EventPlace(("o", "x"), "word", "step", words=_STEPS),
    EventPlace(("o", "X"), "word", "state", words=_STATES),
    EventPlace(("o", "i"), "whole", "venue_order_id"),
    EventPlace(("o", "l"), "number", "last_quantity"),
    EventPlace(("o", "z"), "number", "cumulative"),
    EventPlace(("o", "L"), "number", "last_price"),
    EventPlace(("o", "T"), "time_ms", "time"),
    EventPlace(("o", "t"), "whole", "trade_id"),
    EventPlace(("o", "m"), "flag", "liquidity", words={"true": "maker", "false": "taker"}),
    EventPlace(("o", "ps"), "word", "leg", words=_LEGS, is_required=False),
    EventPlace(("o", "ot"), "text", is_required=False),
    EventPlace(("o", "sp"), "number", is_required=False),
    EventPlace(("o", "n"), "number", "fee", is_required=False),
    EventPlace(("o", "N"), "text", "fee_currency", is_required=False, may_be_null=True),
)
_RESULTS = (
    EventResult("NEW", "NEW", "accepted"),
    EventResult("TRADE", "PARTIALLY_FILLED", "filled"),
    EventResult("TRADE", "FILLED", "filled"),
    EventResult("CANCELED", "CANCELED", "canceled", "requested"),
    EventResult("EXPIRED", "EXPIRED", "expired", "time_in_force"),
    EventResult("AMENDMENT", "NEW", "replaced"),
    EventResult("AMENDMENT", "PARTIALLY_FILLED", "replaced"),
)


def order_reader(account: str) -> EventReader:
    """A trade id tells the order of fills."""
    return EventReader(account, _PLACES, _RESULTS, is_sequence_the_trade=True)
