"""The JSON shapes of Binance Spot: what an order, a trade, an account or an event looks like on the
wire. Pure: rows of the simulated venue in, documents out; every number of money is text with eight
decimals.

Shapes: rest-api.md, web-socket-api.md and user-data-stream.md of binance-spot-api-docs, read
2026-11; what cannot be read there is marked *observed* in docs/reference/venues/binance_spot.md.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
from binance_simulator.documents import WireOrder, fixed
from gateway_paper.venue.settings import Listing

__all__ = [
    "ORDER_TYPES",
    "SpotOrder",
    "account_position",
    "acknowledgement",
    "canceled_document",
    "execution_report",
    "order_document",
    "result_document",
    "symbol_document",
    "trade_row",
]

Row = dict[str, Any]
ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT")


class SpotOrder(WireOrder, kw_only=True):
    """One order as clients of Spot know it. `cancel_id`: what took the place of its client id."""

    position_side: str = "BOTH"
    reduce_only: bool = False
    is_working: bool = True  # a stop waits until it triggers, under the same id
    working_ms: int = 0
    cancel_id: str = ""
    fills: list[Row] = msgspec.field(default_factory=list)

    @property
    def shown_id(self) -> str:
        return self.cancel_id or self.client_order_id


def order_document(order: SpotOrder) -> Row:
    """A queried order."""
    return {
        **_terms(order),
        "clientOrderId": order.shown_id,
        "stopPrice": fixed(order.trigger_price),
        "icebergQty": "0.00000000",
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.is_working,
        "workingTime": order.working_ms or -1,
        "origQuoteOrderQty": "0.00000000",
        "selfTradePreventionMode": order.self_trade,
    }


def acknowledgement(order: SpotOrder) -> Row:
    """newOrderRespType ACK."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": order.created_ms,
    }


def result_document(order: SpotOrder, *, has_fills: bool) -> Row:
    """newOrderRespType RESULT, and FULL with the fills."""
    row = {
        **_terms(order),
        "clientOrderId": order.client_order_id,
        "transactTime": order.created_ms,
        "origQuoteOrderQty": "0.00000000",
        "workingTime": order.working_ms or -1,
        "selfTradePreventionMode": order.self_trade,
    }
    if Fraction(order.trigger_price):
        row["stopPrice"] = fixed(order.trigger_price)
    return row | {"fills": list(order.fills)} if has_fills else row


def canceled_document(order: SpotOrder) -> Row:
    """The answer to a cancel: the order goes by the id of the cancel from now on."""
    return {
        **_terms(order),
        "origClientOrderId": order.client_order_id,
        "clientOrderId": order.shown_id,
        "transactTime": order.updated_ms,
        "origQuoteOrderQty": "0.00000000",
        "selfTradePreventionMode": order.self_trade,
    }


def execution_report(
    order: SpotOrder, execution: str, now_ms: int, fill: Row | None = None, reason: str = "NONE"
) -> Row:
    """executionReport. `fill` is the fill row behind an execution of type TRADE."""
    is_end_by_cancel = execution == "CANCELED"
    row: Row = {
        "e": "executionReport",
        "E": now_ms,
        "s": order.symbol,
        "c": order.shown_id if is_end_by_cancel else order.client_order_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": fixed(order.quantity),
        "p": fixed(order.price),
        "P": fixed(order.trigger_price),
        "F": "0.00000000",
        "g": -1,
        "C": order.client_order_id if is_end_by_cancel else "",
        "x": execution,
        "X": order.status,
        "r": reason,
        "i": order.order_id,
        "l": fixed(fill["quantity"] if fill else "0"),
        "z": fixed(order.cumulative),
        "L": fixed(fill["price"] if fill else "0"),
        "n": fixed(fill["fee"]) if fill else "0",
        "N": fill["fee_currency"] if fill else None,
        "T": now_ms,
        "t": int(fill["trade_id"][1:]) if fill else -1,
        "I": now_ms * 10,
        "w": order.is_working and order.is_open,
        "m": bool(fill and fill["liquidity"] == "maker"),
        "M": False,
        "O": order.created_ms,
        "Z": fixed(order.cumulative_quote),
        "Y": fixed(fill["value"] if fill else "0"),
        "Q": "0.00000000",
        "V": order.self_trade,
    }
    if order.working_ms:
        row["W"] = order.working_ms
    if order.expiry_reason:
        row["eR"] = order.expiry_reason
    return row


def account_position(balances: list[Row], now_ms: int) -> Row:
    """outboundAccountPosition: the assets that may have changed."""
    rows = [{"a": row["asset"], "f": row["free"], "l": row["locked"]} for row in balances]
    return {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": rows}


def trade_row(order: SpotOrder, fill: Row) -> Row:
    """A row of myTrades. It has no client order id."""
    return {
        "symbol": order.symbol,
        "id": int(fill["trade_id"][1:]),
        "orderId": order.order_id,
        "orderListId": -1,
        "price": fixed(fill["price"]),
        "qty": fixed(fill["quantity"]),
        "quoteQty": fixed(fill["value"]),
        "commission": fixed(fill["fee"]),
        "commissionAsset": fill["fee_currency"],
        "time": fill["venue_time_ns"] // 1_000_000,
        "isBuyer": order.side == "BUY",
        "isMaker": fill["liquidity"] == "maker",
        "isBestMatch": True,
    }


def symbol_document(listing: Listing, *, status: str = "TRADING") -> Row:
    """One entry of exchangeInfo."""
    return {
        "symbol": listing.symbol,
        "status": status,
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": True,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": False,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": _filters(listing),
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


def _terms(order: SpotOrder) -> Row:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "price": fixed(order.price),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.cumulative),
        "cummulativeQuoteQty": fixed(order.cumulative_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def _filters(listing: Listing) -> list[Row]:
    lot = {"minQty": fixed(listing.quantity_min), "maxQty": fixed(listing.quantity_max)}
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": fixed(listing.tick),
            "maxPrice": "1000000.00000000",
            "tickSize": fixed(listing.tick),
        },
        {"filterType": "LOT_SIZE", **lot, "stepSize": fixed(listing.lot)},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", **lot, "minQty": "0.00000000", "stepSize": "0.00000000"},
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": fixed(listing.notional_min),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]
