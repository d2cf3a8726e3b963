"""What leaves, once; and how every failure of an adapter becomes an outcome, never a resend."""

import pytest
from live_world import World

from gateway.api import (
    OutcomeUnknown,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)

pytestmark = pytest.mark.asyncio

FAILURES = [
    (OutcomeUnknown("cut"), "UNKNOWN"),
    (VenueProtocolError("html"), "UNKNOWN"),
    (ConnectionResetError(), "UNKNOWN"),
    (TimeoutError(), "UNKNOWN"),
    (ValueError("bug of the adapter"), "UNKNOWN"),
    (KeyError("x"), "UNKNOWN"),
    (VenueUnavailable("maintenance"), "CANCELED"),
    (VenueRateLimited("slow down"), "CANCELED"),
    (VenueRejected("51000", "no"), "REJECTED"),
]


@pytest.mark.parametrize(("error", "state"), FAILURES, ids=lambda v: getattr(v, "__name__", str(v)))
async def test_an_exception_of_submit_becomes_an_outcome(error, state):
    world = World()
    await world.connect()
    world.adapter.on_submit = error
    order_id = await world.submit()
    assert world.state(order_id) == state
    assert len(world.adapter.sent) == 1, "never sent twice"
    assert len(world.link.session.in_flight) == 0
    world.close()


@pytest.mark.parametrize(
    ("error", "pending"),
    [(OutcomeUnknown("cut"), "cancel_unknown"), (VenueUnavailable("down"), ""),
     (VenueRejected("1", "no"), ""), (RuntimeError("x"), "cancel_unknown")],
)  # fmt: skip
async def test_an_exception_of_cancel_leaves_the_order_what_it_was(error, pending):
    world = World()
    await world.connect()
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    await world.sends()
    world.adapter.on_cancel = error
    await world.router.cancel("desk", order_id)
    await world.sends()
    assert (world.state(order_id), world.row(order_id)["pending"]) == ("NEW", pending)
    world.close()


@pytest.mark.parametrize(
    ("error", "pending"), [(OutcomeUnknown("cut"), "replace_unknown"), (VenueRejected("1"), "")]
)
async def test_an_exception_of_replace_leaves_the_terms(error, pending):
    world = World()
    await world.connect()
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    await world.sends()
    world.adapter.on_replace = error
    await world.router.replace("desk", order_id, quantity="5")
    await world.sends()
    assert (world.row(order_id)["quantity"], world.row(order_id)["pending"]) == ("2", pending)
    world.close()


async def test_silence_past_the_ack_timeout_is_unknown_once():
    world = World()
    await world.connect()
    order_id = await world.submit()
    world.advance(199)
    world.link.outbound.expire()
    await world.sends()
    assert world.state(order_id) == "PENDING_NEW"
    world.advance(2)
    world.link.outbound.expire()
    world.link.outbound.expire()
    await world.sends()
    assert world.state(order_id) == "UNKNOWN"
    assert [f[0] for f in world.native.facts] == ["unknown"]
    world.link.session.accepted(order_id, "v1")
    await world.sends()
    assert world.state(order_id) == "NEW", "a later answer resolves it"
    world.close()


async def test_an_answered_order_of_a_failed_batch_keeps_its_answer():
    world = World()
    await world.connect()

    def half(port, orders):
        port.accepted(orders[0].order_id, "v1")
        raise ConnectionResetError

    world.adapter.on_submit = half
    order_id = await world.submit()
    assert world.state(order_id) == "NEW"
    world.close()


async def test_orders_are_batched_as_the_manifest_allows_and_ids_decode():
    world = World()
    await world.connect()
    native = world.native
    port = world.router._port
    for number in range(5):
        port.submit(1, f"b{number}", 1, 1, 1, 1, 2, 1, "1", "100")
    await world.sends()
    sizes = [len(batch) for _, batch in world.adapter.sent]
    assert sizes == [2, 2, 1]
    for _, batch in world.adapter.sent:
        for request in batch:
            assert world.link.session.ids.decode(request.client_order_id) == request.order_id
    assert len(native.orders()) == 5
    world.close()


async def test_a_stale_epoch_is_discarded_and_never_sent():
    world = World()
    await world.connect()
    port = world.native._venues[1]
    take = port.take
    port.take = lambda limit: [e._replace(epoch=0) for e in take(limit)]
    order_id = await world.submit()
    assert world.adapter.sent == []
    assert world.state(order_id) == "CANCELED"
    assert world.link.health.counters["stale_entries"] == 1
    world.close()


async def test_facts_wait_in_order_while_the_lane_is_full():
    world = World()
    await world.connect()
    order_id = await world.submit()
    native = world.native._venues[1]
    native.is_full = True
    world.link.session.accepted(order_id, "v1")
    world.link.session.filled(world.fill(order_id, "t1", "1"))
    world.link.session.filled(world.fill(order_id, "t1", "1"))
    world.link.session.filled(world.fill(order_id, "t2", "1"))
    world.drive.kick()
    assert world.state(order_id) == "PENDING_NEW"
    native.is_full = False
    await world.link.session.drain()
    assert world.state(order_id) == "FILLED"
    names = [f[0] for f in world.native.facts]
    assert names == ["accepted", "filled", "filled"]
    world.close()


@pytest.mark.parametrize("field", ["account", "instrument"])
async def test_a_fill_that_names_something_unknown_reopens_the_gate(field):
    world = World()
    await world.connect()
    order_id = await world.submit()
    wanted = []
    world.link.session.on_gap_closed = lambda: wanted.append(True)
    world.link.session.filled(world.fill(order_id, "t1", "1", **{field: "nonsense"}))
    await world.sends()
    assert wanted == [True]
    assert world.native._venues[1].state == 1
    assert world.link.health.counters["bad_facts"] == 1
    world.close()


async def test_a_cancel_does_not_overtake_its_own_order():
    import asyncio

    world = World()
    await world.connect()
    gate = asyncio.Event()
    world.adapter.on_submit = lambda port, orders: gate.wait()
    order_id = await world.submit()
    await world.router.cancel("desk", order_id)
    await world.sends()
    assert [kind for kind, _ in world.adapter.sent] == ["new"]
    gate.set()
    await world.sends()
    assert [kind for kind, _ in world.adapter.sent] == ["new", "cancel"]
    world.close()


async def test_a_link_connects_with_back_off_and_trades_only_after_reconciling():
    import asyncio

    world = World()
    world.adapter.connect_failures = 2
    world.link.start()
    assert not world.link.health.is_reconciled
    async with asyncio.timeout(300):
        while not world.link.health.is_reconciled:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert world.link.health.counters["failures"] == 2
    order_id = await world.submit()
    world.adapter.port.gap_opened("line cut")
    await world.sends()
    with pytest.raises(Exception, match="NOT_RECONCILED"):
        await world.submit("c2")
    report = world.report(order_id, "new")
    world.adapter.open, world.adapter.by_client = [report], {report.client_order_id: report}
    world.adapter.port.gap_closed()
    async with asyncio.timeout(300):
        while not world.link.health.is_reconciled:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert world.state(order_id) == "NEW"
    await world.link.close(1.0)
    world.close()
