"""A batch of the venue: sizes by kind, and each leg ends in its own state whatever happens."""

import asyncio

import msgspec
import pytest
from live_world import INSTRUMENT, MANIFEST, World

from gateway.api import OutcomeUnknown, VenueRateLimited, VenueRejected, VenueUnavailable

pytestmark = pytest.mark.asyncio

BATCHED = msgspec.structs.replace(
    MANIFEST, batch_orders_max=4, batch_cancels_max=3, batch_replaces_max=2
)


async def opened(count=0, manifest=BATCHED):
    """A world with so many working orders."""
    world = World(manifest)
    await world.connect()
    ids = await send(world, count)
    for order_id in ids:
        world.link.session.accepted(order_id, f"v{order_id & 0xFFFF}")
    await world.sends()
    world.adapter.sent.clear()
    return world, ids


async def send(world, count, start=0):
    """Orders that reach the outbound side in one turn."""
    port = world.router._port
    for number in range(start, start + count):
        port.submit(1, f"b{number}", 1, 1, 1, 1, 2, 1, "2", "100")
    await world.sends()
    return (
        [int(row["order_id"]) for row in world.native.orders(open_only=False)][-count:]
        if count
        else []
    )


def sizes(world):
    return [(kind, len(batch)) for kind, batch in world.adapter.sent]


async def test_each_kind_of_request_has_its_own_size():
    world, ids = await opened(7)
    await send(world, 6, start=7)
    assert sizes(world) == [("new", 4), ("new", 2)]
    world.adapter.sent.clear()
    port = world.router._port
    for order_id in ids:
        port.cancel(1, order_id)
    await world.sends()
    assert sizes(world) == [("cancel", 3), ("cancel", 3), ("cancel", 1)]
    world.close()


async def test_replaces_are_batched_too():
    world, ids = await opened(5)
    for order_id in ids:
        world.router._port.replace(1, order_id, "", "3", "100")
    await world.sends()
    assert sizes(world) == [("replace", 2), ("replace", 2), ("replace", 1)]
    world.close()


async def test_a_batch_holds_one_account_and_keeps_the_order_of_its_requests():
    world = World(BATCHED)
    world.engine.define_account("sim", "other")
    await world.connect()
    port = world.router._port
    for number, account in enumerate([1, 2, 1, 2, 1]):
        port.submit(1, f"b{number}", 1, account, 1, 1, 2, 1, "2", "100")
    await world.sends()
    told = [[order.account for order in batch] for _, batch in world.adapter.sent]
    assert told == [["main"] * 3, ["other"] * 2]
    for _, batch in world.adapter.sent:
        ids = [order.order_id for order in batch]
        assert ids == sorted(ids)
    world.close()


WHOLE = [
    (OutcomeUnknown("cut"), "UNKNOWN"),
    (ConnectionResetError(), "UNKNOWN"),
    (ValueError("bug"), "UNKNOWN"),
    (VenueUnavailable("maintenance"), "CANCELED"),
    (VenueRateLimited("slow"), "CANCELED"),
    (VenueRejected("1", "no"), "REJECTED"),
]


@pytest.mark.parametrize(("error", "state"), WHOLE, ids=lambda v: type(v).__name__)
async def test_a_batch_that_fails_as_a_whole_leaves_every_leg_with_that_outcome(error, state):
    world, _ = await opened()
    world.adapter.on_submit = error
    ids = await send(world, 4)
    assert [world.state(each) for each in ids] == [state] * 4
    assert sizes(world) == [("new", 4)], "sent once"
    assert len(world.link.session.in_flight) == 0
    world.close()


@pytest.mark.parametrize(("error", "state"), WHOLE, ids=lambda v: type(v).__name__)
async def test_after_a_partial_answer_the_rest_is_unknown_whatever_the_exception(error, state):
    world, _ = await opened()

    def half(port, orders):
        port.accepted(orders[0].order_id, "v1")
        port.rejected(orders[1].order_id, "no money")
        port.not_sent(orders[2].order_id, "above the limit of one batch")
        raise error

    world.adapter.on_submit = half
    ids = await send(world, 4)
    assert [world.state(e) for e in ids] == ["NEW", "REJECTED", "CANCELED", "UNKNOWN"]
    world.close()


async def test_a_leg_the_answer_forgot_becomes_unknown_by_its_deadline_and_is_settled_by_query():
    world, _ = await opened()

    def forgets_one(port, orders):
        for order in orders[:3]:
            port.accepted(order.order_id, f"v{order.order_id & 0xFFFF}")

    world.adapter.on_submit = forgets_one
    ids = await send(world, 4)
    assert [world.state(each) for each in ids] == ["NEW"] * 3 + ["PENDING_NEW"]
    world.advance(MANIFEST.ack_timeout_ms + 1)
    world.link.outbound.expire()
    await world.sends()
    assert world.state(ids[3]) == "UNKNOWN"
    report = world.report(ids[3], "new")
    world.adapter.by_client[report.client_order_id] = report
    assert await world.link.reconciler.resolve() == []
    assert [world.state(each) for each in ids] == ["NEW"] * 4
    world.close()


async def test_a_batch_of_cancels_ends_leg_by_leg():
    world, ids = await opened(3)

    def mixed(port, cancels):
        port.canceled(cancels[0].order_id, "requested")
        port.cancel_rejected(cancels[1].order_id, "order_closed")
        raise OutcomeUnknown("cut")

    world.adapter.on_cancel = mixed
    for order_id in ids:
        world.router._port.cancel(1, order_id)
    await world.sends()
    rows = [world.row(each) for each in ids]
    assert [(r["state"], r["pending"]) for r in rows] == [
        ("CANCELED", ""),
        ("NEW", ""),
        ("NEW", "cancel_unknown"),
    ]
    world.close()


async def test_a_batch_of_replaces_ends_leg_by_leg():
    world, ids = await opened(2)

    def mixed(port, replaces):
        first = replaces[0]
        port.replaced(first.order_id, price="100", quantity="3", venue_order_id="v9")
        raise VenueRejected("51", "no")

    world.adapter.on_replace = mixed
    for order_id in ids:
        world.router._port.replace(1, order_id, "", "3", "100")
    await world.sends()
    rows = [world.row(each) for each in ids]
    assert [(r["quantity"], r["pending"]) for r in rows] == [("3", ""), ("2", "replace_unknown")]
    world.close()


async def test_a_cancel_waits_for_its_own_order_and_the_others_do_not():
    world, ids = await opened(2)
    gate = asyncio.Event()
    world.adapter.on_submit = lambda port, orders: gate.wait()
    (young,) = await send(world, 1, start=2)
    for order_id in [ids[0], young, ids[1]]:
        world.router._port.cancel(1, order_id)
    await world.sends()
    assert sizes(world) == [("new", 1), ("cancel", 2)]
    gate.set()
    await world.sends()
    assert sizes(world) == [("new", 1), ("cancel", 2), ("cancel", 1)]
    assert world.adapter.sent[-1][1][0].order_id == young
    assert world.adapter.sent[-1][1][0].instrument == INSTRUMENT.venue_symbol
    world.close()
