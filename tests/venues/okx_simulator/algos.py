"""Algo orders of the simulated venue: they wait outside the book for the last price and then
become plain orders with an id of their own. Also cancel-all-after, which is time's own order."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from okx_simulator.envelope import Refusal
from okx_simulator.orders import AlgoOrder
from okx_simulator.venue import OkxVenue, Push

__all__ = ["Algos"]

Row = dict[str, Any]


class Algos:
    """All algo orders, and the dead-man timers, in ms of the venue's clock."""

    def __init__(self, venue: OkxVenue, push: Push) -> None:
        self.orders: dict[str, AlgoOrder] = {}
        self.timers: dict[str, int] = {}
        self._venue = venue
        self._push = push
        self._is_checking = False

    def place(self, account: str, body: Row) -> Row:
        """Trigger, or a conditional order with a stop loss."""
        venue = self._venue
        product = venue.product_of(body)
        client_id = str(body.get("algoClOrdId") or "")
        if client_id and any(o.client_id == client_id for o in self.open_orders(account)):
            raise Refusal("51016")
        kind = str(body.get("ordType") or "")
        names = {"trigger": ("triggerPx", "orderPx"), "conditional": ("slTriggerPx", "slOrdPx")}
        if kind not in names:
            raise Refusal("51000", "ordType")
        trigger, execution = (str(body.get(name) or "") for name in names[kind])
        if not trigger or not execution:
            raise Refusal("50014", names[kind][0])
        leg = str(body.get("posSide") or "net")
        is_hedged = venue.holder(account).is_hedge_mode and product.kind != "SPOT"
        if (leg == "net") == is_hedged:
            raise Refusal("51000", "posSide")
        last = venue.last_price(product.inst_id)
        rises = body.get("side") == "buy" if last is None else Fraction(trigger) >= last
        if kind == "conditional" and last is not None and rises != (body.get("side") == "buy"):
            raise Refusal("51278" if body.get("side") == "buy" else "51280")
        now = venue.now_ms()
        order = AlgoOrder(
            algo_id=venue.next_id(),
            account=account,
            product=product,
            client_id=client_id,
            tag=str(body.get("tag") or ""),
            side=str(body["side"]),
            leg=leg,
            order_type=kind,
            trade_mode=str(body.get("tdMode") or ""),
            size=str(body.get("sz") or ""),
            trigger_price=trigger,
            execution_price=execution,
            is_reduce_only=str(body.get("reduceOnly")).lower() == "true",
            rises=rises,
            created_ms=now,
            updated_ms=now,
        )
        self.orders[order.algo_id] = order
        self._tell(order)
        return {"algoId": order.algo_id, "algoClOrdId": client_id, "clOrdId": "", "tag": order.tag}

    def cancel(self, account: str, body: Row) -> Row:
        order = self.find(account, body)
        if order is None or order.state != "live":
            raise Refusal("51400")
        order.state = "canceled"
        order.updated_ms = self._venue.now_ms()
        self._tell(order)
        return {"algoId": order.algo_id, "algoClOrdId": order.client_id}

    def amend(self, account: str, body: Row) -> Row:
        """New size, trigger and price of one that waits; its kind has its own names for them."""
        order = self.find(account, body)
        if order is None or order.state != "live":
            raise Refusal("51503")
        names = {
            "trigger": ("newTriggerPx", "newOrdPx"),
            "conditional": ("newSlTriggerPx", "newSlOrdPx"),
        }
        wanted = {name for name in body if name.startswith("new")}
        if not wanted or not wanted <= {"newSz", *names[order.order_type]}:
            raise Refusal("51000", ",".join(sorted(wanted)))
        trigger, execution = names[order.order_type]
        order.size = str(body.get("newSz") or order.size)
        order.trigger_price = str(body.get(trigger) or order.trigger_price)
        order.execution_price = str(body.get(execution) or order.execution_price)
        order.updated_ms = self._venue.now_ms()
        self._tell(order)
        request_id = str(body.get("reqId") or "")
        return {"algoId": order.algo_id, "algoClOrdId": order.client_id, "reqId": request_id}

    def find(self, account: str, body: Row) -> AlgoOrder | None:
        algo_id, client_id = str(body.get("algoId") or ""), str(body.get("algoClOrdId") or "")
        for order in reversed(self.orders.values()):
            is_it = order.algo_id == algo_id if algo_id else order.client_id == client_id
            if order.account == account and is_it:
                return order
        return None

    def open_orders(self, account: str) -> list[AlgoOrder]:
        return [o for o in self.orders.values() if o.account == account and o.state == "live"]

    def check(self) -> None:
        """Trigger what the last price reached. A triggered order may move the market itself."""
        if self._is_checking:
            return
        self._is_checking = True
        try:
            while due := next((o for o in self.orders.values() if self._is_due(o)), None):
                self._trigger(due)
        finally:
            self._is_checking = False

    def arm(self, account: str, seconds: int) -> Row:
        """Cancel-all-after; 0 disarms."""
        if seconds and not 10 <= seconds <= 120:
            raise Refusal("51000", "timeOut")
        now = self._venue.now_ms()
        if seconds:
            self.timers[account] = now + seconds * 1_000
        else:
            self.timers.pop(account, None)
        trigger = str(self.timers.get(account, 0))
        return {"triggerTime": trigger, "tag": "", "ts": str(now)}

    def advance(self) -> None:
        """Let timers run out."""
        for account, due_ms in list(self.timers.items()):
            if self._venue.now_ms() >= due_ms:
                del self.timers[account]
                self._venue.cancel_everything(account, "20")

    def _is_due(self, order: AlgoOrder) -> bool:
        last = self._venue.last_price(order.product.inst_id)
        if order.state != "live" or last is None:
            return False
        trigger = Fraction(order.trigger_price)
        return last >= trigger if order.rises else last <= trigger

    def _trigger(self, order: AlgoOrder) -> None:
        is_market = order.execution_price == "-1"
        body = {
            "side": order.side,
            "posSide": order.leg,
            "ordType": "market" if is_market else "limit",
            "px": "" if is_market else order.execution_price,
            "sz": order.size,
            "tdMode": order.trade_mode,
            "tgtCcy": "base_ccy" if order.product.kind == "SPOT" else "",
            "reduceOnly": "true" if order.is_reduce_only else "",
            "tag": order.tag,
        }
        origin = {"algo_id": order.algo_id, "algo_client_id": order.client_id}
        order.updated_ms = self._venue.now_ms()
        order.state = "effective"
        try:
            child = self._venue.spawn(order.account, order.product, body, **origin)
        except Refusal as error:
            order.state, order.fail_code = "order_failed", error.code
        else:
            order.child_id = child.order_id
        self._tell(order)

    def _tell(self, order: AlgoOrder) -> None:
        self._push(order.account, "orders-algo", order.product, [order.row()])
