"""OKX's rows with typed fields, under full names. Prices and sizes stay the text OKX wrote; a
missing field, or a number where text belongs, is an error of the protocol and never a guess.

Fields as of docs-v5, read 2026-11-21: order channel, algo orders channel, fills history, bills
details, balance, positions, instruments, interest accrued.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "AlgoRow",
    "BalanceRow",
    "BillRow",
    "BookRow",
    "CancelAllAfterRow",
    "ConfigRow",
    "Envelope",
    "EventRow",
    "FillRow",
    "Frame",
    "InstrumentRow",
    "InterestRow",
    "MarkRow",
    "OrderRow",
    "PositionRow",
    "ResultRow",
    "StatusRow",
    "TickerRow",
    "TimeRow",
]


class Envelope(msgspec.Struct, frozen=True):
    """Every REST answer."""

    code: str
    msg: str = ""
    data: list[msgspec.Raw] = []


class Topic(msgspec.Struct, frozen=True, rename={"instrument": "instId", "kind": "instType"}):
    """What a WebSocket frame is about."""

    channel: str
    instrument: str = ""
    kind: str = ""


class Frame(msgspec.Struct, frozen=True):
    """Every WebSocket frame that is not `pong`: a push has `arg` and `data`, the answer to an
    operation `id` and `op`, the rest `event`."""

    arg: Topic | None = None
    data: list[msgspec.Raw] = []
    event: str = ""
    code: str = ""
    msg: str = ""
    id: str = ""
    op: str = ""


class TimeRow(msgspec.Struct, frozen=True, rename={"time_ms": "ts"}):
    time_ms: str


class CancelAllAfterRow(msgspec.Struct, frozen=True, rename={"trigger_ms": "triggerTime"}):
    trigger_ms: str


class ConfigRow(
    msgspec.Struct,
    frozen=True,
    rename={"position_mode": "posMode", "level": "acctLv", "permissions": "perm"},
):
    position_mode: str
    level: str
    permissions: str  # of the key: read_only, trade, withdraw, with commas between


class ResultRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "code": "sCode",
        "text": "sMsg",
        "order_id": "ordId",
        "client_id": "clOrdId",
        "algo_id": "algoId",
        "algo_client_id": "algoClOrdId",
    },
):
    """The result of one item of a request."""

    code: str
    text: str = ""
    order_id: str = ""
    client_id: str = ""
    algo_id: str = ""
    algo_client_id: str = ""


class EventRow(msgspec.Struct, frozen=True, rename={"event": "eventType"}):
    """Of balance_and_position, only why it came."""

    event: str


class StatusRow(
    msgspec.Struct,
    frozen=True,
    rename={"service": "serviceType", "environment": "env", "end_ms": "end"},
):
    """Maintenance: announced, under way or over."""

    state: str
    service: str
    environment: str
    title: str = ""
    end_ms: str = ""


class InstrumentRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "kind": "instType",
        "base": "baseCcy",
        "quote": "quoteCcy",
        "settle": "settleCcy",
        "underlying": "uly",
        "contract": "ctType",
        "contract_value": "ctVal",
        "contract_multiplier": "ctMult",
        "tick": "tickSz",
        "lot": "lotSz",
        "size_min": "minSz",
        "limit_size_max": "maxLmtSz",
        "code": "instIdCode",
    },
):
    symbol: str
    kind: str
    base: str
    quote: str
    settle: str
    underlying: str
    contract: str
    contract_value: str
    contract_multiplier: str
    tick: str
    lot: str
    size_min: str
    state: str
    limit_size_max: str = ""
    code: int | None = None  # not made yet for a new listing


class OrderRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "kind": "instType",
        "order_id": "ordId",
        "client_id": "clOrdId",
        "algo_id": "algoId",
        "algo_client_id": "algoClOrdId",
        "leg": "posSide",
        "order_type": "ordType",
        "size": "sz",
        "price": "px",
        "filled": "accFillSz",
        "target": "tgtCcy",
        "cancel_source": "cancelSource",
        "updated_ms": "uTime",
        "created_ms": "cTime",
        "trade_id": "tradeId",
        "fill_price": "fillPx",
        "fill_size": "fillSz",
        "fill_time_ms": "fillTime",
        "fill_fee": "fillFee",
        "fill_fee_currency": "fillFeeCcy",
        "liquidity": "execType",
        "amend_result": "amendResult",
    },
):
    """An order, from the orders channel or a query; the last eight exist in the channel alone."""

    symbol: str
    kind: str
    order_id: str
    client_id: str
    side: str
    leg: str
    order_type: str
    state: str
    size: str
    price: str
    filled: str
    updated_ms: str
    created_ms: str
    category: str
    algo_id: str = ""
    algo_client_id: str = ""
    target: str = ""
    cancel_source: str = ""
    trade_id: str = ""
    fill_price: str = ""
    fill_size: str = ""
    fill_time_ms: str = ""
    fill_fee: str = ""
    fill_fee_currency: str = ""
    liquidity: str = ""
    amend_result: str = ""
    code: str = ""
    msg: str = ""


class TickBandRow(
    msgspec.Struct,
    frozen=True,
    rename={"price_min": "minPx", "price_max": "maxPx", "tick": "tickSz"},
):
    price_min: str
    price_max: str
    tick: str


class TickBandsRow(
    msgspec.Struct, frozen=True, rename={"family": "instFamily", "bands": "tickBand"}
):
    """The price steps of the options of one family."""

    family: str
    bands: list[TickBandRow]


class AlgoRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "kind": "instType",
        "algo_id": "algoId",
        "client_id": "algoClOrdId",
        "child_ids": "ordIdList",
        "leg": "posSide",
        "order_type": "ordType",
        "size": "sz",
        "trigger_price": "triggerPx",
        "trigger_execution": "ordPx",
        "stop_price": "slTriggerPx",
        "stop_execution": "slOrdPx",
        "fail_code": "failCode",
        "created_ms": "cTime",
        "updated_ms": "uTime",
        "trigger_time_ms": "triggerTime",
    },
):
    """A trigger or stop order while it waits, and what became of it. The channel has no uTime."""

    symbol: str
    kind: str
    algo_id: str
    client_id: str
    side: str
    leg: str
    order_type: str
    state: str
    size: str
    created_ms: str
    child_ids: list[str] = []
    trigger_price: str = ""
    trigger_execution: str = ""
    stop_price: str = ""
    stop_execution: str = ""
    fail_code: str = ""
    updated_ms: str = ""
    trigger_time_ms: str = ""


class FillRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "order_id": "ordId",
        "client_id": "clOrdId",
        "trade_id": "tradeId",
        "bill_id": "billId",
        "sub_type": "subType",
        "price": "fillPx",
        "size": "fillSz",
        "leg": "posSide",
        "liquidity": "execType",
        "fee_currency": "feeCcy",
        "time_ms": "ts",
        "fill_time_ms": "fillTime",
    },
):
    symbol: str
    order_id: str
    client_id: str
    trade_id: str
    bill_id: str
    price: str
    size: str
    side: str
    leg: str
    liquidity: str
    fee: str
    fee_currency: str
    time_ms: str
    sub_type: str = ""
    fill_time_ms: str = ""  # as the orders push says it; ts is when the row was made


class BillRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "bill_id": "billId",
        "symbol": "instId",
        "currency": "ccy",
        "change": "balChg",
        "profit": "pnl",
        "time_ms": "ts",
    },
):
    bill_id: str
    symbol: str
    currency: str
    change: str
    profit: str
    time_ms: str


class InterestRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "currency": "ccy",
        "symbol": "instId",
        "mode": "mgnMode",
        "rate": "interestRate",
        "liability": "liab",
        "time_ms": "ts",
    },
):
    currency: str
    symbol: str
    mode: str
    interest: str
    rate: str
    liability: str
    time_ms: str


class PositionRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "kind": "instType",
        "leg": "posSide",
        "size": "pos",
        "mode": "mgnMode",
        "currency": "ccy",
        "time_ms": "uTime",
    },
):
    """Of a query or the channel. `margin`: what lies in an isolated position, empty in a cross one;
    `currency`: in which (docs-v5, get positions and positions channel, copy of 2026-07-13)."""

    symbol: str
    kind: str
    leg: str
    size: str
    mode: str = "cross"
    margin: str = ""
    currency: str = ""
    time_ms: str = ""


class Holding(
    msgspec.Struct,
    frozen=True,
    rename={
        "currency": "ccy",
        "cash": "cashBal",
        "isolated_equity": "isoEq",
        "isolated_profit": "isoUpl",
    },
):
    """What lies in isolated positions is no part of `cash`: their equity without their profit."""

    currency: str
    cash: str
    isolated_equity: str = ""
    isolated_profit: str = ""


class BalanceRow(msgspec.Struct, frozen=True):
    details: list[Holding]


class BookRow(
    msgspec.Struct,
    frozen=True,
    rename={"sequence": "seqId", "previous": "prevSeqId", "time_ms": "ts"},
):
    """A snapshot (`previous` -1) or what changed; levels are price, size and two fields more."""

    bids: list[list[str]]
    asks: list[list[str]]
    sequence: int
    previous: int
    checksum: int = 0
    time_ms: str = ""


class TradeRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "number": "tradeId",
        "price": "px",
        "size": "sz",
        "time_ms": "ts",
    },
):
    """Of anybody; `side` is the taker's."""

    symbol: str
    number: str
    price: str
    size: str
    side: Literal["buy", "sell"]
    time_ms: str


class FundingRateRow(
    msgspec.Struct,
    frozen=True,
    rename={"symbol": "instId", "rate": "fundingRate", "due_ms": "fundingTime", "time_ms": "ts"},
):
    symbol: str
    rate: str
    due_ms: str
    time_ms: str


class MarkRow(
    msgspec.Struct, frozen=True, rename={"symbol": "instId", "mark": "markPx", "time_ms": "ts"}
):
    symbol: str
    mark: str
    time_ms: str


class TickerRow(
    msgspec.Struct,
    frozen=True,
    rename={"symbol": "instId", "bid": "bidPx", "ask": "askPx", "time_ms": "ts"},
):
    symbol: str
    bid: str
    ask: str
    last: str
    time_ms: str
