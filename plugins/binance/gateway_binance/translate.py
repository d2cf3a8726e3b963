"""Binance's documents <-> the gateway's messages. Pure; a word nobody documented is a
VenueProtocolError that names it, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from gateway.api import (
    BalanceReport,
    FillReport,
    FundingReport,
    Instrument,
    MarginCallReport,
    OrderReport,
    OrderRequest,
    PositionReport,
)
from gateway.api.messages import (
    FillCauseName,
    LegName,
    OrderTypeName,
    TimeInForceName,
    VenueOrderState,
)
from gateway_binance.messages import (
    AlgoBody,
    AlgoRow,
    BalanceRow,
    CalledBody,
    IncomeRow,
    OrderBody,
    OrderRow,
    PositionBody,
    PositionRow,
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
    "CAUSE_NAMES",
    "algo_parameters",
    "algo_report",
    "balance_report",
    "cause_of",
    "event_fill",
    "event_report",
    "funding_report",
    "instrument",
    "is_conditional",
    "leg_of",
    "margin_mode_of",
    "needs_mode",
    "order_parameters",
    "order_report",
    "position_report",
    "refusal_of",
    "state_of",
    "trade_fill",
]

_LEGS: dict[str, LegName] = {"BOTH": "net", "LONG": "long", "SHORT": "short"}
_POSITION_SIDES: dict[LegName, str] = {"long": "LONG", "short": "SHORT"}
_MARGIN_MODES: dict[str, Literal["cross", "isolated"]] = {
    "cross": "cross",
    "crossed": "cross",
    "isolated": "isolated",
}
_STATES: dict[str, VenueOrderState] = {
    "NEW": "new",
    "NEW_INSURANCE": "new",
    "NEW_ADL": "new",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
    "REJECTED": "rejected",
}
_ALGO_STATES: dict[str, VenueOrderState] = {
    "NEW": "untriggered",
    "TRIGGERING": "untriggered",
    "TRIGGERED": "new",
    "FINISHED": "new",  # its order of the matching engine knows how it ended
    "CANCELED": "canceled",
    "EXPIRED": "expired",
    "REJECTED": "rejected",
}
# What people and other programs may have placed is told by the nearest word the gateway has.
_TYPES: dict[str, OrderTypeName] = {
    "LIMIT": "limit",
    "MARKET": "market",
    "LIQUIDATION": "market",
    "STOP": "stop_limit",
    "TAKE_PROFIT": "stop_limit",
    "STOP_MARKET": "stop",
    "TAKE_PROFIT_MARKET": "stop",
    "TRAILING_STOP_MARKET": "stop",
}
_TIMES_IN_FORCE: dict[str, TimeInForceName] = {
    "GTC": "gtc",
    "GTX": "gtc",
    "GTE_GTC": "gtc",
    "RPI": "gtc",
    "HIDDEN": "gtc",
    "IOC": "ioc",
    "FOK": "fok",
    "GTD": "gtd",
}
# Client ids of orders that the venue itself placed (Event: Order Update, 2026-10).
_CAUSES: tuple[tuple[str, FillCauseName], ...] = (
    ("autoclose-", "liquidation"),
    ("adl_autoclose", "deleveraging"),
    ("settlement_autoclose-", "settlement"),
    ("delivery_autoclose-", "delivery"),
)
CAUSE_NAMES = tuple(name for name, _ in _CAUSES)
_NS_PER_S = 1_000_000_000


def is_conditional(order: OrderRequest) -> bool:
    return order.type in ("stop", "stop_limit")


def refusal_of(order: OrderRequest) -> str:
    """Why Binance could not keep the terms of this order; "" when it can."""
    if order.type in ("market", "stop") and order.time_in_force == "fok" and order.price is None:
        return "a market order of Binance may fill in part: fok needs a worst price"
    return ""


def order_parameters(order: OrderRequest) -> dict[str, str]:
    """POST /fapi/v1/order. A market order with a worst price is a limit order that ends at once,
    because Binance's MARKET has no such bound."""
    parameters = _common(order)
    parameters["newClientOrderId"] = order.client_order_id
    if order.type == "market" and order.price is None:
        return parameters | {"type": "MARKET"}
    return parameters | _limit_terms(order, "LIMIT", _bounded_time(order, "market"))


