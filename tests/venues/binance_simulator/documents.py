"""The JSON shapes of Binance USD-M: what an order, a fill, a position or an event looks like on the
wire. Pure: rows of the simulated venue in, documents out; every price and quantity is text.

Shapes: endpoint and user-data-stream pages of the USDS-M futures documentation, 2026-10.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from gateway_paper.venue.settings import Listing

__all__ = [
    "WireOrder",
    "account_update",
    "acknowledgement",
    "algo_document",
    "algo_update",
    "fixed",
    "income_row",
    "order_document",
    "order_update",
    "price_places",
    "price_text",
    "symbol_document",
    "trade_lite",
    "trade_row",
]

Row = dict[str, Any]


class WireOrder(msgspec.Struct, kw_only=True):
    """One order as Binance's clients know it, beside the matching engine's own. A conditional order
    has an `algo_id` and no `order_id` until it triggers."""

    key: str  # the exchange's client order id, never seen outside
    account: str
    symbol: str
    client_order_id: str
    side: str
    type: str  # LIMIT, MARKET; of a conditional order STOP, STOP_MARKET
    time_in_force: str
    position_side: str
    reduce_only: bool
    close_position: bool = False
    quantity: str
    price: str = "0"
    trigger_price: str = "0"
    good_till_ms: int = 0
    order_id: int = 0
    algo_id: int = 0
    client_algo_id: str = ""
    algo_status: str = ""
    trigger_ms: int = 0
    status: str = "NEW"
    expiry_reason: str = ""
    cumulative: str = "0"
    cumulative_quote: Fraction = Fraction(0)
    created_ms: int = 0
    updated_ms: int = 0
    self_trade: str = "EXPIRE_MAKER"
    kind: str = ""  # liquidation, adl, settlement, delivery

    @property
    def is_open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")

    @property
    def engine_type(self) -> str:
        """What the matching engine sees once a conditional order has triggered."""
        return {"STOP": "LIMIT", "STOP_MARKET": "MARKET"}.get(self.type, self.type)


def fixed(value: Fraction | str | Decimal, places: int = 8) -> str:
    """Decimal text with exactly that many places, as the venue prints money."""
    fraction = Fraction(value)
    scaled = round(fraction * 10**places)
    digits = str(abs(scaled)).rjust(places + 1, "0")
    sign = "-" if scaled < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def price_places(listing: Listing) -> int:
    """pricePrecision: BTCUSDT prints two decimals though its tick is 0.10."""
    return len(listing.tick.partition(".")[2])


def price_text(listing: Listing, text: str) -> str:
    return fixed(text, price_places(listing))


def quantity_text(listing: Listing, text: str) -> str:
    return fixed(text, listing.quantity_scale)


def average(order: WireOrder, listing: Listing) -> str:
    done = Fraction(order.cumulative)
    return fixed(order.cumulative_quote / done if done else Fraction(0), price_places(listing) + 3)


def order_document(order: WireOrder, listing: Listing) -> Row:
    """A queried order."""
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "price": price_text(listing, order.price),
        "avgPrice": average(order, listing),
        "origQty": quantity_text(listing, order.quantity),
        "executedQty": quantity_text(listing, order.cumulative),
        "cumQuote": fixed(order.cumulative_quote, 5),
        "timeInForce": order.time_in_force,
        "type": order.engine_type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": price_text(listing, order.trigger_price),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.self_trade,
        "goodTillDate": order.good_till_ms,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def acknowledgement(order: WireOrder, listing: Listing) -> Row:
    """The answer to a new order: taken, and nothing else. What it executed comes by the stream."""
    row = order_document(order, listing)
    for name in ("avgPrice", "cumQuote", "time"):
        del row[name]
    row["status"], row["executedQty"] = "NEW", quantity_text(listing, "0")
    row["updateTime"] = order.created_ms
    return row


def algo_document(order: WireOrder, listing: Listing) -> Row:
    """A conditional order of the algo service."""
    row: Row = {
        "algoId": order.algo_id,
        "clientAlgoId": order.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": order.type,
        "symbol": order.symbol,
        "side": order.side,
        "positionSide": order.position_side,
        "timeInForce": order.time_in_force,
        "quantity": quantity_text(listing, order.quantity),
        "algoStatus": order.algo_status,
        "triggerPrice": price_text(listing, order.trigger_price),
        "price": price_text(listing, order.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": order.self_trade,
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": order.close_position,
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "createTime": order.created_ms,
        "updateTime": order.updated_ms,
        "triggerTime": order.trigger_ms,
        "goodTillDate": order.good_till_ms,
    }
    if order.order_id:
        row |= {
            "actualOrderId": str(order.order_id),
            "actualPrice": average(order, listing),
            "actualQty": quantity_text(listing, order.cumulative),
        }
    return row


def algo_update(order: WireOrder, listing: Listing, now_ms: int, reason: str = "") -> Row:
    return {
        "e": "ALGO_UPDATE",
        "T": now_ms,
        "E": now_ms,
        "o": {
            "caid": order.client_algo_id,
            "aid": order.algo_id,
            "at": "CONDITIONAL",
            "o": order.type,
            "s": order.symbol,
            "S": order.side,
            "ps": order.position_side,
            "f": order.time_in_force,
            "q": quantity_text(listing, order.quantity),
            "X": order.algo_status,
            "ai": str(order.order_id or ""),
            "ap": average(order, listing),
            "aq": quantity_text(listing, order.cumulative),
            "act": order.engine_type if order.order_id else "0",
            "tp": price_text(listing, order.trigger_price),
            "p": price_text(listing, order.price),
            "V": order.self_trade,
            "wt": "CONTRACT_PRICE",
            "pm": "NONE",
            "cp": order.close_position,
            "pP": False,
            "R": order.reduce_only,
            "tt": order.trigger_ms,
            "gtd": order.good_till_ms,
            "rm": reason,
        },
    }


def order_update(
    order: WireOrder, listing: Listing, execution: str, now_ms: int, fill: Row | None = None
) -> Row:
    """ORDER_TRADE_UPDATE. `fill` is the fill row behind an execution of type TRADE."""
    body: Row = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side,
        "o": "LIQUIDATION" if order.kind == "liquidation" else order.engine_type,
        "f": order.time_in_force,
        "q": quantity_text(listing, order.quantity),
        "p": price_text(listing, order.price),
        "ap": average(order, listing),
        "sp": price_text(listing, order.trigger_price),
        "x": execution,
        "X": order.status,
        "i": order.order_id,
        "l": quantity_text(listing, fill["quantity"] if fill else "0"),
        "z": quantity_text(listing, order.cumulative),
        "L": price_text(listing, fill["price"] if fill else "0"),
        "T": now_ms,
        "t": int(fill["trade_id"][1:]) if fill else 0,
        "b": "0",
        "a": "0",
        "m": bool(fill and fill["liquidity"] == "maker"),
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": order.type,
        "ps": order.position_side,
        "cp": order.close_position,
        "rp": fill["realised"] if fill else "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": order.self_trade,
        "pm": "NONE",
        "gtd": order.good_till_ms,
        "er": order.expiry_reason or "0",
    }
    if fill:
        body |= {"N": fill["fee_currency"], "n": fixed(fill["fee"])}
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": now_ms, "o": body}


def trade_lite(order: WireOrder, listing: Listing, fill: Row, now_ms: int) -> Row:
    """The early, thin message of a fill: no fee, no cumulative quantity, no position side."""
    return {
        "e": "TRADE_LITE",
        "E": now_ms,
        "T": now_ms,
        "s": order.symbol,
        "q": quantity_text(listing, order.quantity),
        "p": price_text(listing, order.price),
        "m": fill["liquidity"] == "maker",
        "c": order.client_order_id,
        "S": order.side,
        "L": price_text(listing, fill["price"]),
        "l": quantity_text(listing, fill["quantity"]),
        "t": int(fill["trade_id"][1:]),
        "i": order.order_id,
    }


def account_update(reason: str, balances: list[Row], positions: list[Row], now_ms: int) -> Row:
    """ACCOUNT_UPDATE: only what changed."""
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now_ms,
        "T": now_ms,
        "a": {"m": reason, "B": balances, "P": positions},
    }


def trade_row(order: WireOrder, listing: Listing, fill: Row) -> Row:
    """A row of userTrades. It has no client order id."""
    return {
        "buyer": order.side == "BUY",
        "commission": fixed(fill["fee"]),
        "commissionAsset": fill["fee_currency"],
        "id": int(fill["trade_id"][1:]),
        "maker": fill["liquidity"] == "maker",
        "orderId": order.order_id,
        "price": price_text(listing, fill["price"]),
        "qty": quantity_text(listing, fill["quantity"]),
        "quoteQty": fixed(fill["value"], 5),
        "realizedPnl": fill["realised"],
        "side": order.side,
        "positionSide": order.position_side,
        "symbol": order.symbol,
        "time": fill["venue_time_ns"] // 1_000_000,
    }


def income_row(
    kind: str, symbol: str, amount: str, asset: str, *, number: int, time_ms: int
) -> Row:
    return {
        "symbol": symbol,
        "incomeType": kind,
        "income": fixed(amount),
        "asset": asset,
        "time": time_ms,
        "info": kind,
        "tranId": number,
        "tradeId": "",
    }


def symbol_document(listing: Listing, *, status: str = "TRADING") -> Row:
    """One entry of exchangeInfo."""
    return {
        "symbol": listing.symbol,
        "pair": listing.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.settle,
        "pricePrecision": price_places(listing),
        "quantityPrecision": listing.quantity_scale,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": listing.tick,
                "maxPrice": "4529764",
                "tickSize": listing.tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": listing.quantity_min,
                "maxQty": listing.quantity_max,
                "stepSize": listing.lot,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": listing.quantity_min,
                "maxQty": listing.quantity_max,
                "stepSize": listing.lot,
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": listing.notional_min},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.0500",
                "multiplierDown": "0.9500",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": [
            "LIMIT",
            "MARKET",
            "STOP",
            "STOP_MARKET",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET",
        ],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }
