"""What the simulated Binance USD-M refuses and what a request costs: error codes, weights, limits.

Codes and texts: developers.binance.com, USDS-M futures, "Error Codes" and "General Info", as of
2026-10; weights: the endpoint pages of the same date.
"""

from __future__ import annotations

__all__ = ["LIMIT_ORDERS", "LIMIT_WEIGHT", "WEIGHTS", "BinanceError", "weight_of"]

_TEXTS = {
    -1000: "An unknown error occurred while processing the request.",
    -1003: "Too many requests; current limit of IP({value}) is 2400 requests per minute.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution "
    "status unknown.",
    -1008: "Request throttled by system-level protection. Reduce-only/close-position orders are "
    "exempt. Please try again.",
    -1015: "Too many new orders; current limit is {value}.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -1100: "Illegal characters found in parameter '{value}'.",
    -1102: "Mandatory parameter '{value}' was not sent, was empty/null, or malformed.",
    -1106: "Parameter '{value}' sent when not required.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1121: "Invalid symbol.",
    -1125: "This listenKey does not exist.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action, request ip: {value}",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -4003: "Quantity less than or equal to zero.",
    -4005: "Quantity greater than max quantity.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id is not valid.",
    -4023: "Qty not increased by step size.",
    -4059: "No need to change position side.",
    -4061: "Order's position side does not match user's setting.",
    -4067: "Position side cannot be changed if there exists open orders.",
    -4068: "Position side cannot be changed if there exists position.",
    -4116: "ClientOrderId is duplicated.",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
    "instead.",
    -4141: "Symbol is closed.",
    -4164: "Order's notional must be no smaller than {value} (unless you choose reduce only).",
    -4197: "No need to modify the order.",
    -5021: "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history.",
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected."
    " The order will not be recorded in the order history.",
    -5027: "No need to modify the order.",
    -5040: "The goodTillDate timestamp must be greater than the current time plus 600 seconds and "
    "smaller than 253402300799000",
    -5028: "Timestamp for this request is outside of the ME recvWindow.",
}

_STATUS = {-1003: 429, -1015: 429, -1007: 408, -1008: 503, -2014: 401, -2015: 401}

LIMIT_WEIGHT = 2_400  # per minute and address
LIMIT_ORDERS = {"10S": (10, 300), "1M": (60, 1_200)}  # seconds, orders per account

# (method, path) -> weight; what differs by parameter is in weight_of.
WEIGHTS = {
    ("POST", "/fapi/v1/order"): 0,
    ("POST", "/fapi/v1/algoOrder"): 0,
    ("POST", "/fapi/v1/batchOrders"): 5,
    ("PUT", "/fapi/v1/batchOrders"): 5,
    ("GET", "/fapi/v1/userTrades"): 5,
    ("GET", "/fapi/v1/allOrders"): 5,
    ("GET", "/fapi/v1/allAlgoOrders"): 5,
    ("GET", "/fapi/v2/positionRisk"): 5,
    ("GET", "/fapi/v3/positionRisk"): 5,
    ("GET", "/fapi/v1/symbolConfig"): 5,
    ("GET", "/fapi/v2/balance"): 5,
    ("GET", "/fapi/v3/balance"): 5,
    ("GET", "/fapi/v2/account"): 5,
    ("GET", "/fapi/v3/account"): 5,
    ("GET", "/fapi/v1/income"): 30,
    ("GET", "/fapi/v1/positionSide/dual"): 30,
    ("POST", "/fapi/v1/countdownCancelAll"): 10,
    ("GET", "/fapi/v1/fundingInfo"): 0,
    ("GET", "/fapi/v1/fundingRate"): 0,
}
_WITHOUT_SYMBOL = {
    "/fapi/v1/openOrders": 40,
    "/fapi/v1/openAlgoOrders": 40,
    "/fapi/v1/premiumIndex": 10,
    "/fapi/v1/ticker/bookTicker": 5,
}


class BinanceError(Exception):
    """An answer {"code", "msg"} with its HTTP status."""

    def __init__(self, code: int, value: object = "", *, text: str = "", status: int = 0) -> None:
        self.code = code
        self.text = text or _TEXTS[code].format(value=value)
        self.status = status or _STATUS.get(code, 400)
        super().__init__(f"{code} {self.text}")

    def row(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.text}


def weight_of(method: str, path: str, parameters: dict[str, str]) -> int:
    if path == "/fapi/v1/depth":
        limit = int(parameters.get("limit", "500"))
        return next(
            cost for top, cost in ((50, 2), (100, 5), (500, 10), (1000, 20)) if limit <= top
        )
    if method == "GET" and path in _WITHOUT_SYMBOL and "symbol" not in parameters:
        return _WITHOUT_SYMBOL[path]
    return WEIGHTS.get((method, path), 1)
