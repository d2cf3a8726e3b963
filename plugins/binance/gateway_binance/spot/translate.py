"""Binance Spot's documents <-> the gateway's messages. Pure; a word nobody documented is a
VenueProtocolError that names it, never a guess."""

from __future__ import annotations

from decimal import Decimal

from gateway.api import (
    BalanceReport,
    BorrowReport,
    FillReport,
    Instrument,
    OrderReport,
    OrderRequest,
)
from gateway.api.messages import OrderTypeName, TimeInForceName, VenueOrderState
from gateway_binance.spot.messages import (
    BalanceRow,
    ExecutionReport,
    InterestRow,
    MarginAssetRow,
    OrderRow,
    SymbolRow,
    TradeRow,
)
from gateway_binance.words import (
    decimals,
    end_reason,
    filter_of,
    nanoseconds,
    price_of,
    side_of,
    without_zeros,
    word_of,
)

__all__ = [
    "balance_report",
    "borrow_report",
    "event_fill",
    "event_report",
    "instrument",
    "is_stop",
    "net_report",
    "order_parameters",
    "order_report",
    "refusal_of",
    "state_of",
    "trade_fill",
]

_STATES: dict[str, VenueOrderState] = {
    "NEW": "new",
    "PENDING_NEW": "untriggered",  # a leg of somebody's order list that waits for another one
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "PENDING_CANCEL": "new",  # documented as unused
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
# What people and other programs may have placed is told by the nearest word the gateway has.
_TYPES: dict[str, OrderTypeName] = {
    "LIMIT": "limit",
    "LIMIT_MAKER": "limit",
    "MARKET": "market",
    "STOP_LOSS": "stop",
    "STOP_LOSS_LIMIT": "stop_limit",
    "TAKE_PROFIT": "stop",
    "TAKE_PROFIT_LIMIT": "stop_limit",
}
_HOUR_NS = 3_600 * 1_000_000_000
_TIMES_IN_FORCE: dict[str, TimeInForceName] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}


def is_stop(kind: str) -> bool:
    """Whether an order of this type waits for a price."""
    return kind not in ("LIMIT", "LIMIT_MAKER", "MARKET")


def refusal_of(order: OrderRequest) -> str:
    """Why Binance could not keep the terms of this order; "" when it can."""
    if order.type in ("market", "stop") and order.time_in_force == "fok" and order.price is None:
        return "a market order of Binance may fill in part: fok needs a worst price"
    if order.is_post_only and order.type != "limit":
        return "only a limit order can be post-only at Binance Spot"
    return ""


def order_parameters(order: OrderRequest) -> dict[str, str]:
    """POST order. A market order with a worst price is a limit order that ends at once, because
    Binance's MARKET has no such bound."""
    parameters = {
        "symbol": order.instrument,
        "side": order.side.upper(),
        "quantity": order.quantity,
        "newClientOrderId": order.client_order_id,
        "newOrderRespType": "ACK",
    }
    if order.trigger_price is not None:
        parameters["stopPrice"] = order.trigger_price
    if order.is_post_only:
        return parameters | {"type": "LIMIT_MAKER", "price": order.price or ""}
    kind = "STOP_LOSS" if order.type in ("stop", "stop_limit") else ""
    if order.price is None:
        return parameters | {"type": kind or "MARKET"}
    is_bounded = order.type in ("market", "stop") and order.time_in_force != "fok"
    return parameters | {
        "type": f"{kind}_LIMIT" if kind else "LIMIT",
        "price": order.price,
        "timeInForce": "IOC" if is_bounded else order.time_in_force.upper(),
    }


def state_of(status: str, kind: str, *, is_working: bool) -> VenueOrderState:
    """A stop that waits for its price says NEW as well, and that it does not work."""
    state = word_of(_STATES, status, "order status")
    return "untriggered" if state == "new" and is_stop(kind) and not is_working else state


def instrument(venue: str, row: SymbolRow) -> Instrument:
    """Its name is the venue's symbol: BTCUSDT.binance_spot."""
    price = filter_of(row.symbol, row.filters, "PRICE_FILTER")
    lot = filter_of(row.symbol, row.filters, "LOT_SIZE")
    tick = without_zeros(row.symbol, price.tick_size)
    step = without_zeros(row.symbol, lot.step_size)
    kinds = ("NOTIONAL", "MIN_NOTIONAL")
    least = next((f.min_notional for f in row.filters if f.filter_type in kinds), None)
    return Instrument(
        symbol=f"{row.symbol}.{venue}",
        venue_symbol=row.symbol,
        kind="spot",
        base=row.base_asset,
        quote=row.quote_asset,
        settle=row.quote_asset,
        tick=tick,
        lot=step,
        price_scale=decimals(tick),
        quantity_scale=decimals(step),
        quantity_min=without_zeros(row.symbol, lot.min_qty),
        quantity_max=without_zeros(row.symbol, lot.max_qty),
        notional_min=without_zeros(row.symbol, least) if least else "0",
        is_tradable=row.status == "TRADING",
    )


