"""One thing that happened to an order, as the journal has it, with the order as it was after it.

Data alone: which message tells it, and to whom, is for services to say.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.vocabulary import CancelReason

__all__ = ["OrderEvent"]


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is the record's (docs/reference/journal_format.md): order_new, order_accepted,
    order_filled, ... `order` is a row as every door has it, after this event and before the next.
    """

    sequence: int  # of the record; unique, rising, the same after a restart
    time_ns: int
    kind: str
    order: dict[str, Any]
    record: dict[str, Any]
    client_order_id: str  # whom it is about: of a pending change that of the change
    original_client_order_id: str = ""  # the one in force before a change, "" for none
    last_quantity: str = ""  # of a fill
    last_price: str = ""
    liquidity: str = ""  # maker, taker or ""
    reference: int = 0  # sequence of the fill that is busted or corrected, 0 = not known
    reason: str = ""  # words of the venue or a code of ours
    cancel_reason: CancelReason | None = None  # of an end that the gateway asked for
    is_ours: bool = True  # a change that was asked for by FIX, else by another door or the gateway
