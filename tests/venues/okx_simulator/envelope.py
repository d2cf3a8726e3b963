"""How OKX says yes and no: {code, msg, data} with a result per item. Texts are those of its error
code table (docs-v5, error code 50000-53999, read 2026-11-21)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Refusal", "TopRefusal", "failed", "item_refusal", "results", "success"]

Row = dict[str, Any]

TEXTS = {
    "50000": "Body for POST request cannot be empty.",
    "50002": "JSON syntax error",
    "50004": "API endpoint request timeout. (does not mean that the request was successful or"
    " failed, please check the request result).",
    "50011": "Too Many Requests",
    "50014": "Parameter {0} can not be empty.",
    "50026": "System error. Try again later",
    "50036": "The expTime can't be earlier than the current system time. Please adjust the expTime"
    " and try again.",
    "50061": "You've reached the maximum order rate limit for this account.",
    "50101": "APIKey does not match current environment.",
    "50102": "Timestamp request expired.",
    "50103": 'Request header "OK-ACCESS-KEY" cannot be empty.',
    "50105": 'Request header "OK-ACCESS-PASSPHRASE" incorrect.',
    "50111": "Invalid OK-ACCESS-KEY.",
    "50112": "Invalid OK-ACCESS-TIMESTAMP.",
    "50113": "Invalid signature.",
    "51000": "Parameter {0} error",
    "51001": "Instrument ID or Spread ID doesn't exist.",
    "51003": "Either client order ID or order ID is required.",
    "51008": "Order failed. Insufficient {0} balance in account",
    "51016": "Client order ID already exists.",
    "51020": "Your order should meet or exceed the minimum order amount.",
    "51121": "Order quantity must be a multiple of the lot size.",
    "51169": "Order failed because you don't have any positions in this direction for this contract"
    " to reduce or close.",
    "51278": "SL trigger price cannot be lower than the last price",
    "51280": "SL trigger price cannot be higher than the last price",
    "51400": "Order cancellation failed as the order has been filled, canceled or does not exist.",
    "51401": "Cancellation failed as the order is already canceled.",
    "51402": "Cancellation failed as the order is already completed.",
    "51410": "Cancellation failed as the order is already in canceling status or pending"
    " settlement.",
    "51503": "Order modification failed as the order has been filled, canceled or does not exist.",
    "51509": "Modification failed as the order has been canceled.",
    "51510": "Modification failed as the order has been completed.",
    "51603": "Order does not exist",
    "59000": "Setting failed. Cancel any open orders, close positions first.",
}


class Refusal(Exception):
    """No to one item of a request; the HTTP status stays 200."""

    def __init__(self, code: str, parameter: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.text = TEXTS.get(code, "").replace("{0}", parameter)


class TopRefusal(Refusal):
    """No to the whole request, with its own HTTP status and no data."""

    def __init__(self, code: str, status: int, parameter: str = "") -> None:
        super().__init__(code, parameter)
        self.status = status


def success(rows: Sequence[Row]) -> Row:
    return {"code": "0", "msg": "", "data": list(rows)}


def failed(error: Refusal) -> Row:
    return {"code": error.code, "msg": error.text, "data": []}


def results(bodies: Sequence[Row], act: Callable[[Row], Row], *, now_us: Callable[[], int]) -> Row:
    """Do each item; 0 = all done, 2 = some, 1 = none."""
    began = now_us()
    rows = [_one(body, act) for body in bodies]
    bad = sum(row["sCode"] != "0" for row in rows)
    code = "0" if not bad else "1" if bad == len(rows) else "2"
    text = {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded"}[code]
    return {
        "code": code,
        "msg": text,
        "data": rows,
        "inTime": str(began),
        "outTime": str(now_us()),
    }


def _one(body: Row, act: Callable[[Row], Row]) -> Row:
    try:
        return {**act(body), "sCode": "0", "sMsg": ""}
    except Refusal as error:
        return item_refusal(body, error)


def item_refusal(body: Row, error: Refusal) -> Row:
    return {
        "clOrdId": body.get("clOrdId", ""),
        "ordId": body.get("ordId", ""),
        "tag": body.get("tag", ""),
        "sCode": error.code,
        "sMsg": error.text,
    }