def order_report(account: str, row: OrderRow, client_order_id: str) -> OrderReport:
    """`client_order_id`: the order's own, whatever it is called at the venue by now."""
    state = state_of(row.status, row.type, is_working=row.is_working)
    return OrderReport(
        client_order_id=client_order_id,
        venue_order_id=str(row.order_id),
        account=account,
        instrument=row.symbol,
        side=side_of(row.side),
        type=word_of(_TYPES, row.type, "order type"),
        time_in_force=word_of(_TIMES_IN_FORCE, row.time_in_force, "time in force"),
        state=state,
        quantity=row.orig_qty,
        cumulative_quantity=row.executed_qty,
        price=price_of(row.price),
        trigger_price=price_of(row.stop_price),
        reason=end_reason(row.status) if state == "expired" else "",
        venue_time_ns=nanoseconds(row.update_time),
    )


def event_report(account: str, body: ExecutionReport, client_order_id: str) -> OrderReport:
    """An order that is not of this process, as the stream tells it."""
    state = state_of(body.status, body.type, is_working=body.is_working)
    return OrderReport(
        client_order_id=client_order_id,
        venue_order_id=str(body.order_id),
        account=account,
        instrument=body.symbol,
        side=side_of(body.side),
        type=word_of(_TYPES, body.type, "order type"),
        time_in_force=word_of(_TIMES_IN_FORCE, body.time_in_force, "time in force"),
        state=state,
        quantity=body.quantity,
        cumulative_quantity=body.cumulative,
        price=price_of(body.price),
        trigger_price=price_of(body.trigger_price),
        reason=end_reason(body.status) if state == "expired" else "",
        venue_time_ns=nanoseconds(body.time),
    )


def event_fill(account: str, body: ExecutionReport, client_order_id: str, quote: str) -> FillReport:
    """A fill of the stream. Its commission is in any asset; none = none, in the quote coin."""
    return FillReport(
        client_order_id=client_order_id,
        venue_order_id=str(body.order_id),
        trade_id=str(body.trade_id),
        account=account,
        instrument=body.symbol,
        side=side_of(body.side),
        price=body.last_price,
        quantity=body.last_quantity,
        fee=body.fee,
        fee_currency=body.fee_currency or quote,
        liquidity="maker" if body.is_maker else "taker",
        venue_time_ns=nanoseconds(body.time),
        venue_sequence=body.trade_id,
    )


def trade_fill(account: str, row: TradeRow, client_order_id: str) -> FillReport:
    """The same fill from the list of trades: same keys, same numbers."""
    return FillReport(
        client_order_id=client_order_id,
        venue_order_id=str(row.order_id),
        trade_id=str(row.id),
        account=account,
        instrument=row.symbol,
        side="buy" if row.is_buyer else "sell",
        price=row.price,
        quantity=row.qty,
        fee=row.commission,
        fee_currency=row.commission_asset,
        liquidity="maker" if row.is_maker else "taker",
        venue_time_ns=nanoseconds(row.time),
        venue_sequence=row.id,
    )


def balance_report(account: str, row: BalanceRow) -> BalanceReport:
    """What is free and what open orders hold back."""
    total = Decimal(row.free) + Decimal(row.locked)
    return BalanceReport(account=account, currency=row.asset, total=format(total, "f"))


def net_report(account: str, row: MarginAssetRow) -> BalanceReport:
    """Of a margin wallet: less what is owed, so that a loan changes nothing and interest does."""
    return BalanceReport(account=account, currency=row.asset, total=row.net_asset)


def borrow_report(account: str, row: InterestRow) -> BorrowReport:
    """One row of the interest history. Hourly interest is of the hour before it; the first one, on
    borrowing, is of that moment."""
    stamp = nanoseconds(row.interest_accured_time)
    is_hourly = row.type.startswith("PERIODIC")
    return BorrowReport(
        account=account,
        currency=row.asset,
        principal=row.principal,
        rate=row.interest_rate,
        amount=row.interest,
        reference=str(row.tx_id),
        from_ns=stamp - _HOUR_NS if is_hourly else stamp,
        until_ns=stamp,
    )