def algo_parameters(order: OrderRequest) -> dict[str, str]:
    """POST /fapi/v1/algoOrder: conditional orders have lived there since 2025-12-09."""
    parameters = _common(order)
    parameters |= {"algoType": "CONDITIONAL", "clientAlgoId": order.client_order_id}
    parameters |= {"triggerPrice": order.trigger_price or "", "workingType": "CONTRACT_PRICE"}
    if order.price is None:
        return parameters | {"type": "STOP_MARKET"}
    return parameters | _limit_terms(order, "STOP", _bounded_time(order, "stop"))


def _bounded_time(order: OrderRequest, kind: OrderTypeName) -> TimeInForceName:
    """A market order with a worst price ends at once, whole or not as it was asked for."""
    return "ioc" if order.type == kind and order.time_in_force != "fok" else order.time_in_force


def _common(order: OrderRequest) -> dict[str, str]:
    parameters = {
        "symbol": order.instrument,
        "side": order.side.upper(),
        "quantity": order.quantity,
    }
    if order.leg != "net":
        # In hedge mode the leg says what closes; reduceOnly beside it is refused with -1106.
        parameters["positionSide"] = _POSITION_SIDES[order.leg]
    elif order.is_reduce_only:
        parameters["reduceOnly"] = "true"
    return parameters


def _limit_terms(order: OrderRequest, kind: str, time_in_force: TimeInForceName) -> dict[str, str]:
    terms = {"type": kind, "price": order.price or ""}
    terms["timeInForce"] = "GTX" if order.is_post_only else time_in_force.upper()
    if time_in_force == "gtd" and order.expires_ns is not None:
        terms["goodTillDate"] = str(order.expires_ns // _NS_PER_S * 1_000)  # whole seconds
    return terms


def leg_of(word: str) -> LegName:
    return word_of(_LEGS, word, "position side")


def state_of(word: str) -> VenueOrderState:
    return word_of(_STATES, word, "order status")


def cause_of(client_order_id: str) -> FillCauseName:
    """Why a fill happened that nobody here ordered."""
    if not client_order_id.startswith(CAUSE_NAMES):
        return "trade"
    return next(cause for name, cause in _CAUSES if client_order_id.startswith(name))


def instrument(venue: str, row: SymbolRow) -> Instrument:
    """Its name is the venue's symbol: BTCUSDT.binance."""
    price, lot = (filter_of(row.symbol, row.filters, kind) for kind in ("PRICE_FILTER", "LOT_SIZE"))
    notional = next((f.notional for f in row.filters if f.filter_type == "MIN_NOTIONAL"), None)
    tick, step = (
        without_zeros(row.symbol, price.tick_size),
        without_zeros(row.symbol, lot.step_size),
    )
    return Instrument(
        symbol=f"{row.symbol}.{venue}",
        venue_symbol=row.symbol,
        kind="linear",
        base=row.base_asset,
        quote=row.quote_asset,
        settle=row.margin_asset,
        tick=tick,
        lot=step,
        price_scale=decimals(tick),
        quantity_scale=decimals(step),
        quantity_min=without_zeros(row.symbol, lot.min_qty),
        quantity_max=without_zeros(row.symbol, lot.max_qty),
        notional_min=notional or "0",
        is_tradable=row.status == "TRADING",
    )


def order_report(account: str, row: OrderRow, client_order_id: str = "") -> OrderReport:
    """`client_order_id`: ours, when the order came from a conditional one."""
    state = state_of(row.status)
    return OrderReport(
        client_order_id=client_order_id or row.client_order_id,
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
        leg=leg_of(row.position_side),
        reason=end_reason(row.status) if state == "expired" else "",
        venue_time_ns=nanoseconds(row.update_time),
    )


def algo_report(account: str, row: AlgoRow | AlgoBody, time_ms: int) -> OrderReport:
    """A conditional order that has no order of the matching engine."""
    if isinstance(row, AlgoRow):
        status, kind, reason = row.algo_status, row.order_type, ""
    else:
        status, kind, reason = row.status, row.type, row.reason
    return OrderReport(
        client_order_id=row.client_algo_id,
        venue_order_id=str(row.algo_id),
        account=account,
        instrument=row.symbol,
        side=side_of(row.side),
        type=word_of(_TYPES, kind, "order type"),
        time_in_force=word_of(_TIMES_IN_FORCE, row.time_in_force, "time in force"),
        state=word_of(_ALGO_STATES, status, "algo status"),
        quantity=row.quantity,
        cumulative_quantity="0",
        price=price_of(row.price),
        trigger_price=price_of(row.trigger_price),
        leg=leg_of(row.position_side),
        reason=reason if status == "REJECTED" else "",
        venue_time_ns=nanoseconds(time_ms),
    )


def event_report(account: str, body: OrderBody, client_order_id: str = "") -> OrderReport:
    """An order that is not of this process, as the stream tells it. `client_order_id`: that of the
    conditional order it came from."""
    state = state_of(body.status)
    return OrderReport(
        client_order_id=client_order_id or body.client_order_id,
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
        leg=leg_of(body.position_side),
        reason=end_reason(body.status) if state == "expired" else "",
        venue_time_ns=nanoseconds(body.time),
    )


def event_fill(account: str, body: OrderBody, client_order_id: str, settle: str) -> FillReport:
    """A fill of the stream. No commission field = no commission, in the currency of settlement.
    Trade ids tell the order."""
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
        fee_currency=body.fee_currency or settle,
        liquidity="maker" if body.is_maker else "taker",
        cause=cause_of(body.client_order_id),
        leg=leg_of(body.position_side),
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
        side=side_of(row.side),
        price=row.price,
        quantity=row.qty,
        fee=row.commission,
        fee_currency=row.commission_asset,
        liquidity="maker" if row.maker else "taker",
        cause=cause_of(client_order_id),
        leg=leg_of(row.position_side),
        venue_time_ns=nanoseconds(row.time),
        venue_sequence=row.id,
    )


