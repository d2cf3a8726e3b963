"""A stop that the gateway holds, released by a life whose last records are lost with the power: the
next one finds it held. It must not leave twice, and it must not be lost from sight."""

import shutil

import pytest
from native_world import connected, open_world

from gateway.api import RefusedError

pytestmark = pytest.mark.asyncio


def end(world):
    world.close()
    world.native.stop()


def sent(world):
    return [order for kind, orders in world.adapter.sent if kind == "new" for order in orders]


async def mark(world, last):
    assert world.link.session._native.marked(1, "100", "99.9", "100.1", last)
    await world.sends()


async def released_and_lost(directory, tmp_path):
    """(the order, the folder as the disk has it after the power cut): the stop is held there."""
    world = await connected(directory)
    order_id = await world.submit(
        "s", side="sell", type="stop", price="", trigger_price="95", is_emulated=True
    )
    assert world.state(order_id) == "UNTRIGGERED"
    cut = tmp_path / "cut"
    shutil.copytree(directory, cut)
    await mark(world, "94")
    assert [order.side for order in sent(world)] == ["sell"], "it left"
    end(world)
    return order_id, cut


@pytest.fixture
def place(ring_directory, tmp_path):
    """The ring stays in memory; what is copied is another folder there."""
    folder = ring_directory / "a"
    folder.mkdir()
    return folder, ring_directory


@pytest.mark.parametrize("when", ["before", "behind"])
async def test_one_that_works_at_its_venue_is_not_sent_again(place, when):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    assert world.state(order_id) == "UNTRIGGERED", "its release is in no record"
    there = world.report(order_id, "new", side="sell", type="market", price=None,
                         venue_order_id="v1")  # fmt: skip
    world.adapter.open = [there]
    world.adapter.by_client = {there.client_order_id: there}
    world.advance(5_000)
    if when == "before":
        await early_mark(world, "94")  # while the venue is still to be compared
        assert sent(world) == []
    await world.connect()
    await mark(world, "94")
    assert sent(world) == []
    assert (world.state(order_id), world.row(order_id)["venue_order_id"]) == ("NEW", "v1")
    world.link.session.filled(world.fill(order_id, "t1", "2", side="sell", venue_order_id="v1"))
    await world.sends()
    assert world.state(order_id) == "FILLED"
    end(world)


async def early_mark(world, last):
    native = world.link.session._native
    assert native.marked(1, "100", "99.9", "100.1", last)
    await world.sends()


async def test_one_that_has_executed_there_is_not_sent_again(place):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    world.advance(5_000)
    world.adapter.history = [world.fill(order_id, "t1", "2", side="sell", venue_order_id="v1")]
    await early_mark(world, "94")
    assert sent(world) == []
    await world.connect()
    await mark(world, "94")
    assert sent(world) == [] and world.state(order_id) == "FILLED"
    end(world)


async def test_one_that_never_left_is_held_on_and_leaves_once_its_venue_is_compared(place):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    world.advance(5_000)
    await early_mark(world, "94")
    assert sent(world) == []
    await world.connect()
    assert world.state(order_id) == "UNTRIGGERED"
    await mark(world, "96")
    assert sent(world) == []
    await mark(world, "94")
    assert [order.order_id for order in sent(world)] == [order_id]
    await mark(world, "93")
    assert len(sent(world)) == 1
    end(world)


async def test_its_cancel_is_refused_until_its_venue_was_compared(place):
    """Ended here alone, what works there would have no row."""
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    there = world.report(order_id, "new", side="sell", type="market", price=None,
                         venue_order_id="v1")  # fmt: skip
    world.adapter.open = [there]
    world.adapter.by_client = {there.client_order_id: there}
    world.advance(5_000)
    with pytest.raises(RefusedError, match="NOT_RECONCILED"):
        await world.router.cancel("desk", order_id)
    assert world.state(order_id) == "UNTRIGGERED"
    await world.connect()
    await world.router.cancel("desk", order_id)
    assert (world.state(order_id), world.row(order_id)["pending"]) == ("NEW", "cancel")
    end(world)
