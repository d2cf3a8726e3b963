"""The calls of the simulated Binance Spot, each a function of the venue, the account and the
parameters: REST, WebSocket API, and cross margin under /sapi. No HTTP here."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from binance_simulator import spot_documents
from binance_simulator.documents import fixed
from binance_simulator.product_server import Call
from binance_simulator.rules import BinanceError
from binance_simulator.spot_documents import SpotOrder
from binance_simulator.spot_rules import LIMIT_ORDERS, LIMIT_WEIGHT
from binance_simulator.spot_venue import SpotVenue

__all__ = ["PRIVATE", "PUBLIC", "SOCKET"]

Given = dict[str, str]
_DAY_MS = 86_400_000
_INTEREST_WINDOW_MS = 30 * _DAY_MS


def order_place(venue: SpotVenue, account: str, given: Given) -> Any:
    order = venue.place(account, given)
    return _placed(order, given)


def order_test(venue: SpotVenue, account: str, given: Given) -> Any:
    return {}


def order_cancel(venue: SpotVenue, account: str, given: Given) -> Any:
    order = venue.find(account, given, -2011)
    return spot_documents.canceled_document(venue.cancel(order, given.get("newClientOrderId", "")))


def margin_cancel(venue: SpotVenue, account: str, given: Given) -> Any:
    """As documented: the number is text, and no time stands there."""
    row = order_cancel(venue, account, given)
    left_out = ("transactTime", "origQuoteOrderQty", "selfTradePreventionMode", "orderListId")
    row = {name: value for name, value in row.items() if name not in left_out}
    return row | {"orderId": str(row["orderId"]), "isIsolated": False}


def order_status(venue: SpotVenue, account: str, given: Given) -> Any:
    return spot_documents.order_document(venue.find(account, given))


def order_amend(venue: SpotVenue, account: str, given: Given) -> Any:
    order = venue.find(account, given)
    before = order.client_order_id
    amended = spot_documents.result_document(venue.amend(order, given), has_fills=False)
    amended["qty"] = amended.pop("origQty")
    amended["cumulativeQuoteQty"] = amended.pop("cummulativeQuoteQty")
    amended["preventedQty"] = "0.00000000"
    now = venue.clock.now_ms()
    amended |= {"origClientOrderId": before}
    return {"transactTime": now, "executionId": now * 10, "amendedOrder": amended}


def cancel_replace(venue: SpotVenue, account: str, given: Given) -> Any:
    """200 when both were done, 400 when neither, 409 when one."""
    for name in ("symbol", "cancelReplaceMode"):
        if not given.get(name):
            raise BinanceError(-1102, name)
    canceled, placed = venue.cancel_replace(account, given)
    answer = {
        "cancelResult": "FAILURE" if isinstance(canceled, BinanceError) else "SUCCESS",
        "newOrderResult": "NOT_ATTEMPTED"
        if placed is None
        else "FAILURE"
        if isinstance(placed, BinanceError)
        else "SUCCESS",
        "cancelResponse": canceled.row()
        if isinstance(canceled, BinanceError)
        else spot_documents.canceled_document(canceled),
        "newOrderResponse": placed.row()
        if isinstance(placed, BinanceError)
        else _placed(placed, given)
        if placed is not None
        else None,
    }
    failed = [isinstance(each, BinanceError) or each is None for each in (canceled, placed)]
    if not any(failed):
        return answer
    if all(failed):
        raise PartialError(-2022, "Order cancel-replace failed.", 400, answer)
    raise PartialError(-2021, "Order cancel-replace partially failed.", 409, answer)


class PartialError(BinanceError):
    """An error that says of each half what became of it."""

    def __init__(self, code: int, text: str, status: int, data: Any) -> None:
        super().__init__(code, text=text, status=status)
        self.data = data

    def row(self) -> dict[str, object]:
        return super().row() | {"data": self.data}


def open_orders(venue: SpotVenue, account: str, given: Given) -> Any:
    rows = venue.open_orders(account, given.get("symbol", ""))
    return [spot_documents.order_document(each) for each in rows]


def all_orders(venue: SpotVenue, account: str, given: Given) -> Any:
    symbol = _symbol(venue, given)
    rows = [
        spot_documents.order_document(each)
        for each in venue.orders
        if each.account == account and each.symbol == symbol
    ]
    if given.get("orderId"):
        rows = [each for each in rows if each["orderId"] >= int(given["orderId"])]
    return rows[-min(int(given.get("limit", "500")), 1_000) :]


def cancel_all(venue: SpotVenue, account: str, given: Given) -> Any:
    """-2011 when there is none."""
    canceled = venue.cancel_all(account, _symbol(venue, given))
    if not canceled:
        raise BinanceError(-2011)
    return [spot_documents.canceled_document(each) for each in canceled]


def my_trades(venue: SpotVenue, account: str, given: Given) -> Any:
    """One symbol, a thousand rows; from an id or from a time, never both; at most a day."""
    symbol = _symbol(venue, given)
    rows = [each for each in venue.trades[account] if each["symbol"] == symbol]
    limit = min(int(given.get("limit", "500")), 1_000)
    times = [name for name in ("startTime", "endTime") if given.get(name)]
    if given.get("orderId"):
        rows = [each for each in rows if each["orderId"] == int(given["orderId"])]
    if given.get("fromId"):
        if times:
            raise BinanceError(-1128, text="Combination of optional parameters invalid.")
        return [each for each in rows if each["id"] >= int(given["fromId"])][:limit]
    if not times:
        return rows[-limit:]
    end = int(given.get("endTime", int(given.get("startTime", "0")) + _DAY_MS))
    start = int(given.get("startTime", str(end - _DAY_MS)))
    if end - start > _DAY_MS:
        text = "More than 24 hours between startTime and endTime."
        raise BinanceError(-1127, text=text)
    return [each for each in rows if start <= each["time"] <= end][:limit]


def account_state(venue: SpotVenue, account: str, given: Given) -> Any:
    rows = venue.wallet(account)
    if given.get("omitZeroBalances") == "true":
        rows = [each for each in rows if Fraction(each["free"]) or Fraction(each["locked"])]
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000",
                            "seller": "0.00000000"},
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": venue.clock.now_ms(),
        "accountType": "SPOT",
        "balances": rows,
        "permissions": ["SPOT"],
        "uid": 354937868,
    }  # fmt: skip


def rate_limit_order(venue: SpotVenue, account: str, given: Given) -> Any:
    return _order_limits()


# Cross margin.


def margin_account(venue: SpotVenue, account: str, given: Given) -> Any:
    loans, net = venue.loans[account], venue.net(account)
    rows = []
    for row in venue.wallet(account):
        borrowed, interest = loans.get(row["asset"], (Fraction(0), Fraction(0)))
        rows.append(
            {
                **row,
                "borrowed": fixed(borrowed),
                "interest": fixed(interest),
                "netAsset": fixed(net[row["asset"]]),
            }
        )
    return {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": "11.64405625",
        "totalAssetOfBtc": "6.82728457",
        "totalLiabilityOfBtc": "0.58633215",
        "totalNetAssetOfBtc": "6.24095242",
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": True,
        "accountType": "MARGIN_1",
        "userAssets": rows,
    }


def interest_history(venue: SpotVenue, account: str, given: Given) -> Any:
    """Newest first, pages of at most a hundred, at most 30 days."""
    now = venue.clock.now_ms()
    end = int(given.get("endTime", str(now)))
    start = int(given.get("startTime", str(end - 7 * _DAY_MS)))
    if "endTime" in given and end - start > _INTEREST_WINDOW_MS:
        raise BinanceError(-1127, text="The time interval must be within 0-30 days")
    start = max(start, end - _INTEREST_WINDOW_MS)
    rows = [row for row in venue.interest[account] if start <= row["interestAccuredTime"] <= end]
    if given.get("asset"):
        rows = [row for row in rows if row["asset"] == given["asset"]]
    size = min(int(given.get("size", "10")), 100)
    first = (int(given.get("current", "1")) - 1) * size
    return {"rows": rows[::-1][first : first + size], "total": len(rows)}


# Public.


def ping(venue: SpotVenue, account: str, given: Given) -> Any:
    return {}


def server_time(venue: SpotVenue, account: str, given: Given) -> Any:
    return {"serverTime": venue.clock.now_ms()}


def exchange_info(venue: SpotVenue, account: str, given: Given) -> Any:
    wanted = given.get("symbols", "").strip("[]").replace('"', "").split(",")
    wanted = [each for each in [*wanted, given.get("symbol", "")] if each]
    if any(each not in venue.listings for each in wanted):
        raise BinanceError(-1121)
    weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
    return {
        "timezone": "UTC",
        "serverTime": venue.clock.now_ms(),
        "rateLimits": [weight | {"limit": LIMIT_WEIGHT}, *_order_limits()],
        "exchangeFilters": [],
        "symbols": [
            spot_documents.symbol_document(
                each, status="BREAK" if each.symbol in venue.closed_symbols else "TRADING"
            )
            for each in venue.listings.values()
            if not wanted or each.symbol in wanted
        ],
    }


def depth(venue: SpotVenue, account: str, given: Given) -> Any:
    book = venue.book(_symbol(venue, given))
    limit = int(given.get("limit", "100"))
    return {"lastUpdateId": book.update_id, "bids": book.bids(limit), "asks": book.asks(limit)}


def book_ticker(venue: SpotVenue, account: str, given: Given) -> Any:
    rows = []
    for symbol in [_symbol(venue, given)] if given.get("symbol") else list(venue.listings):
        book = venue.book(symbol)
        bid, ask = [*book.bids(1), ["0", "0"]][0], [*book.asks(1), ["0", "0"]][0]
        rows.append(
            {
                "symbol": symbol,
                "bidPrice": bid[0],
                "bidQty": bid[1],
                "askPrice": ask[0],
                "askQty": ask[1],
            }
        )
    return rows[0] if given.get("symbol") else rows


def _placed(order: SpotOrder, given: Given) -> Any:
    """LIMIT and MARKET answer in full unless asked otherwise, the other types with a receipt."""
    plain = "FULL" if order.type in ("LIMIT", "MARKET") else "ACK"
    kind = given.get("newOrderRespType", plain)
    if kind == "ACK":
        return spot_documents.acknowledgement(order)
    return spot_documents.result_document(order, has_fills=kind == "FULL")


def _order_limits() -> list[dict[str, Any]]:
    intervals = {"10S": ("SECOND", 10), "1D": ("DAY", 1)}
    return [
        {
            "rateLimitType": "ORDERS",
            "interval": intervals[name][0],
            "intervalNum": intervals[name][1],
            "limit": limit,
        }
        for name, (_, limit) in LIMIT_ORDERS.items()
    ]


def _symbol(venue: SpotVenue, given: Given) -> str:
    symbol = given.get("symbol", "")
    if not symbol:
        raise BinanceError(-1102, "symbol")
    if symbol not in venue.listings:
        raise BinanceError(-1121)
    return symbol


PUBLIC: dict[tuple[str, str], Call] = {
    ("GET", "/api/v3/ping"): ping,
    ("GET", "/api/v3/time"): server_time,
    ("GET", "/api/v3/exchangeInfo"): exchange_info,
    ("GET", "/api/v3/depth"): depth,
    ("GET", "/api/v3/ticker/bookTicker"): book_ticker,
}

PRIVATE: dict[tuple[str, str], Call] = {
    ("POST", "/api/v3/order"): order_place,
    ("POST", "/api/v3/order/test"): order_test,
    ("POST", "/api/v3/order/cancelReplace"): cancel_replace,
    ("PUT", "/api/v3/order/amend/keepPriority"): order_amend,
    ("DELETE", "/api/v3/order"): order_cancel,
    ("GET", "/api/v3/order"): order_status,
    ("GET", "/api/v3/openOrders"): open_orders,
    ("DELETE", "/api/v3/openOrders"): cancel_all,
    ("GET", "/api/v3/allOrders"): all_orders,
    ("GET", "/api/v3/myTrades"): my_trades,
    ("GET", "/api/v3/account"): account_state,
    ("GET", "/api/v3/rateLimit/order"): rate_limit_order,
    ("POST", "/sapi/v1/margin/order"): order_place,
    ("DELETE", "/sapi/v1/margin/order"): margin_cancel,
    ("GET", "/sapi/v1/margin/order"): order_status,
    ("GET", "/sapi/v1/margin/openOrders"): open_orders,
    ("DELETE", "/sapi/v1/margin/openOrders"): cancel_all,
    ("GET", "/sapi/v1/margin/allOrders"): all_orders,
    ("GET", "/sapi/v1/margin/myTrades"): my_trades,
    ("GET", "/sapi/v1/margin/account"): margin_account,
    ("GET", "/sapi/v1/margin/interestHistory"): interest_history,
}

SOCKET: dict[str, Call] = {
    "order.place": order_place,
    "order.cancel": order_cancel,
    "order.cancelReplace": cancel_replace,
    "order.amend.keepPriority": order_amend,
    "order.status": order_status,
    "openOrders.status": open_orders,
    "openOrders.cancelAll": cancel_all,
    "allOrders": all_orders,
    "myTrades": my_trades,
    "account.status": account_state,
    "account.rateLimits.orders": rate_limit_order,
    "exchangeInfo": exchange_info,
    "depth": depth,
}
