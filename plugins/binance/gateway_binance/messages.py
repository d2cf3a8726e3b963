"""The documents of Binance USD-M that the adapter reads, as types: what is declared must be there
and of that kind, everything else is passed over. Numbers that are money stay text.

Field meanings: endpoint and user-data-stream pages of the USDS-M futures documentation, 2026-10.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

__all__ = [
    "AccountEvent",
    "AlgoBody",
    "AlgoEvent",
    "AlgoRow",
    "BalanceRow",
    "BookTickerEvent",
    "CalledBody",
    "ErrorData",
    "ErrorRow",
    "EventHead",
    "ExchangeInfo",
    "FilterRow",
    "FundingRateRow",
    "HalfRow",
    "IncomeRow",
    "LegRow",
    "ListedRow",
    "ListenKeyRow",
    "MarginCallEvent",
    "MarkPriceEvent",
    "MarketFrame",
    "ModeRow",
    "OrderBody",
    "OrderEvent",
    "OrderRow",
    "PositionBody",
    "PositionRow",
    "SymbolConfigRow",
    "SymbolRow",
    "TimeRow",
    "TradeLiteEvent",
    "TradeRow",
]

# Decimal text and nothing else: "nan", "" or "1,5" end here.
Number = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_NUMBERS = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?: -?[0-9]+(?:\.[0-9]+)?){6}")  # of an OrderBody


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    pass


class HalfRow(_Row, frozen=True):
    """One half of a cancel-replace of which a half failed; that which was done has no code."""

    code: int = 0
    msg: str = ""


class ErrorData(_Row, frozen=True, rename="camel"):
    """`retry_after`: venue time in ms, of the WebSocket API."""

    retry_after: int = 0
    cancel_response: HalfRow | None = None
    new_order_response: HalfRow | None = None

    @property
    def failed(self) -> list[HalfRow]:
        halves = (self.cancel_response, self.new_order_response)
        return [half for half in halves if half is not None and half.code]


class ErrorRow(_Row, frozen=True):
    code: int
    msg: str = ""
    data: ErrorData | None = None

    @property
    def text(self) -> str:
        """With the words about each half of what was asked."""
        told = [half.msg for half in self.halves if half.msg]
        return " ".join([self.msg, *told])

    @property
    def retry_at_ms(self) -> int:
        """By the venue's clock, 0 = it does not say."""
        return self.data.retry_after if self.data else 0

    @property
    def halves(self) -> list[HalfRow]:
        """Those that failed."""
        return self.data.failed if self.data else []


class TimeRow(_Row, frozen=True, rename="camel"):
    server_time: int


class ListenKeyRow(_Row, frozen=True, rename="camel"):
    listen_key: str


class ModeRow(_Row, frozen=True, rename="camel"):
    dual_side_position: bool


class OrderRow(_Row, frozen=True, rename="camel"):
    """An order as answered to a request or a query. The answer to a new order lacks `avgPrice` and
    `cumQuote`, which are not read."""

    order_id: int
    symbol: str
    status: str
    client_order_id: str
    price: Number
    orig_qty: Number
    executed_qty: Number
    time_in_force: str
    type: str
    side: str
    update_time: int
    position_side: str = "BOTH"
    orig_type: str = ""
    stop_price: Number = "0"


class LegRow(_Row, frozen=True, rename="camel"):
    """One leg of a batch: an order, or an error in its place."""

    code: int | None = None
    msg: str = ""
    order_id: int | None = None
    client_order_id: str = ""
    update_time: int = 0


class AlgoRow(_Row, frozen=True, rename="camel"):
    """A conditional order of the algo service."""

    algo_id: int
    client_algo_id: str
    order_type: str
    symbol: str
    side: str
    time_in_force: str
    quantity: Number
    algo_status: str
    trigger_price: Number
    price: Number
    update_time: int
    position_side: str = "BOTH"
    actual_order_id: str | int | None = None


class TradeRow(_Row, frozen=True, rename="camel"):
    """A row of userTrades. It has no client order id."""

    id: int
    order_id: int
    symbol: str
    side: str
    price: Number
    qty: Number
    commission: Number
    commission_asset: str
    maker: bool
    time: int
    position_side: str = "BOTH"


