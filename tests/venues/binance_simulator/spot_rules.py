"""What the simulated Binance Spot refuses and what a request costs.

Codes and texts: binance-spot-api-docs, errors.md and filters.md; weights: rest-api.md and
web-socket-api.md; unfilled order counts: faqs/order_count_decrement.md (read 2026-11).
"""

from __future__ import annotations

from binance_simulator.rules import BinanceError

__all__ = [
    "LIMIT_ORDERS",
    "LIMIT_WEIGHT",
    "filter_failure",
    "refused",
    "socket_weight_of",
    "weight_of",
]

_TEXTS = {
    "balance": "Account has insufficient balance for requested action.",
    "duplicate": "Duplicate order sent.",
    "would_take": "Order would immediately match and take.",
    "would_trigger": "Stop price would trigger immediately.",
}
LIMIT_WEIGHT = 6_000  # per minute and address
LIMIT_ORDERS = {"10S": (10, 100), "1D": (86_400, 200_000)}
_WEIGHTS = {
    ("GET", "/api/v3/exchangeInfo"): 20,
    ("GET", "/api/v3/account"): 20,
    ("GET", "/api/v3/allOrders"): 20,
    ("GET", "/api/v3/myTrades"): 20,
    ("GET", "/api/v3/order"): 4,
    ("PUT", "/api/v3/order/amend/keepPriority"): 4,
    ("GET", "/sapi/v1/margin/account"): 10,
    ("GET", "/sapi/v1/margin/order"): 10,
    ("GET", "/sapi/v1/margin/openOrders"): 10,
    ("GET", "/sapi/v1/margin/myTrades"): 10,
    ("POST", "/sapi/v1/margin/order"): 6,
    ("DELETE", "/sapi/v1/margin/order"): 10,
}
_SOCKET_WEIGHTS = {
    "session.logon": 2,
    "session.status": 2,
    "session.logout": 2,
    "userDataStream.subscribe": 2,
    "userDataStream.subscribe.signature": 2,
    "userDataStream.subscribe.listenToken": 2,
    "userDataStream.unsubscribe": 2,
    "order.status": 4,
    "order.amend.keepPriority": 4,
    "account.status": 20,
    "openOrders.status": 6,
    "myTrades": 20,
}


def refused(reason: str) -> BinanceError:
    """-2010: the engine or the gate before it does not take the order."""
    return BinanceError(-2010, text=_TEXTS[reason])


def filter_failure(name: str) -> BinanceError:
    return BinanceError(-1013, text=f"Filter failure: {name}")


def weight_of(method: str, path: str, given: dict[str, str]) -> int:
    if path == "/api/v3/depth":
        limit = int(given.get("limit", "100"))
        steps = ((100, 5), (500, 25), (1000, 50), (5000, 250))
        return next((cost for top, cost in steps if limit <= top), 250)
    if (method, path) == ("GET", "/api/v3/openOrders"):
        return 6 if "symbol" in given else 80
    if path == "/api/v3/ticker/bookTicker":
        return 2 if "symbol" in given else 4
    return _WEIGHTS.get((method, path), 1)


def socket_weight_of(method: str) -> int:
    return _SOCKET_WEIGHTS.get(method, 1)
