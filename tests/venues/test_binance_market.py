"""Market data of Binance, USD-M and Spot, from the simulated venue to the sink: the book is the
venue's also after lost, repeated and cut updates, and orders do not notice."""

import asyncio
from random import Random
from types import SimpleNamespace

import pytest
import pytest_asyncio
from binance_simulator.server import BinanceSimulator
from binance_simulator.spot_server import SpotSimulator
from gateway_binance.adapter import BinanceAdapter
from gateway_binance.market_data import SPOT as SPOT_WIRE
from gateway_binance.market_data import MarketData
from gateway_binance.spot.adapter import SpotAdapter

from gateway.testing import until
from gateway.testing.recording_port import RecordingPort
from gateway.testing.recording_sink import RecordingSink

pytestmark = pytest.mark.asyncio
SYMBOL, OTHER = "BTCUSDT", "ETHUSDT"


def usd_m(venue):
    settings = {"account": "main", "url": venue.url, "stream_url": venue.stream_url}
    secrets = {"key": "main-key", "secret": "main-secret"}
    return BinanceAdapter("binance", settings | {"timeout_ms": 20_000}, secrets)


def spot(venue):
    settings = {
        "account": "main",
        "symbols": [SYMBOL],
        "url": venue.url,
        "stream_url": venue.stream_url,
        "api_socket_url": venue.api_socket_url,
        "timeout_ms": 20_000,
    }
    return SpotAdapter("spot", settings, {"key": "main-key", "secret": "main-secret"})


class World:
    """A venue, its adapter with a recording port, and what the sink shows."""

    def __init__(self, kind, make):
        self.venue = kind()
        self.make = make
        self.port, self.shown = RecordingPort(), RecordingSink()

    async def start(self):
        await self.venue.start()
        self.adapter = self.make(self.venue)
        await self.adapter.connect(self.port)
        await self.adapter.publish_market(self.shown, [SYMBOL])

    async def stop(self):
        await self.adapter.close()
        await self.venue.stop()

    def level(self, side, price, quantity):
        self.venue.venue.level(SYMBOL, side, price, quantity)

    def is_equal(self):
        own = self.venue.venue.book(SYMBOL)
        sides = ([tuple(each) for each in rows] for rows in (own.bids(20), own.asks(20)))
        return self.shown.books.get(SYMBOL) == tuple(sides)

    async def until_equal(self):
        await until(self.is_equal, "the venue's book")

    @property
    def lines(self):
        """Lines of the hub that carry this symbol's depth."""
        name = f"{SYMBOL.lower()}@depth@100ms"
        return [reader for reader in self.venue.hub._readers if name in reader.names]


@pytest_asyncio.fixture(
    params=[(BinanceSimulator, usd_m), (SpotSimulator, spot)], ids=["usdm", "spot"]
)
async def world(request):
    world = World(*request.param)
    await world.start()
    try:
        yield world
    finally:
        await world.stop()


async def test_the_book_is_the_venues_also_after_lost_repeated_and_cut_updates(world):
    world.level("buy", "49900.00", "1")
    await world.until_equal()
    for step in range(120):
        if step in (40, 80):
            world.venue.faults.add("event depthUpdate", "lose")
        if step == 60:
            world.venue.faults.add("event depthUpdate", "duplicate")
        side, base = ("buy", 49_900) if step % 2 else ("sell", 50_000)
        world.level(side, f"{base + step % 17}.{step % 9}0", f"{step % 5}.{step % 7}")
        await asyncio.sleep(0.001)
    await world.until_equal()
    lost = world.shown.lost[SYMBOL]
    assert lost >= 1
    for line in world.lines:
        line.abort()
    await until(lambda: world.shown.lost[SYMBOL] > lost, "the book to be lost with its line")
    world.level("sell", "50001.00", "3")
    await world.until_equal()
    assert not world.port.of("gap_opened"), "market data opened a gap of the account"


async def test_trades_are_told_with_the_side_of_the_taker(world):
    await until(lambda: world.lines)
    world.level("buy", "49900.00", "1")
    await world.until_equal()

    def told():
        if not world.shown.trades:
            world.venue.venue.trade(SYMBOL, "49900.00", "0.5", "sell")
        return world.shown.trades

    await until(told, "a trade")
    symbol, price, quantity, side, number = world.shown.trades[0]
    assert (symbol, float(price), float(quantity), side) == (SYMBOL, 49_900.0, 0.5, "sell")
    assert number.isdigit()


async def test_a_venue_that_refuses_the_snapshot_is_asked_again_and_later(world):
    path = "/fapi/v1/depth" if isinstance(world.venue, BinanceSimulator) else "/api/v3/depth"
    await world.until_equal()
    for _ in range(3):
        world.venue.faults.add(f"GET {path}", "error")
    for line in world.lines:
        line.abort()
    await until(lambda: world.shown.lost[SYMBOL], "the book to be lost")
    world.level("sell", "50001.00", "3")
    await world.until_equal()
    assert not world.port.of("gap_opened")


async def test_closed_is_closed(world):
    await world.until_equal()
    await world.adapter.close()
    told = world.shown.calls
    world.level("buy", "49900.00", "7")
    await asyncio.sleep(0.05)
    assert world.shown.calls == told


async def test_marks_and_rates_of_usd_m_come_with_the_next_funding():
    world = World(BinanceSimulator, usd_m)
    await world.start()
    try:
        world.level("buy", "49900.00", "1")
        await until(lambda: world.shown.rates, "a rate")
        rate, next_ns = world.shown.rates[SYMBOL]
        assert float(rate) == 0.0001
        assert next_ns % (28_800 * 10**9) == 0
        assert world.shown.marks[SYMBOL]
    finally:
        await world.stop()


class Snapshots:
    """The venue's REST door alone: answers when the test lets it."""

    def __init__(self):
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def public(self, *_, **__):
        self.asked += 1
        await self.may_answer.wait()
        return SimpleNamespace(bids=[("1", "1")], asks=[("2", "1")], last=500, time=1)


@pytest.mark.parametrize("is_asked_before", [False, True])
async def test_a_book_whose_line_is_down_is_not_shown_as_live(is_asked_before):
    rest, shown = Snapshots(), RecordingSink()
    market = MarketData(SPOT_WIRE, "wss://127.0.0.1:1", rest, shown, [SYMBOL], random=Random(1))
    asker = asyncio.create_task(market._ask_snapshots())
    try:
        if is_asked_before:
            rest.may_answer.clear()
        market._stand([SYMBOL])
        await until(lambda: rest.asked == 1 if is_asked_before else shown.books.get(SYMBOL))
        market._lose([SYMBOL], "connection reset")
        rest.may_answer.set()
        for _ in range(20):  # every task had its turn
            await asyncio.sleep(0)
        assert (market._books[SYMBOL].state == "live", rest.asked) == (False, 1)
        assert not shown.books.get(SYMBOL)
        market._stand([SYMBOL])
        await until(lambda: shown.books.get(SYMBOL), "the book after the line is up")
    finally:
        asker.cancel()
        await asyncio.gather(asker, return_exceptions=True)