class IncomeRow(_Row, frozen=True, rename="camel"):
    symbol: str
    income_type: str
    income: Number
    asset: str
    time: int
    tran_id: int | str


class FundingRateRow(_Row, frozen=True, rename="camel"):
    symbol: str
    funding_time: int
    funding_rate: Number


class PositionRow(_Row, frozen=True, rename="camel"):
    """Position Information V3. `isolated_wallet` is what lies in an isolated position, without its
    unrealised profit, which `isolatedMargin` adds; "0" in a cross one. The mode has no field:
    where the wallet does not say it, the configuration of its symbol does."""

    symbol: str
    position_side: str
    position_amt: Number
    isolated_wallet: Number | None = None
    update_time: int = 0


class SymbolConfigRow(_Row, frozen=True, rename="camel"):
    """Symbol Configuration (GET /fapi/v1/symbolConfig). The margin type of a symbol cannot change
    while it has a position or an order (Change Margin Type), so it is that of its positions."""

    symbol: str
    margin_type: str  # CROSSED | ISOLATED


class BalanceRow(_Row, frozen=True):
    asset: str
    balance: Number


class FilterRow(_Row, frozen=True, rename="camel"):
    filter_type: str
    tick_size: Number | None = None
    step_size: Number | None = None
    min_qty: Number | None = None
    max_qty: Number | None = None
    notional: Number | None = None
    min_notional: Number | None = None


class ListedRow(_Row, frozen=True, rename="camel"):
    """What every product says of an instrument."""

    symbol: str
    status: str


class SymbolRow(ListedRow, frozen=True, rename="camel"):
    base_asset: str
    quote_asset: str
    margin_asset: str
    filters: list[FilterRow]
    contract_type: str = ""


class ExchangeInfo(_Row, frozen=True):
    symbols: list[msgspec.Raw]  # read one by one: one that is odd must not hide the others


class EventHead(_Row, frozen=True):
    kind: str = msgspec.field(name="e")


class OrderBody(_Row, frozen=True):
    """`o` of ORDER_TRADE_UPDATE. Without a commission the fields N and n are left out. Its numbers
    are looked at together, which costs a fourth of a pattern for each."""

    symbol: str = msgspec.field(name="s")
    client_order_id: str = msgspec.field(name="c")
    side: str = msgspec.field(name="S")
    type: str = msgspec.field(name="o")
    time_in_force: str = msgspec.field(name="f")
    quantity: str = msgspec.field(name="q")
    price: str = msgspec.field(name="p")
    execution: str = msgspec.field(name="x")
    status: str = msgspec.field(name="X")
    order_id: int = msgspec.field(name="i")
    last_quantity: str = msgspec.field(name="l")
    cumulative: str = msgspec.field(name="z")
    last_price: str = msgspec.field(name="L")
    time: int = msgspec.field(name="T")
    trade_id: int = msgspec.field(name="t")
    is_maker: bool = msgspec.field(name="m")
    position_side: str = msgspec.field(name="ps", default="BOTH")
    original_type: str = msgspec.field(name="ot", default="")
    trigger_price: str = msgspec.field(name="sp", default="0")
    fee: str = msgspec.field(name="n", default="0")
    fee_currency: str | None = msgspec.field(name="N", default=None)

    def __post_init__(self) -> None:
        texts = (
            *(self.quantity, self.price, self.last_quantity, self.cumulative),
            *(self.last_price, self.trigger_price, self.fee),
        )
        if not _NUMBERS.fullmatch(" ".join(texts)):
            bad = next((each for each in texts if not _NUMBER.fullmatch(each)), "")
            raise ValueError(f"{bad[:40]!r} is no number")


class OrderEvent(_Row, frozen=True):
    kind: str = msgspec.field(name="e")
    order: OrderBody = msgspec.field(name="o")


