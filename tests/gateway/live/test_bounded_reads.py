"""Whole tables are never read in one piece on the event loop: what one call of the native engine
makes is bounded, and the loop turns between two calls. Counted in rows, not in time."""

import asyncio

import pytest
import pytest_asyncio
from native_world import connected

from gateway.core.engine import PAGE_COUNT_MAX, PAGE_ROWS_MAX
from gateway.entry.keys import Identity

pytestmark = pytest.mark.asyncio
ORDERS = 2 * PAGE_ROWS_MAX + 100
WHO = Identity("k", "desk", frozenset({"read", "trade", "cancel"}))


class Counted:
    """The native engine, with the rows of every read and the loop's turn it came in."""

    def __init__(self, native):
        self._native = native
        self.reads = []  # (call, rows made or slots looked at, turn of the loop)
        self.turn = 0

    def __getattr__(self, name):
        return getattr(self._native, name)

    def orders(self, *arguments):
        raise AssertionError("the whole table in one call")

    def orders_page(self, start, slots_max, **named):
        rows, after = self._native.orders_page(start, slots_max, **named)
        self.reads.append(("orders_page", max(len(rows), slots_max), self.turn))
        return rows, after

    def order_ids(self, start, slots_max, **named):
        self.reads.append(("order_ids", slots_max, self.turn))
        return self._native.order_ids(start, slots_max, **named)

    def count_orders(self, start, slots_max):
        self.reads.append(("count_orders", slots_max, self.turn))
        return self._native.count_orders(start, slots_max)

    async def count_turns(self):
        while True:
            self.turn += 1
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def crowded(ring_directory):
    """A world with more open orders than two pages hold, and what it reads from now on."""
    world = await connected(ring_directory, orders_max=4096)
    for number in range(ORDERS):
        assert world.router._port.submit(1, f"c{number}", 1, 1, 1, 1, 2, 1, "0.001", "90")
        if number % 256 == 0:
            await world.sends()
    await world.sends()
    world.engine.native = counted = Counted(world.native)
    turns = asyncio.create_task(counted.count_turns())
    yield world, counted
    turns.cancel()
    world.close()
    world.native.stop()


def assert_bounded(counted, calls_min):
    assert len(counted.reads) >= calls_min
    for name, rows, _ in counted.reads:
        assert rows <= {"orders_page": PAGE_ROWS_MAX}.get(name, PAGE_COUNT_MAX)
    turns = [turn for _, _, turn in counted.reads]
    assert len(set(turns)) == len(turns), "the loop turns between two reads"


async def test_every_open_order_is_in_exactly_one_page(crowded):
    world, counted = crowded
    pages = [page async for page in world.engine.order_pages()]
    ids = [row["order_id"] for page in pages for row in page]
    assert len(ids) == len(set(ids)) == ORDERS
    assert_bounded(counted, 3)


async def test_the_counts_of_the_status_make_no_rows(crowded):
    world, counted = crowded
    status = await world.desk.status()
    assert (status.open_orders, status.unknown_orders) == (ORDERS, 0)
    assert {name for name, _, _ in counted.reads} == {"count_orders"}
    assert_bounded(counted, 1)


async def test_the_newest_orders_are_the_newest_and_only_they_become_rows(crowded):
    world, counted = crowded
    rows = await world.engine.newest_orders(limit=10)
    assert [row["client_order_id"] for row in rows] == [
        f"c{number}" for number in range(ORDERS - 10, ORDERS)
    ]
    every = await world.engine.newest_orders(open_only=False, limit=100_000)
    assert [row["client_order_id"] for row in every] == [f"c{n}" for n in range(ORDERS)]
    assert {name for name, _, _ in counted.reads} == {"order_ids"}
    assert_bounded(counted, 2)


async def test_the_newest_orders_are_the_newest_also_where_slots_were_used_again(ring_directory):
    world = await connected(ring_directory, orders_max=64)
    for number in range(40):  # these end, and their slots are used again
        order_id = await world.submit(f"old{number}")
        world.link.session.accepted(order_id, f"v{number}")
        world.link.session.canceled(order_id, "requested")
    for number in range(50):
        await world.submit(f"new{number}")
    rows = await world.engine.newest_orders(open_only=False, limit=50)
    assert [row["client_order_id"] for row in rows] == [f"new{number}" for number in range(50)]
    world.close()
    world.native.stop()


async def test_reconciliation_and_the_watch_for_unknown_outcomes_read_page_by_page(crowded):
    world, counted = crowded
    await world.link.reconciler._open_rows("main")
    assert_bounded(counted, 3)
    counted.reads.clear()
    await world.link._orders_of_gone_sessions()
    assert_bounded(counted, 3)
    counted.reads.clear()
    world.link.health.counters["unknown_outcomes"] = 1
    world.link.health.set("reconciled", "", 0)
    world.link.health.unsettled = ["1"]
    assert await world.link._has_unknown() is False
    assert_bounded(counted, 3)
    assert world.link.health.unsettled == [], "nothing is unknown any more"


async def test_a_fill_tells_the_positions_of_its_instrument_and_makes_no_others(ring_directory):
    world = await connected(ring_directory)
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    world.link.session.filled(world.fill(order_id, "t1", "2", venue_order_id="v1"))
    await world.sends()
    symbol = world.row(order_id)["instrument"]
    (row,) = world.engine.positions_of("main", symbol)
    assert (row["instrument"], row["quantity"]) == (symbol, "2")
    assert world.engine.native.positions_page(0, 512, account=1, instrument=9) == ([], 0)
    assert await world.engine.positions() == world.native.positions()
    world.close()
    world.native.stop()
