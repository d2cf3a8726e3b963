"""What venues said about orders in their own words, newest orders only; the rest is in the journal.

Never part of the state and never on the way of an order: words decide nothing.
"""

from __future__ import annotations

from collections import OrderedDict

from gateway.core.vocabulary import FACT_REASONS

__all__ = ["VenueWords"]

# A venue that rejects everything must not fill the memory; older words are read from the journal.
_ORDERS_MAX = 16_384
_TEXT_MAX = 200


class VenueWords:
    """Order id -> the venue's last words. Event-loop thread only."""

    def __init__(self) -> None:
        self._texts: OrderedDict[int, str] = OrderedDict()

    def keep(self, order_id: int, text: str) -> None:
        """Remember a text that is more than a FactReason word."""
        if not text or text in FACT_REASONS:
            return
        self._texts[order_id] = text[:_TEXT_MAX]
        self._texts.move_to_end(order_id)
        if len(self._texts) > _ORDERS_MAX:
            self._texts.popitem(last=False)

    def of(self, order_id: int) -> str:
        """ "" when the venue said nothing, or too long ago."""
        return self._texts.get(order_id, "")