def funding_report(
    account: str, row: IncomeRow, rates: Mapping[str, str], *, is_hedge_mode: bool
) -> FundingReport:
    """The list of incomes has neither rate nor leg. The rate is that of the instrument's last
    funding before the payment ("0" = the venue no longer tells); the leg follows from the sign:
    with a positive rate long pays and short receives."""
    rate = rates.get(row.symbol, "0")
    leg: LegName = "net"
    is_charged = row.income.startswith("-")
    if is_hedge_mode and rate.strip("-0."):
        leg = "long" if is_charged != rate.startswith("-") else "short"
    return FundingReport(
        account=account,
        instrument=row.symbol,
        currency=row.asset,
        amount=row.income,
        rate=rate,
        reference=str(row.tran_id),
        leg=leg,
        venue_time_ns=nanoseconds(row.time),
    )


def needs_mode(row: PositionRow) -> bool:
    """Whether a position's own fields leave its margin mode open: only what lies in it tells it."""
    return not (row.isolated_wallet or "").strip("-0.")


def margin_mode_of(word: str) -> Literal["cross", "isolated", "unknown"]:
    """Of `cross` | `isolated` of a stream, CROSSED | ISOLATED of a configuration."""
    return _MARGIN_MODES.get(word.lower(), "unknown")


def position_report(
    account: str, row: PositionRow, margin_type: str = "ISOLATED"
) -> PositionReport:
    """`margin_type`: of its symbol, when the row leaves it open; "" = it was not told."""
    leg = leg_of(row.position_side)
    return PositionReport(
        account=account,
        instrument=row.symbol,
        leg=leg,
        quantity=_size(leg, row.position_amt),
        collateral=row.isolated_wallet,
        margin_mode=margin_mode_of(margin_type) if margin_type else None,
        venue_time_ns=nanoseconds(row.update_time),
    )


def _size(leg: str, amount: str) -> str:
    """Only a net position carries its direction in its sign."""
    return amount if leg == "net" else amount.lstrip("-")


def margin_call(account: str, body: CalledBody, time_ms: int) -> MarginCallReport:
    return MarginCallReport(
        account=account,
        instrument=body.symbol,
        leg=leg_of(body.position_side),
        margin_mode="isolated" if body.mode.lower() == "isolated" else "cross",
        text=f"maintenance {body.maintenance}, mark {body.mark}",
        venue_time_ns=nanoseconds(time_ms),
    )


def position_seen(account: str, body: PositionBody, time_ms: int) -> PositionReport:
    """Nothing lies in a position that is not isolated."""
    leg = leg_of(body.position_side)
    mode = margin_mode_of(body.mode) if body.mode else None
    nothing = None if mode is None else "0"
    return PositionReport(
        account=account,
        instrument=body.symbol,
        leg=leg,
        quantity=_size(leg, body.amount),
        collateral=body.wallet if mode == "isolated" else nothing,
        margin_mode=mode,
        venue_time_ns=nanoseconds(time_ms),
    )


def balance_report(account: str, row: BalanceRow) -> BalanceReport:
    return BalanceReport(account=account, currency=row.asset, total=row.balance)
