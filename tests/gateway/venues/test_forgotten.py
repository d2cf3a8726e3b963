"""What is booked and no longer remembered is not booked again, what is new is, and what nobody can
tell is a break that names it."""

from decimal import Decimal

import pytest
from live_world import BalanceReport
from native_world import connected, open_world

from gateway.api import PositionReport

pytestmark = pytest.mark.asyncio

RING = 1024


def held(world):
    return sum(Decimal(str(row["quantity"])) for row in world.native.positions())


def stated(world, quantity):
    """What the venue says is held."""
    position = PositionReport(account="main", instrument="BTCUSDT", leg="net", quantity=quantity)
    world.adapter.position = [position]


async def resting(world, **changes):
    """A good-till-canceled order that the venue lists."""
    order_id = await world.submit("gtc1", quantity="1", **changes)
    world.link.session.accepted(order_id, f"v{order_id & 0xFFFF}")
    await world.sends()
    report = world.report(order_id, "new", quantity="1", **changes)
    world.adapter.open = [report]
    world.adapter.by_client[world.client_id(order_id)] = report
    return order_id


async def trade(world, count, *, seconds=1):
    """Fills of others' orders over the stream, one each second of the venue."""
    for number in range(count):
        world.advance(seconds * 1000)
        fill = world.fill(0, f"x{number}", "0.001", venue_order_id=f"foreign{number}")
        world.adapter.history.append(fill)
        world.link.session.filled(fill)
        if number % 50 == 0:
            await world.sends()
    await world.sends()


async def test_an_old_order_that_the_venue_lists_as_it_is_here_asks_for_no_old_fill(ring_directory):
    world = await connected(ring_directory, orders_max=RING)
    await resting(world, price="60")
    asked = []
    fills = world.adapter.fills

    async def counted(account, since_ns):
        asked.append(since_ns)
        return await fills(account, since_ns)

    world.adapter.fills = counted
    await trade(world, 100, seconds=60)
    stated(world, str(held(world)))
    newest_ns = world.native.now_ns()
    result = await world.reconcile()
    assert min(asked) == newest_ns - 60 * 10**9, "since the newest fill, overlapped"
    assert result.breaks == []
    world.close()


async def test_fills_that_are_forgotten_and_told_again_are_booked_once(ring_directory):
    world = await connected(ring_directory, orders_max=RING)
    order_id = await resting(world, price="60")
    await trade(world, RING + 500)
    before, fills = held(world), world.native.counters()["fills"]
    world.adapter.open = []  # unsure of it: every fill since it was made is asked for
    gone = world.report(order_id, "canceled", quantity="1", price="60")
    world.adapter.by_client[world.client_id(order_id)] = gone
    stated(world, str(before))
    result = await world.reconcile()
    assert world.state(order_id) == "CANCELED"
    assert (held(world), world.native.counters()["fills"]) == (before, fills)
    assert world.native.counters()["facts_forgotten"] == 500
    assert result.breaks == [], "the venue holds what we hold: all are booked"
    world.close()


async def test_an_order_is_not_filled_by_the_repeat_of_its_forgotten_fill(ring_directory):
    world = await connected(ring_directory, orders_max=RING)
    order_id = await resting(world, price="100")
    fill = world.fill(order_id, "p1", "0.5")
    world.adapter.history.append(fill)
    world.link.session.filled(fill)
    part = world.report(order_id, "partially_filled", "0.5", quantity="1")
    world.adapter.open = [part]
    world.adapter.by_client[world.client_id(order_id)] = part
    await trade(world, RING + 6)
    stated(world, str(held(world)))
    world.link.session.filled(fill)
    await world.reconcile()
    assert (world.state(order_id), world.row(order_id)["cumulative_quantity"]) == (
        "PARTIALLY_FILLED",
        "0.5",
    )
    world.close()


async def test_a_late_fill_of_an_order_that_has_no_forgotten_one_is_booked(ring_directory):
    world = await connected(ring_directory, orders_max=RING)
    order_id = await resting(world, price="100")
    late = world.fill(order_id, "p1", "0.5")
    await trade(world, RING + 100)
    part = world.report(order_id, "partially_filled", "0.5", quantity="1")
    world.adapter.history.insert(0, late)
    world.adapter.open = [part]
    world.adapter.by_client[world.client_id(order_id)] = part
    stated(world, str(held(world) + Decimal("0.5")))
    result = await world.reconcile()
    assert world.row(order_id)["cumulative_quantity"] == "0.5"
    assert (result.lacking, result.breaks) == ([], [])
    world.close()


async def test_a_late_fill_that_nobody_can_tell_is_a_break_that_names_it(ring_directory):
    world = await connected(ring_directory, orders_max=RING)
    order_id = await resting(world, price="60")
    late = world.fill(0, "late", "0.7", venue_order_id="by hand", side="sell")
    await trade(world, RING + 100)
    world.adapter.history.insert(0, late)
    stated(world, str(held(world) - Decimal("0.7")))
    world.adapter.open = []
    gone = world.report(order_id, "canceled", quantity="1", price="60")
    world.adapter.by_client[world.client_id(order_id)] = gone
    before = held(world)
    for _ in range(2):  # the second run asks for the last minute alone, and the break stays
        await world.reconcile()
        assert held(world) == before
        rows = {row["kind"]: row for row in world.link.break_rows()}
        assert sorted(rows) == ["fill_not_booked", "position_differs"]
        assert rows["fill_not_booked"]["instrument"] == "BTC-USDT.sim"
        assert rows["position_differs"]["difference"] == "-0.700"
    stated(world, str(before))  # its venue was wrong, or a person has adopted the position
    await world.reconcile()
    assert world.link.break_rows() == []
    world.close()


async def test_a_first_history_larger_than_the_memory_is_booked_whole_in_any_order(ring_directory):
    world = open_world(ring_directory, orders_max=RING)
    began_ns = world.native.now_ns() - 10**15
    for number in range(RING + 500):
        times = {"venue_time_ns": began_ns + number * 10**9}
        world.adapter.history.append(world.fill(0, f"x{number}", "0.001", **times))
    world.adapter.history.reverse()  # as a venue tells it that pages backwards
    stated(world, str(Decimal("0.001") * (RING + 500)))
    result = await world.connect()
    assert world.native.counters()["fills"] == RING + 500
    assert result.breaks == []
    world.close()


async def test_what_is_forgotten_stays_so_over_a_restart_with_a_smaller_memory(ring_directory):
    world = await connected(ring_directory, orders_max=2 * RING)
    await trade(world, RING + 200)
    assert world.native.forgotten_fill_ns(1) == 0
    before = held(world)
    world.close()
    world.native.stop()
    again = open_world(ring_directory, orders_max=RING)
    assert again.native.forgotten_fill_ns(1) == world.adapter.history[199].venue_time_ns
    again.adapter.history = world.adapter.history
    again.adapter.balance = [BalanceReport(account="main", currency="USDT", total="0")]
    stated(again, str(before))
    port = again.link.session
    await again.connect()
    for fill in world.adapter.history:
        port.filled(fill)
    await again.sends()
    assert held(again) == before
    digest = again.native.state_hash()
    again.close()
    again.native.stop()
    third = open_world(ring_directory, orders_max=RING)
    assert third.native.forgotten_fill_ns(1) == again.adapter.history[199].venue_time_ns
    assert digest[0] < third.native.sequence
    third.close()
    third.native.stop()
