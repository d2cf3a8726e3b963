"""Commands out, verdicts back by request number, notices to every listener."""

import asyncio

import pytest
from live_world import World

from gateway.api import RefusedError

pytestmark = pytest.mark.asyncio


async def ready():
    world = World()
    await world.connect()
    return world


async def test_verdicts_find_their_requests():
    world = await ready()
    ids = await asyncio.gather(*(world.submit(f"c{n}") for n in range(20)))
    assert len(set(ids)) == 20
    assert [world.row(i)["client_order_id"] for i in ids] == [f"c{n}" for n in range(20)]
    world.close()


async def test_a_refusal_raises_and_leaves_no_order():
    world = await ready()
    world.native.refuse_next = "POSITION_LIMIT"
    with pytest.raises(RefusedError) as refused:
        await world.submit()
    assert (refused.value.code, refused.value.explained["would_be"]) == ("POSITION_LIMIT", "0.006")
    assert world.native.orders() == []
    world.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"instrument": "X"}, "UNKNOWN_INSTRUMENT"), ({"account": "X"}, "UNKNOWN_ACCOUNT"),
     ({"strategy": "X"}, "UNKNOWN_STRATEGY"), ({"principal": "X"}, "UNKNOWN_PRINCIPAL"),
     ({"quantity": "x"}, "BAD_NUMBER"), ({"price": "0.0000000001"}, "PRECISION")],
)  # fmt: skip
async def test_what_never_reaches_the_engine_is_refused_by_name(change, code):
    world = await ready()
    commands = world.native.commands
    with pytest.raises(RefusedError) as refused:
        await world.submit(**change)
    assert refused.value.code == code
    assert world.native.commands == commands
    world.close()


async def test_a_full_lane_is_an_answer():
    world = await ready()
    world.router._port.is_full = True
    with pytest.raises(RefusedError, match="LANE_FULL"):
        await world.submit()
    world.close()


async def test_a_lost_verdict_is_unknown_and_not_a_refusal():
    world = await ready()
    world.router._verdict_seconds_max = 0.02
    port = world.router._port
    port.notices = lambda limit: []
    with pytest.raises(RefusedError, match="UNKNOWN_OUTCOME"):
        await world.submit()
    assert len(world.native.orders()) == 1, "the order exists; the client asks by its id"
    assert world.router._verdicts == {}
    world.close()


async def test_lost_notices_tell_every_listener_to_read_again():
    world = await ready()
    heard = []
    end = world.router.listen(heard.append)
    world.router._port.overruns = 3
    world.drive.kick()
    world.drive.kick()
    assert heard == [None]
    end()
    await world.submit()
    assert heard == [None]
    world.close()


async def test_a_mass_cancel_counts_what_it_sent():
    world = await ready()
    ids = [await world.submit(f"c{n}") for n in range(3)]
    assert (await world.router.mass_cancel("desk", {"account": "main"})).sent == 3
    assert {world.row(i)["pending"] for i in ids} == {"cancel"}
    assert (await world.router.mass_cancel("desk", {})).sent == 0
    world.close()


async def test_a_closing_router_takes_cancels_and_no_orders():
    world = await ready()
    order_id = await world.submit()
    world.router.refuse_new()
    with pytest.raises(RefusedError, match="SHUTTING_DOWN"):
        await world.submit("c2")
    with pytest.raises(RefusedError, match="SHUTTING_DOWN"):
        await world.router.replace("desk", order_id, price="1")
    assert (await world.router.cancel("desk", order_id))["pending"] == "cancel"
    world.close()
