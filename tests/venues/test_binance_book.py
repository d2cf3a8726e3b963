"""The book of the toolkit follows the streams of the simulated Binance, USD-M and Spot, each by its
own rule of continuity, and ends equal to the venue's own."""

import asyncio

import aiohttp
import msgspec
import pytest
from binance_simulator.server import BinanceSimulator
from binance_simulator.spot_server import SpotSimulator

from gateway.testing import until
from gateway.transport import BookBuilder, BookUpdate

pytestmark = pytest.mark.asyncio
SYMBOL = "BTCUSDT"


def update_of(row):
    return BookUpdate(
        bids=[tuple(each) for each in row["b"]],
        asks=[tuple(each) for each in row["a"]],
        first=row["U"],
        last=row["u"],
        previous=row.get("pu", 0),  # Spot tells ranges alone
    )


class Follower:
    """One reader: buffers, asks for the snapshot, applies, and asks again after a hole."""

    def __init__(self, venue, rule, stream_path, depth_path):
        self.venue, self.book, self.snapshots = venue, BookBuilder(rule), 0
        self.stream_path, self.depth_path = stream_path, depth_path

    async def run(self):
        address = f"{self.venue.stream_url}{self.stream_path}?streams={SYMBOL.lower()}@depth@100ms"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            async for message in socket:
                frame = msgspec.json.decode(message.data)
                self.book.update(update_of(frame["data"]))
                if self.book.needs_snapshot:
                    await self.ask(session)

    async def ask(self, session):
        self.snapshots += 1
        path = f"{self.venue.url}{self.depth_path}?symbol={SYMBOL}&limit=1000"
        async with session.get(path) as answer:
            row = msgspec.json.decode(await answer.read())
        number = row["lastUpdateId"]
        sides = {side: [tuple(each) for each in row[side]] for side in ("bids", "asks")}
        self.book.snapshot(BookUpdate(**sides, first=number, last=number, previous=0))

    def shown(self):
        bids, asks = self.book.depth(1_000)
        return [tuple(each) for each in bids], [tuple(each) for each in asks]

    def is_equal(self):
        own = self.venue.venue.book(SYMBOL)
        bids, asks = ([tuple(each) for each in side] for side in (own.bids(1_000), own.asks(1_000)))
        return self.shown() == (bids, asks)


@pytest.mark.parametrize(
    ("kind", "rule", "stream_path", "depth_path"),
    [
        (BinanceSimulator, "previous_update", "/public/stream", "/fapi/v1/depth"),
        pytest.param(
            *(SpotSimulator, "update_ranges", "/stream", "/api/v3/depth"), marks=pytest.mark.slow
        ),
    ],
    ids=["usdm", "spot"],
)
async def test_the_book_is_that_of_the_venue_also_after_lost_updates(
    kind, rule, stream_path, depth_path
):
    venue = kind()
    await venue.start()
    follower = Follower(venue, rule, stream_path, depth_path)
    task = asyncio.create_task(follower.run())
    try:
        await until(lambda: venue.hub.connections)
        for step in range(400):
            if step in (100, 250):
                venue.faults.add("event depthUpdate", "lose")
            if step == 180:
                venue.faults.add("event depthUpdate", "duplicate")
            side, base = ("buy", 49_900) if step % 2 else ("sell", 50_000)
            price = f"{base + step % 17}.{step % 9}0"
            venue.venue.level(SYMBOL, side, price, f"{step % 5}.{step % 7}")
            await asyncio.sleep(0.001)
        await until(follower.is_equal, "the venue's book")
        assert follower.book.gaps >= 1 and follower.snapshots >= 2
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await venue.stop()
