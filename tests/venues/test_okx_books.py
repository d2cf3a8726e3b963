"""Books of the adapter follow those of the simulated venue through losses, lies and cuts."""

import contextlib
from collections import Counter
from random import Random

import pytest
from gateway_okx.books import OkxBooks
from okx_desk import SWAP, simulated

from gateway.testing import until

pytestmark = pytest.mark.asyncio
OTHER = "BTC-USD-SWAP"


@contextlib.asynccontextmanager
async def books(**terms):
    async with simulated() as simulator:
        for name, value in terms.items():
            setattr(simulator.sockets, name, value)
        found = OkxBooks(simulator.socket_url, [SWAP, OTHER], random=Random(1), counters=Counter())
        await found.start()
        try:
            await until(lambda: all(b.state == "live" for b in found.books.values()))
            yield simulator, found
        finally:
            await found.stop()


def is_equal(simulator, found, symbol):
    rows = simulator.venue.exchange.depth_rows(symbol, 400)
    bids, asks = found.books[symbol].depth(400)
    return [list(each) for each in bids] == rows["bids"] and [list(each) for each in asks] == rows[
        "asks"
    ]


def move(simulator, random, steps):
    for _ in range(steps):
        symbol = random.choice([SWAP, OTHER])
        side = random.choice(["buy", "sell"])
        offset = random.randrange(1, 400)
        price = 500_000 - offset if side == "buy" else 500_000 + offset
        size = str(random.choice([0, 1, 2, 30]))
        simulator.venue.set_level(symbol, side, f"{price // 10}.{price % 10}", size)


@pytest.mark.parametrize("has_checksum", [True, False])
async def test_books_equal_those_of_the_venue(has_checksum):
    async with books(has_checksum=has_checksum) as (simulator, found):
        random = Random(7)
        for _ in range(5):
            move(simulator, random, 40)
            for symbol in (SWAP, OTHER):
                await until(lambda s=symbol: is_equal(simulator, found, s), symbol)
        assert [book.gaps for book in found.books.values()] == [0, 0]


def wrong_checksum(text):
    return text.replace('"checksum":', '"checksum":1')


@pytest.mark.parametrize(
    ("action", "terms"),
    [
        ("lose", {}),
        ("reorder", {}),
        ("rewrite", {"rewrite": wrong_checksum}),
        ("rewrite", {"rewrite": lambda text: text.replace('"seqId"', '"sequence"')}),
        ("cut", {"at_byte": 30}),
        ("truncate", {}),
    ],
)
async def test_a_book_with_a_hole_is_fetched_again(action, terms):
    async with books() as (simulator, found):
        simulator.faults.add("event books", action, nth=3, **terms)
        random = Random(11)
        move(simulator, random, 30)
        await until(lambda: simulator.faults.log, "the fault")
        move(simulator, random, 10)
        for symbol in (SWAP, OTHER):
            await until(lambda s=symbol: is_equal(simulator, found, s), symbol)
        assert sum(book.gaps for book in found.books.values()) >= 1


async def test_a_doubled_update_is_no_gap():
    async with books() as (simulator, found):
        simulator.faults.add("event books", "duplicate", count=None)
        move(simulator, Random(3), 30)
        for symbol in (SWAP, OTHER):
            await until(lambda s=symbol: is_equal(simulator, found, s), symbol)
        assert [book.gaps for book in found.books.values()] == [0, 0]
