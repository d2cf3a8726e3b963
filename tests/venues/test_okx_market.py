"""Market data of OKX from the simulated venue to the sink: the book is the venue's also after a
lost update, a wrong checksum and a cut; trades, marks and rates come; accounts notice nothing."""

import contextlib
from random import Random

import pytest
from okx_desk import SWAP, adapter_of, simulated

from gateway.testing import until
from gateway.testing.recording_port import RecordingPort
from gateway.testing.recording_sink import RecordingSink

pytestmark = pytest.mark.asyncio
SPOT = "BTC-USDT"


@contextlib.asynccontextmanager
async def world():
    async with simulated() as simulator:
        shown, port = RecordingSink(), RecordingPort()
        adapter = adapter_of(simulator, timeout_ms=20_000)
        await adapter.connect(port)
        try:
            await adapter.publish_market(shown, [SWAP, SPOT])
            for symbol in (SWAP, SPOT):
                await until(lambda s=symbol: is_equal(simulator, shown, s), symbol)
            yield simulator, shown
        finally:
            await adapter.close()
        assert not port.of("gap_opened"), "market data opened a gap of the account"


def is_equal(simulator, shown, symbol):
    rows = simulator.venue.exchange.depth_rows(symbol, 20)
    sides = tuple([tuple(each) for each in rows[side]] for side in ("bids", "asks"))
    return shown.books.get(symbol) == sides


def move(simulator, random, steps):
    for _ in range(steps):
        side = random.choice(["buy", "sell"])
        offset = random.randrange(1, 60)
        price = 500_000 - offset if side == "buy" else 500_000 + offset
        size = str(random.choice([0, 1, 2, 30]))
        simulator.venue.set_level(SWAP, side, f"{price // 10}.{price % 10}", size)


@pytest.mark.parametrize(
    ("action", "terms"),
    [
        ("lose", {}),
        ("rewrite", {"rewrite": lambda text: text.replace('"checksum":', '"checksum":1')}),
        ("cut", {"at_byte": 30}),
        ("duplicate", {}),
    ],
    ids=["lost", "checksum", "cut", "twice"],
)
async def test_the_book_is_the_venues_also_after_a_fault(action, terms):
    async with world() as (simulator, shown):
        simulator.faults.add("event books", action, nth=3, **terms)
        random = Random(11)
        move(simulator, random, 30)
        await until(lambda: simulator.faults.log, "the fault")
        move(simulator, random, 10)
        await until(lambda: is_equal(simulator, shown, SWAP), "the venue's book")
        assert (shown.lost[SWAP] >= 1) == (action != "duplicate")


async def test_trades_marks_and_rates_come_with_side_and_next_funding():
    async with world() as (simulator, shown):
        await until(lambda: SWAP in shown.marks and SWAP in shown.rates)
        rate, next_ns = shown.rates[SWAP]
        assert float(rate) == 0.0001
        assert next_ns % (8 * 3_600 * 10**9) == 0
        assert SPOT not in shown.rates
        simulator.venue.trade(SWAP, "50000", "1", "sell")
        simulator.venue.trade(SPOT, "50000.1", "0.5", "buy")
        await until(lambda: len(shown.trades) == 2, "both trades")
        told = {(symbol, float(price), side) for symbol, price, _, side, _ in shown.trades}
        assert told == {(SWAP, 50_000.0, "sell"), (SPOT, 50_000.1, "buy")}