class AlgoBody(_Row, frozen=True):
    """`o` of ALGO_UPDATE; `actual_id` is empty until an order of the matching engine exists."""

    client_algo_id: str = msgspec.field(name="caid")
    algo_id: int = msgspec.field(name="aid")
    type: str = msgspec.field(name="o")
    symbol: str = msgspec.field(name="s")
    side: str = msgspec.field(name="S")
    time_in_force: str = msgspec.field(name="f")
    quantity: Number = msgspec.field(name="q")
    status: str = msgspec.field(name="X")
    trigger_price: Number = msgspec.field(name="tp")
    price: Number = msgspec.field(name="p")
    position_side: str = msgspec.field(name="ps", default="BOTH")
    actual_id: str | int | None = msgspec.field(name="ai", default=None)
    reason: str = msgspec.field(name="rm", default="")


class AlgoEvent(_Row, frozen=True):
    order: AlgoBody = msgspec.field(name="o")
    time: int = msgspec.field(name="T")


class TradeLiteEvent(_Row, frozen=True):
    symbol: str = msgspec.field(name="s")
    order_id: int = msgspec.field(name="i")
    trade_id: int = msgspec.field(name="t")


class PositionBody(_Row, frozen=True):
    """A position of ACCOUNT_UPDATE: `wallet` is that of an isolated one (Event: Balance and
    Position Update). Only positions that changed are told, flat ones too."""

    symbol: str = msgspec.field(name="s")
    amount: Number = msgspec.field(name="pa")
    position_side: str = msgspec.field(name="ps")
    mode: str = msgspec.field(name="mt", default="")  # cross | isolated
    wallet: Number | None = msgspec.field(name="iw", default=None)


class CalledBody(_Row, frozen=True):
    """A position of MARGIN_CALL (Event: Margin Call)."""

    symbol: str = msgspec.field(name="s")
    position_side: str = msgspec.field(name="ps")
    mode: str = msgspec.field(name="mt")  # CROSSED | ISOLATED
    mark: Number = msgspec.field(name="mp")
    maintenance: Number = msgspec.field(name="mm")


class MarginCallEvent(_Row, frozen=True):
    """The ratio of these positions is too high. No order and no position changes by it."""

    positions: list[CalledBody] = msgspec.field(name="p")
    time: int = msgspec.field(name="E")


class _AccountBody(_Row, frozen=True):
    reason: str = msgspec.field(name="m")
    positions: list[PositionBody] = msgspec.field(name="P", default_factory=list)


class AccountEvent(_Row, frozen=True):
    account: _AccountBody = msgspec.field(name="a")
    time: int = msgspec.field(name="T")


class MarketFrame(_Row, frozen=True):
    stream: str
    data: msgspec.Raw


class BookTickerEvent(_Row, frozen=True):
    symbol: str = msgspec.field(name="s")
    bid: Number = msgspec.field(name="b")
    ask: Number = msgspec.field(name="a")
    time: int = msgspec.field(name="T", default=0)


class MarkPriceEvent(_Row, frozen=True):
    symbol: str = msgspec.field(name="s")
    mark: Number = msgspec.field(name="p")
    time: int = msgspec.field(name="E", default=0)
    rate: str = msgspec.field(name="r", default="")  # empty where nothing is funded
    next_funding: int = msgspec.field(name="T", default=0)


Levels = list[tuple[Number, Number]]


class DepthEvent(_Row, frozen=True):
    """`previous` is told by USD-M alone."""

    symbol: str = msgspec.field(name="s")
    first: int = msgspec.field(name="U")
    last: int = msgspec.field(name="u")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    previous: int | None = msgspec.field(name="pu", default=None)
    time: int = msgspec.field(name="E", default=0)


class DepthDocument(_Row, frozen=True):
    """Spot tells no time with it."""

    last: int = msgspec.field(name="lastUpdateId")
    bids: Levels
    asks: Levels
    time: int = msgspec.field(name="E", default=0)


class AggregateTradeEvent(_Row, frozen=True):
    symbol: str = msgspec.field(name="s")
    number: int = msgspec.field(name="a")
    price: Number = msgspec.field(name="p")
    quantity: Number = msgspec.field(name="q")
    time: int = msgspec.field(name="T")
    is_buyer_maker: bool = msgspec.field(name="m")
