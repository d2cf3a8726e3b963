"""What crosses between the gateway and a venue adapter. Numbers are decimal text, times UTC ns.

Enumerations are the lower-case words below, everywhere: API, adapters, configuration, logs.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "BalanceReport",
    "BorrowReport",
    "CancelRequest",
    "FillCauseName",
    "FillReport",
    "FundingReport",
    "LegName",
    "LiquidityName",
    "MarginCallReport",
    "MarkReport",
    "OrderReport",
    "OrderRequest",
    "OrderTypeName",
    "PositionReport",
    "ReplaceRequest",
    "RequestName",
    "SideName",
    "TimeInForceName",
    "VenueOrderState",
]

SideName = Literal["buy", "sell"]
OrderTypeName = Literal["market", "limit", "stop", "stop_limit"]
TimeInForceName = Literal["day", "gtc", "ioc", "fok", "gtd"]
LegName = Literal["net", "long", "short"]
LiquidityName = Literal["maker", "taker", "unknown"]
FillCauseName = Literal["trade", "liquidation", "deleveraging", "settlement", "delivery"]
RequestName = Literal["new", "cancel", "replace"]
VenueOrderState = Literal[
    "untriggered", "new", "partially_filled", "filled", "canceled", "expired", "rejected"
]


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One new order on its way out. `client_order_id` is ours, unique for ever at this venue."""

    order_id: int
    client_order_id: str
    account: str
    instrument: str  # the venue's own spelling
    side: SideName
    type: OrderTypeName
    time_in_force: TimeInForceName
    quantity: str
    price: str | None = None  # limit price; for a market order the worst price allowed
    trigger_price: str | None = None
    display_quantity: str | None = None
    expires_ns: int | None = None
    leg: LegName = "net"
    is_post_only: bool = False
    is_reduce_only: bool = False


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel one order of ours. `venue_order_id` is empty when the venue never told it."""

    order_id: int
    client_order_id: str
    venue_order_id: str
    account: str
    instrument: str


class ReplaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Change price or total quantity of one order of ours."""

    order_id: int
    client_order_id: str
    venue_order_id: str
    account: str
    instrument: str
    quantity: str
    price: str | None = None


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue sees one order, from a query or a stream."""

    client_order_id: str
    venue_order_id: str
    account: str
    instrument: str
    side: SideName
    type: OrderTypeName
    time_in_force: TimeInForceName
    state: VenueOrderState
    quantity: str
    cumulative_quantity: str
    price: str | None = None
    trigger_price: str | None = None
    leg: LegName = "net"
    reason: str = ""
    venue_time_ns: int = 0
    venue_sequence: int = 0


class FillReport(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. (account, instrument, venue_order_id, trade_id) is applied once, for ever; a
    report without a trade id is refused, for it could not be told from another one."""

    client_order_id: str
    venue_order_id: str
    trade_id: str
    account: str
    instrument: str
    side: SideName
    price: str
    quantity: str
    fee: str  # positive = paid, negative = rebate
    fee_currency: str
    liquidity: LiquidityName = "unknown"
    cause: FillCauseName = "trade"  # anything else is the venue's own doing
    leg: LegName = "net"
    value: str | None = None  # the venue's own value; computed exactly from the price when absent
    venue_time_ns: int = 0
    venue_sequence: int = 0


class PositionReport(msgspec.Struct, frozen=True, kw_only=True):
    """A position as the venue states it; quantity is signed on the net leg, unsigned on others.
    `collateral`: what lies in it when it is isolated, without its unrealised profit, in the
    settlement currency of its instrument; "0" = nothing does, None = the venue does not say.
    `margin_mode`: the venue's own word, never an adapter's guess; None = it does not say, "unknown"
    = what it says is not one of the two, as when it holds one leg in both."""

    account: str
    instrument: str
    leg: LegName
    quantity: str
    collateral: str | None = None
    margin_mode: Literal["cross", "isolated", "unknown"] | None = None
    venue_time_ns: int = 0


class MarginCallReport(msgspec.Struct, frozen=True, kw_only=True):
    """A venue calls for margin, or warns of it, because of one position. `text`: its own numbers,
    for people."""

    account: str
    instrument: str
    leg: LegName
    margin_mode: Literal["cross", "isolated"]
    text: str = ""
    venue_time_ns: int = 0


class BalanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """A balance as the venue states it. `uncertainty`: by how much its own arithmetic may be off;
    a difference up to that is none. `doubt`: why the total cannot be compared with ours as it is,
    "" = it can: a difference is then told and stops nothing, and no opening balance is taken."""

    account: str
    currency: str
    total: str
    uncertainty: str = "0"
    doubt: str = ""


class MarkReport(msgspec.Struct, frozen=True, kw_only=True):
    """Reference prices of one instrument; absent ones are None. Volatile: never journaled."""

    instrument: str
    mark: str | None = None
    bid: str | None = None
    ask: str | None = None
    last: str | None = None
    venue_time_ns: int = 0


class FundingReport(msgspec.Struct, frozen=True, kw_only=True):
    """A funding payment; positive = received. `reference` is unique per account and instrument,
    1-40 bytes, and the same on the stream and in a query: by it a payment is booked once."""

    account: str
    instrument: str
    currency: str
    amount: str
    rate: str
    reference: str
    leg: LegName = "net"
    venue_time_ns: int = 0


class BorrowReport(msgspec.Struct, frozen=True, kw_only=True):
    """Interest on what an account borrowed, for one period; `amount` positive = paid. `reference`
    is unique per account and currency, 1-40 bytes, and the same in every query."""

    account: str
    currency: str
    principal: str
    rate: str
    amount: str
    reference: str
    from_ns: int = 0
    until_ns: int = 0
