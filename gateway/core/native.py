"""The native engine's types for the rooms above core, which may not name gateway._core.

The native calls answer plain tuples; here they get the names of gateway/_core/engine.pyi.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gateway._core.engine import ClientPort as ClientPort  # noqa: PLC0414
    from gateway._core.engine import Engine as Engine  # noqa: PLC0414
    from gateway._core.engine import OrderEvents as OrderEvents  # noqa: PLC0414
    from gateway._core.engine import OrderTemplate as OrderTemplate  # noqa: PLC0414
    from gateway._core.engine import VenuePort as VenuePort  # noqa: PLC0414

__all__ = ["Notice", "OutboundEntry"]


class Notice(NamedTuple):
    """One event for a client port; `kind` is a RecordKind."""

    sequence: int
    request: int
    order_id: int
    kind: int
    refusal: int
    level: int
    limit: int
    current: int
    would_be: int
    working: int


class OutboundEntry(NamedTuple):
    """One thing to send; numbers are decimal text."""

    kind: int
    order_id: int
    epoch: int
    account: int
    instrument: int
    strategy: int
    side: int
    type: int
    time_in_force: int
    flags: int
    leg: int
    price: str
    quantity: str
    trigger_price: str
    display_quantity: str
    expires_ns: int
    venue_order_id: str
