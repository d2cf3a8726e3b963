"""The tradable thing and its rules, as an adapter reads them from its venue."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Instrument", "InstrumentKindName"]

InstrumentKindName = Literal["spot", "linear", "inverse", "quanto"]


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument. Decimal text; scales are decimals of price, quantity and multiplier.

    linear: value = price x quantity x multiplier in `settle`. inverse: value = quantity x
    multiplier / price in `settle` (the base coin). quanto: as linear, in a third currency.
    """

    symbol: str  # our name, unique across venues, e.g. "BTC-USDT.paper"
    venue_symbol: str
    kind: InstrumentKindName
    base: str
    quote: str
    settle: str
    tick: str
    lot: str
    price_scale: int
    quantity_scale: int
    multiplier: str = "1"
    multiplier_scale: int = 0
    quantity_min: str = "0"
    quantity_max: str = "0"  # 0 = the exact range alone bounds it
    notional_min: str = "0"
    is_tradable: bool = True
