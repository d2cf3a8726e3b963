"""An answer of Spot that names another order is no verdict on the one that was asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from gateway_binance.memory import KnownOrder, OrderMemory
from gateway_binance.spot.sender import SpotSender

from gateway.api import CancelRequest, OrderRequest, ReplaceRequest

pytestmark = pytest.mark.asyncio
ROW: dict[str, Any] = {
    "symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "own1", "transactTime": 1,
    "executedQty": "0", "status": "CANCELED", "price": "50000", "qty": "1",
}  # fmt: skip
SAME: dict[str, Any] = {
    "order_id": 1,
    "client_order_id": "own1",
    "account": "main",
    "instrument": "BTCUSDT",
}


class Rest:
    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def send(self, *_: Any, **named: Any) -> bytes:
        return msgspec.json.encode(self._answer)


def sender(answer: object, facts: list[str]) -> SpotSender:
    memory = OrderMemory()
    known = KnownOrder(
        client_order_id="own1",
        symbol="BTCUSDT",
        side="BUY",
        order_id=1,
        venue_order_id=7,
        is_ours=True,
        price="50000",
        quantity="2",
        type="LIMIT",
        time_in_force="GTC",
    )
    memory.remember(known)
    memory.link(known, 7)
    wallet = SimpleNamespace(new_weight=1, cancel_weight=1, order="/api/v3/order")
    rest: Any = Rest(answer)
    questions: Any = SimpleNamespace(wallet=wallet)

    def tell(fact: str, *values: Any, **named: Any) -> None:
        facts.append(fact)

    return SpotSender(
        rest, memory, questions, tell=tell, later=lambda work: work.close(), expect=lambda _: None
    )


@pytest.mark.parametrize("is_other", [False, True])
@pytest.mark.parametrize(
    "kind", ["accepted", "canceled", "canceled by name", "replaced", "amended"]
)
async def test_an_answer_about_another_order_leaves_this_one_unknown(
    kind: str, is_other: bool
) -> None:
    row = ROW | ({"orderId": 8, "clientOrderId": "own2"} if is_other else {})
    facts = list[str]()
    if kind == "accepted":
        order = OrderRequest(
            **SAME, side="buy", type="limit", time_in_force="gtc", quantity="1", price="50000"
        )
        await sender(row, facts).submit([order])
    elif kind == "canceled by name":
        named = {"origClientOrderId": "own2" if is_other else "own3"}
        cancel = CancelRequest(**SAME | {"client_order_id": "own3"}, venue_order_id="")
        await sender(row | named, facts).cancel([cancel])
        kind = "canceled"
    elif kind == "canceled":
        await sender(row, facts).cancel([CancelRequest(**SAME, venue_order_id="7")])
    elif kind == "amended":
        answer = {"transactTime": 1, "amendedOrder": row}
        less = ReplaceRequest(**SAME, venue_order_id="7", quantity="1", price=None)
        await sender(answer, facts).replace([less])
        kind = "replaced"
    else:
        name = "own2" if is_other else "own1//1"
        answer = {"cancelResponse": ROW, "newOrderResponse": row | {"clientOrderId": name}}
        other = ReplaceRequest(**SAME, venue_order_id="7", quantity="1", price="49000")
        await sender(answer, facts).replace([other])
    assert facts == ["unknown" if is_other else kind]
