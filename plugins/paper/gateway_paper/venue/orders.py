"""One order of the simulated venue and the row it shows on the wire and in the record."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.api.messages import LegName, OrderTypeName, SideName, TimeInForceName, VenueOrderState
from gateway_paper.venue.settings import Listing

__all__ = ["DONE", "Order", "Refused", "SubmitBody"]

DONE = frozenset({"filled", "canceled", "expired", "rejected"})


class Refused(Exception):
    """The venue says no. `code` is a word of the README's table, `status` the HTTP status."""

    def __init__(self, code: str, text: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.status = status


class SubmitBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new order as it comes in. Prices and quantities are decimal text, never JSON numbers."""

    account: str
    client_order_id: str
    instrument: str
    side: SideName
    type: OrderTypeName
    time_in_force: TimeInForceName
    quantity: str
    price: str | None = None
    trigger_price: str | None = None
    expires_ns: int | None = None
    leg: LegName = "net"
    is_post_only: bool = False
    is_reduce_only: bool = False
    display_quantity: str | None = None  # an iceberg shows no more than this


class Order(msgspec.Struct, kw_only=True):
    """Numbers are mantissas in the instrument's scales; 0 = no price."""

    number: int  # the matching engine's id; the venue order id is P + number
    body: SubmitBody
    quantity: int
    price: int = 0
    trigger_price: int = 0
    display_quantity: int = 0
    cumulative: int = 0
    booked_before_entry: int = 0  # filled before the engine got it (again, after a restart)
    state: VenueOrderState = "new"
    is_triggered: bool = False
    reason: str = ""
    created_ns: int = 0
    updated_ns: int = 0
    sequence: int = 0

    @property
    def venue_order_id(self) -> str:
        return f"P{self.number}"

    @property
    def is_done(self) -> bool:
        return self.state in DONE

    @property
    def is_reducing(self) -> bool:
        """May never open or turn a position: asked for, or a closing side of a hedge leg."""
        closing = {"long": "sell", "short": "buy"}.get(self.body.leg)
        return self.body.is_reduce_only or self.body.side == closing

    def row(self, listing: Listing) -> dict[str, Any]:
        body = self.body
        return {
            "account": body.account,
            "client_order_id": body.client_order_id,
            "venue_order_id": self.venue_order_id,
            "instrument": body.instrument,
            "side": body.side,
            "type": body.type,
            "time_in_force": body.time_in_force,
            "leg": body.leg,
            "is_post_only": body.is_post_only,
            "is_reduce_only": body.is_reduce_only,
            "quantity": listing.quantity_text(self.quantity),
            "price": listing.price_text(self.price) if self.price else None,
            "trigger_price": listing.price_text(self.trigger_price) if self.trigger_price else None,
            "expires_ns": body.expires_ns,
            "display_quantity": body.display_quantity,
            "cumulative_quantity": listing.quantity_text(self.cumulative),
            "state": self.state,
            "is_triggered": self.is_triggered,
            "reason": self.reason,
            "created_ns": self.created_ns,
            "venue_time_ns": self.updated_ns,
            "venue_sequence": self.sequence,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any], listing: Listing) -> Order:
        """The order a record row describes."""
        body = msgspec.convert(
            {name: row[name] for name in SubmitBody.__struct_fields__ if name in row}, SubmitBody
        )
        return cls(
            number=int(row["venue_order_id"][1:]),
            body=body,
            quantity=listing.quantity(row["quantity"]),
            price=listing.price(row["price"]) if row["price"] else 0,
            trigger_price=listing.price(row["trigger_price"]) if row["trigger_price"] else 0,
            display_quantity=(
                listing.quantity(body.display_quantity) if body.display_quantity else 0
            ),
            cumulative=listing.quantity(row["cumulative_quantity"]),
            state=row["state"],
            is_triggered=row["is_triggered"],
            reason=row["reason"],
            created_ns=row["created_ns"],
            updated_ns=row["venue_time_ns"],
            sequence=row["venue_sequence"],
        )
