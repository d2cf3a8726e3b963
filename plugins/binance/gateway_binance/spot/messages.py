"""The documents of Binance Spot that the adapter reads, as types: what is declared must be there
and of that kind, everything else is passed over. Numbers that are money stay text.

rest-api.md, web-socket-api.md and user-data-stream.md of binance-spot-api-docs; Margin Account
Details and Get Interest History of Margin Trading, developers.binance.com; read 2026-11.
"""

from __future__ import annotations

import msgspec

from gateway_binance.messages import FilterRow, ListedRow, Number

__all__ = [
    "AccountRow",
    "AckRow",
    "AmendRow",
    "BookTickerRow",
    "CanceledRow",
    "ExecutionReport",
    "InterestPage",
    "InterestRow",
    "ListenTokenRow",
    "MarginAccountRow",
    "OrderRow",
    "ReplaceRow",
    "SymbolRow",
    "TradeRow",
    "UserFrame",
]


class _Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class AckRow(_Row, frozen=True):
    """The answer to a new order, of which no more is asked (newOrderRespType ACK)."""

    symbol: str
    order_id: int
    client_order_id: str
    transact_time: int


class OrderRow(_Row, frozen=True):
    """A queried order. Of a canceled one `client_order_id` is that of the cancel."""

    symbol: str
    order_id: int
    client_order_id: str
    price: Number
    orig_qty: Number
    executed_qty: Number
    status: str
    time_in_force: str
    type: str
    side: str
    stop_price: Number = "0"
    time: int = 0
    update_time: int = 0
    is_working: bool = True


class CanceledRow(_Row, frozen=True):
    """The margin wallet writes the number as text (Margin Account Cancel Order, 2026-11)."""

    symbol: str
    order_id: int | str
    executed_qty: Number
    status: str
    transact_time: int = 0
    orig_client_order_id: str = ""


class ReplaceRow(_Row, frozen=True):
    """Both halves of a cancel-replace that was done."""

    cancel_response: CanceledRow
    new_order_response: AckRow


class AmendedRow(_Row, frozen=True):
    symbol: str
    order_id: int
    client_order_id: str
    price: Number
    qty: Number


class AmendRow(_Row, frozen=True):
    transact_time: int
    amended_order: AmendedRow


class TradeRow(_Row, frozen=True):
    """A row of myTrades. It has no client order id."""

    symbol: str
    id: int
    order_id: int
    price: Number
    qty: Number
    commission: Number
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class BalanceRow(_Row, frozen=True):
    asset: str
    free: Number
    locked: Number


class AccountRow(_Row, frozen=True):
    balances: list[BalanceRow]


class MarginAssetRow(_Row, frozen=True):
    """`net_asset`: free and locked, less what is borrowed and the interest on it."""

    asset: str
    net_asset: Number


class MarginAccountRow(_Row, frozen=True):
    user_assets: list[MarginAssetRow]


class InterestRow(_Row, frozen=True):
    """`asset` is what was charged: BNB when interest is converted."""

    tx_id: int
    interest_accured_time: int  # the venue's spelling
    asset: str
    principal: Number
    interest: Number
    interest_rate: Number
    type: str = ""


class InterestPage(_Row, frozen=True):
    rows: list[InterestRow]
    total: int


class SymbolRow(ListedRow, frozen=True, rename="camel"):
    base_asset: str
    quote_asset: str
    filters: list[FilterRow]


class BookTickerRow(_Row, frozen=True):
    symbol: str
    bid_price: Number
    ask_price: Number


class ListenTokenRow(_Row, frozen=True):
    token: str


class UserFrame(_Row, frozen=True, rename=None):
    """What the user line brings: an answer, or an event, wrapped with the number of its
    subscription or (older connections) bare."""

    event: msgspec.Raw = msgspec.Raw(b"")
    kind: str = msgspec.field(name="e", default="")
    status: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class ExecutionReport(_Row, frozen=True, rename=None):
    """executionReport. Of a canceled order `client_order_id` is that of the cancel and `original`
    the order's own."""

    symbol: str = msgspec.field(name="s")
    client_order_id: str = msgspec.field(name="c")
    side: str = msgspec.field(name="S")
    type: str = msgspec.field(name="o")
    time_in_force: str = msgspec.field(name="f")
    quantity: Number = msgspec.field(name="q")
    price: Number = msgspec.field(name="p")
    execution: str = msgspec.field(name="x")
    status: str = msgspec.field(name="X")
    order_id: int = msgspec.field(name="i")
    last_quantity: Number = msgspec.field(name="l")
    cumulative: Number = msgspec.field(name="z")
    last_price: Number = msgspec.field(name="L")
    time: int = msgspec.field(name="T")
    trade_id: int = msgspec.field(name="t")
    is_maker: bool = msgspec.field(name="m")
    original: str = msgspec.field(name="C", default="")
    trigger_price: Number = msgspec.field(name="P", default="0")
    reason: str = msgspec.field(name="r", default="NONE")
    fee: Number = msgspec.field(name="n", default="0")
    fee_currency: str | None = msgspec.field(name="N", default=None)
    is_working: bool = msgspec.field(name="w", default=True)
