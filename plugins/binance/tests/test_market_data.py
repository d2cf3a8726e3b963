"""Snapshots of books never take what new orders need, and a frame of prices that says a thing twice
is none."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from gateway_binance import adapter
from gateway_binance.market_data import SPOT, USD_M, MarketData, MarketWire
from gateway_binance.spot import adapter as spot_adapter
from gateway_binance.spot.capabilities import RATE_LIMITS

from gateway.api import MarketSink, VenueProtocolError, VenueRateLimited
from gateway.transport import Budget, Lane

pytestmark = pytest.mark.asyncio
WITHIN_A_MINUTE_NS = 1_700_000_030_000_000_000


class Rest:
    """Takes of a budget what a snapshot costs and has none."""

    def __init__(self) -> None:
        self.budget = Budget(RATE_LIMITS, lambda: WITHIN_A_MINUTE_NS, identity={"account": "main"})
        self.is_spent = asyncio.Event()
        self.taken = 0

    async def public(
        self, path: str, *_: Any, weight: int, lane: Lane = "query", **named: Any
    ) -> None:
        while not self.budget.take(lane, {"weight": weight}):
            self.taken += 1
        self.is_spent.set()
        raise VenueRateLimited("the budget is spent", 1_000)


@pytest.mark.parametrize("wire", [SPOT, USD_M])
async def test_books_that_want_snapshots_leave_room_for_orders(wire: MarketWire) -> None:
    rest: Any = Rest()
    sink: Any = MarketSink
    market = MarketData(wire, "ws://127.0.0.1:1", rest, sink, ["BTCUSDT"], random=Random(1))
    market._stand(["BTCUSDT"])
    asker = asyncio.create_task(market._ask_snapshots())
    async with asyncio.timeout(300):
        await rest.is_spent.wait()
    asker.cancel()
    await asyncio.gather(asker, return_exceptions=True)
    assert rest.taken * wire.weight > 3_000
    assert all(not rest.budget.take("new", {"weight": 1}) for _ in range(800))
    assert not rest.budget.take("query", {"weight": 500})


MARK = (
    b'{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1,"s":"BTCUSDT",'
    b'"p":"50000.1",%b"r":"","T":0}}'
)
TRADE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","a":1,'
    b'"p":"50000.1",%b"q":"1","T":1,"m":true}}'
)


class Sink:
    def __init__(self) -> None:
        self.told = list[str]()

    def marked(self, symbol: str, mark: str, **named: Any) -> None:
        self.told.append(mark)

    def traded(self, symbol: str, price: str, quantity: str, **named: Any) -> None:
        self.told.append(price)


@pytest.mark.parametrize("frame", [MARK, TRADE])
async def test_a_frame_of_prices_with_a_key_that_stands_twice_is_refused(frame: bytes) -> None:
    rest: Any = Rest()
    sink: Any = Sink()
    market = MarketData(USD_M, "ws://127.0.0.1:1", rest, sink, ["BTCUSDT"], random=Random(1))
    market._on_frame(frame % b"")
    with pytest.raises(VenueProtocolError, match="twice"):
        market._on_frame(frame % b'"p":"1.0",')
    assert sink.told == ["50000.1"]


@pytest.mark.parametrize("product", [adapter, spot_adapter])
async def test_a_frame_of_the_adapter_s_own_prices_is_looked_at_too(product: Any) -> None:
    product._FRAME.read(MARK % b"")
    with pytest.raises(VenueProtocolError, match="twice"):
        product._FRAME.read(MARK % b'"p":"1.0",')
