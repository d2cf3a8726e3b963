"""The same intent twice, on the native engine: one order, one replace, and conflicts that name what
was there before."""

import pytest
from native_world import LIMITS, connected, open_world

from gateway.api import RefusedError

pytestmark = pytest.mark.asyncio


async def working(directory, **changes):
    """A connected world and one order that works at its venue."""
    world = await connected(directory)
    order_id = await world.submit(**changes)
    world.link.session.accepted(order_id, "v1")
    await world.sends()
    return world, order_id


async def replace(world, order_id, key, **changes):
    replaced = await world.router.replace("desk", order_id, client_order_id=key, **changes)
    await world.sends()
    return replaced


def end(world):
    world.close()
    world.native.stop()


def sent_replaces(world):
    return [request for kind, requests in world.adapter.sent if kind == "replace"
            for request in requests]  # fmt: skip


def accept_replace(world, order_id, price, quantity):
    native = world.link.session._native
    assert native.replaced(order_id, price, quantity, "v1", 1, 2)


async def test_a_repeated_replace_answers_the_same_order_while_it_is_on_its_way(ring_directory):
    world, order_id = await working(ring_directory)
    first = await replace(world, order_id, "r1", price="101", quantity="3")
    assert first.is_new and first.order["pending"] == "replace"
    before = world.native.state_hash()
    again = await replace(world, order_id, "r1", price="101.0", quantity="3")
    assert not again.is_new and again.order == first.order
    assert world.native.state_hash() == before, "a repeat journals nothing"
    assert len(sent_replaces(world)) == 1
    end(world)


async def test_a_repeated_replace_answers_the_same_order_when_it_is_in_force(ring_directory):
    world, order_id = await working(ring_directory)
    await replace(world, order_id, "r1", price="101")
    accept_replace(world, order_id, "101", "2")
    await world.sends()
    again = await replace(world, order_id, "r1", price="101")
    assert not again.is_new
    assert (again.order["price"], again.order["pending"]) == ("101", "")
    assert again.order["client_order_id"] == "r1"
    assert len(sent_replaces(world)) == 1
    end(world)


async def test_a_repeated_replace_is_known_after_a_restart(ring_directory):
    world, order_id = await working(ring_directory)
    await replace(world, order_id, "r1", price="101")
    end(world)
    again = open_world(ring_directory)
    answer = await again.router.replace("desk", order_id, client_order_id="r1", price="101")
    assert not answer.is_new and int(answer.order["order_id"]) == order_id
    end(again)


@pytest.mark.parametrize("is_in_force", [False, True])
async def test_the_same_key_with_other_content_is_a_conflict_that_names_the_order(
    ring_directory, is_in_force
):
    world, order_id = await working(ring_directory)
    await replace(world, order_id, "r1", price="101")
    if is_in_force:
        accept_replace(world, order_id, "101", "2")
        await world.sends()
    with pytest.raises(RefusedError) as refused:
        await replace(world, order_id, "r1", price="102")
    # While the first is on its way the engine says so before it looks at the name.
    assert refused.value.code == ("ID_CONFLICT" if is_in_force else "REPLACE_PENDING")
    if is_in_force:
        assert refused.value.explained == {"existing_order_id": str(order_id)}
    assert len(sent_replaces(world)) == 1
    end(world)


async def test_a_replace_without_a_key_that_changes_nothing_is_still_refused(ring_directory):
    world, order_id = await working(ring_directory)
    with pytest.raises(RefusedError, match="NOTHING_TO_CHANGE"):
        await replace(world, order_id, "", price="100")
    end(world)


async def test_a_key_of_another_order_is_no_repeat(ring_directory):
    world, order_id = await working(ring_directory)
    other = await world.submit("c2", price="99")
    with pytest.raises(RefusedError) as refused:
        await replace(world, order_id, "c2", price="99")
    assert refused.value.code == "ID_CONFLICT"
    assert refused.value.explained["existing_order_id"] == str(other)
    end(world)


async def test_a_used_client_order_id_with_other_content_names_the_order(ring_directory):
    world, order_id = await working(ring_directory)
    with pytest.raises(RefusedError) as refused:
        await world.submit(quantity="3")
    error = refused.value
    assert (error.code, error.field, error.value) == ("ID_CONFLICT", "client_order_id", "c1")
    assert error.explained == {"existing_order_id": str(order_id)}
    assert str(order_id) in error.hint
    end(world)


async def test_a_duplicate_names_the_order_it_repeats(ring_directory):
    world = await connected(ring_directory)
    fields = LIMITS | {"duplicate_window_ms": 60_000}
    world.engine.set_limits("account", "main", fields, actor="test", reason="window")
    other = await world.submit("c1", price="99")
    order_id = await world.submit("c2")
    with pytest.raises(RefusedError) as refused:
        await world.submit("c3", quantity="2.000", price="100.0")
    error = refused.value
    assert (error.code, error.field, error.value) == ("DUPLICATE_ORDER", "client_order_id", "c3")
    assert error.explained == {"existing_order_id": str(order_id)}
    assert order_id != other
    end(world)
