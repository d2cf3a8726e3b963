"""Kills and stops through the whole corridor: one failed attempt leaves no order working."""

import pytest
from native_world import LIMITS, connected

from gateway.api import OutcomeUnknown
from gateway.core.engine import PrincipalDefinition
from gateway.core.vocabulary import CancelReason
from gateway.entry.api_messages import Kill
from gateway.entry.keys import Identity
from gateway.journal import reader

pytestmark = pytest.mark.asyncio
SLOW = LIMITS | {"cancels_per_second": 10, "cancel_burst": 20}
WHO = Identity(key_id="k", principal="killer", scopes=frozenset({"read", "cancel"}))
FIRM = Kill(level="firm", actor="anna", reason="stop")


async def working(directory, count):
    """A desk of so many working orders whose own rate lets 20 cancels pass; their ids."""
    world = await connected(directory, orders_max=512)
    for level, name in (("firm", ""), ("account", "main")):
        world.engine.set_limits(level, name, SLOW, actor="test", reason="slow")
    world.engine.define_principal(PrincipalDefinition(name="killer", scopes=WHO.scopes))
    ids = [await world.submit(f"k{number}", price="60") for number in range(count)]
    for order_id in ids:
        world.link.session.accepted(order_id, f"v{order_id & 0xFFFF}", venue_time_ns=1)
    await world.sends()
    return world, ids


def cancels(world):
    """How often the venue was asked to cancel each order."""
    asked = [
        each.order_id for kind, some in world.adapter.sent if kind == "cancel" for each in some
    ]
    return {order_id: asked.count(order_id) for order_id in asked}


def waiting(world):
    return world.native.counters()["kill_waiting"]


def canceled(port, requests):
    for each in requests:
        port.canceled(each.order_id, "requested", venue_time_ns=2)


async def pass_time(world, milliseconds):
    world.advance(milliseconds)
    world.drive.kick()
    await world.sends()


async def test_the_desks_own_cancel_rate_does_not_hold_a_kill(ring_directory):
    world, ids = await working(ring_directory, 100)
    answer = world.desk.kill(WHO, FIRM)
    assert (answer.cancels_sent, answer.waiting, answer.cancels_refused) == (100, {}, 0)
    await world.sends()
    assert cancels(world) == dict.fromkeys(ids, 1)
    assert waiting(world) == 100


async def test_a_plain_mass_cancel_keeps_to_the_rate_and_tells_what_it_left(ring_directory):
    world, _ = await working(ring_directory, 30)
    found = await world.desk.mass_cancel(WHO, {})
    assert (found.sent, found.refused) == (20, 10)


@pytest.mark.parametrize("failure", ["rejected", "unknown"])
async def test_a_cancel_that_failed_is_asked_again_until_the_order_has_ended(
    failure, ring_directory
):
    world, ids = await working(ring_directory, 3)

    def rejected(port, requests):
        for each in requests:
            port.cancel_rejected(each.order_id, "rate limited")

    world.adapter.on_cancel = rejected if failure == "rejected" else OutcomeUnknown("cut")
    world.desk.kill(WHO, FIRM)
    await world.sends()
    assert cancels(world) == dict.fromkeys(ids, 1)
    await pass_time(world, 100)
    assert cancels(world) == dict.fromkeys(ids, 2)
    world.adapter.on_cancel = canceled
    await pass_time(world, 50)
    assert cancels(world) == dict.fromkeys(ids, 2), "not before its time"
    await pass_time(world, 5000)
    assert [world.state(order_id) for order_id in ids] == ["CANCELED"] * 3
    assert cancels(world) == dict.fromkeys(ids, 3)
    await pass_time(world, 5000)
    assert waiting(world) == 0


async def test_a_kill_that_keeps_orders_cancels_none(ring_directory):
    world, ids = await working(ring_directory, 2)
    keeping = Kill(level="account", name="main", actor="anna", reason="stop", cancel=False)
    assert world.desk.kill(WHO, keeping).cancels_sent == 0
    await pass_time(world, 60_000)
    assert cancels(world) == {}
    assert {world.state(order_id) for order_id in ids} == {"NEW"}


async def test_a_stop_ends_what_was_rejected_first(ring_directory):
    world, ids = await working(ring_directory, 30)

    def rejected(port, requests):
        port.cancel_rejected(requests[0].order_id, "rate limited")
        canceled(port, requests[1:])

    world.adapter.on_cancel = rejected
    found = await world.router.mass_cancel("killer", {}, CancelReason.SHUTDOWN)
    assert (found.sent, found.refused, found.waiting) == (30, 0, 0)
    await world.sends()
    assert (await world.engine.counts())[0] > 0
    world.adapter.on_cancel = canceled
    await pass_time(world, 100)
    assert {world.state(order_id) for order_id in ids} == {"CANCELED"}


async def test_the_next_start_goes_on_with_a_kill(ring_directory):
    world, ids = await working(ring_directory, 2)
    world.desk.kill(WHO, FIRM)
    await world.sends()
    for order_id in ids:
        world.link.session.cancel_rejected(order_id, "rate limited")
    await world.sends()
    world.close()
    world.native.stop()
    again = await connected(ring_directory, orders_max=512)
    again.adapter.open = [again.report(order_id, "new") for order_id in ids]
    await pass_time(again, 100)
    assert set(cancels(again)) == set(ids)
    (firm,) = again.native.trading_states()
    assert (firm["state"], firm["is_latch"], firm["actor"]) == ("halted", True, "anna")
    again.native.stop()
    rows = reader.decoded(ring_directory / "data")
    (kill,) = [row for row in rows if row["kind"] == "trading_state_set"]
    assert (kill["cause"], kill["latch_cause"], kill["state_actor"]) == (0, 3, "anna")
