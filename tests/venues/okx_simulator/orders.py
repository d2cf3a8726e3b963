"""One order of the simulated venue, plain or algo, and how OKX shows it. Pure rendering."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gateway_paper.venue.exact import money_text
from okx_simulator.listings import Product

__all__ = ["AlgoOrder", "OkxOrder", "decimal_text"]

Row = dict[str, Any]


def decimal_text(value: Fraction) -> str:
    return money_text(value)


@dataclass(slots=True, kw_only=True)
class OkxOrder:
    """Sizes are contracts, or base coins for spot. `fee` has OKX's sign: negative = charged."""

    order_id: str
    account: str
    product: Product
    client_id: str
    tag: str
    side: str
    leg: str
    order_type: str
    trade_mode: str
    target: str  # tgtCcy
    size: str
    price: str
    is_reduce_only: bool
    created_ms: int
    updated_ms: int
    state: str = "live"
    filled: Fraction = Fraction(0)
    turnover: Fraction = Fraction(0)
    fee: Fraction = Fraction(0)
    fee_currency: str = ""
    category: str = "normal"
    cancel_source: str = ""
    algo_id: str = ""
    algo_client_id: str = ""
    last_fill: Row = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return self.state in ("filled", "canceled")

    def row(self) -> Row:
        """As GET trade/order, orders-pending and orders-history show it."""
        average = decimal_text(self.turnover / self.filled) if self.filled else ""
        return {
            "accFillSz": decimal_text(self.filled),
            "algoClOrdId": self.algo_client_id,
            "algoId": self.algo_id,
            "attachAlgoClOrdId": "",
            "attachAlgoOrds": [],
            "avgPx": average,
            "cTime": str(self.created_ms),
            "cancelSource": self.cancel_source,
            "cancelSourceReason": "",
            "category": self.category,
            "ccy": "",
            "clOrdId": self.client_id,
            "fee": decimal_text(self.fee) if self.fee_currency else "0",
            "feeCcy": self.fee_currency,
            "fillPx": self.last_fill.get("fillPx", ""),
            "fillSz": self.last_fill.get("fillSz", "0"),
            "fillTime": self.last_fill.get("fillTime", ""),
            "instId": self.product.inst_id,
            "instType": self.product.kind,
            "isTpLimit": "false",
            "lever": "" if self.product.kind == "SPOT" else "10",
            "linkedAlgoOrd": {"algoId": ""},
            "ordId": self.order_id,
            "ordType": self.order_type,
            "pnl": "0",
            "posSide": "net" if self.leg == "net" else self.leg,
            "px": self.price,
            "pxType": "",
            "pxUsd": "",
            "pxVol": "",
            "quickMgnType": "",
            "rebate": "0",
            "rebateCcy": "",
            "reduceOnly": "true" if self.is_reduce_only else "false",
            "side": self.side,
            "slOrdPx": "",
            "slTriggerPx": "",
            "slTriggerPxType": "",
            "source": "",
            "state": self.state,
            "stpId": "",
            "stpMode": "cancel_maker",
            "sz": self.size,
            "tag": self.tag,
            "tdMode": self.trade_mode,
            "tgtCcy": self.target,
            "tpOrdPx": "",
            "tpTriggerPx": "",
            "tpTriggerPxType": "",
            "tradeId": self.last_fill.get("tradeId", ""),
            "uTime": str(self.updated_ms),
        }

    def push(self, *, is_fill: bool, **changes: str) -> Row:
        """As the orders channel shows it; the fill fields are those of this very update."""
        fill = self.last_fill if is_fill else {}
        return {
            **self.row(),
            "tradeId": fill.get("tradeId", ""),
            "fillSz": fill.get("fillSz", "0"),
            "fillPx": fill.get("fillPx", ""),
            "fillTime": fill.get("fillTime", ""),
            "amendResult": "",
            "amendSource": "",
            "code": "0",
            "msg": "",
            "reqId": "",
            "execType": fill.get("execType", ""),
            "fillFee": fill.get("fee", "0"),
            "fillFeeCcy": fill.get("feeCcy", ""),
            "fillPnl": "0",
            "fillNotionalUsd": "",
            "notionalUsd": "",
            "lastPx": "",
            **changes,
        }


@dataclass(slots=True, kw_only=True)
class AlgoOrder:
    """A trigger or stop-loss order before it becomes a plain one. `execution_price` -1 = market."""

    algo_id: str
    account: str
    product: Product
    client_id: str
    tag: str
    side: str
    leg: str
    order_type: str
    trade_mode: str
    size: str
    trigger_price: str
    execution_price: str
    is_reduce_only: bool
    rises: bool  # triggers at or above, else at or below
    created_ms: int
    updated_ms: int
    state: str = "live"
    child_id: str = ""
    fail_code: str = ""

    def row(self) -> Row:
        is_conditional = self.order_type == "conditional"
        stop = self.trigger_price if is_conditional else ""
        return {
            "actualPx": "",
            "actualSide": "sl" if is_conditional and self.child_id else "",
            "actualSz": self.size if self.child_id else "0",
            "algoClOrdId": self.client_id,
            "algoId": self.algo_id,
            "attachAlgoOrds": [],
            "cTime": str(self.created_ms),
            "ccy": "",
            "clOrdId": "",
            "closeFraction": "",
            "failCode": self.fail_code,
            "instId": self.product.inst_id,
            "instType": self.product.kind,
            "last": "",
            "lever": "" if self.product.kind == "SPOT" else "10",
            "ordId": self.child_id,
            "ordIdList": [self.child_id] if self.child_id else [],
            "ordPx": "" if is_conditional else self.execution_price,
            "ordType": self.order_type,
            "posSide": self.leg,
            "quickMgnType": "",
            "reduceOnly": "true" if self.is_reduce_only else "false",
            "side": self.side,
            "slOrdPx": self.execution_price if is_conditional else "",
            "slTriggerPx": stop,
            "slTriggerPxType": "last" if is_conditional else "",
            "state": self.state,
            "sz": self.size,
            "tag": self.tag,
            "tdMode": self.trade_mode,
            "tgtCcy": "base_ccy" if self.product.kind == "SPOT" else "",
            "tpOrdPx": "",
            "tpTriggerPx": "",
            "tpTriggerPxType": "",
            "triggerPx": "" if is_conditional else self.trigger_price,
            "triggerPxType": "" if is_conditional else "last",
            "triggerTime": str(self.updated_ms) if self.child_id else "",
            "uTime": str(self.updated_ms),
        }
