"""Fills whose numbers fit and cannot be: a break of their own until a person says that they are
real, told again after a restart, and no hindrance to the next fill."""

from decimal import Decimal

import msgspec
import pytest
from live_world import INSTRUMENT
from native_world import connected, open_world

from gateway._core.journal import Reader, Replica, decode
from gateway.api import RefusedError

pytestmark = pytest.mark.asyncio

NAME = INSTRUMENT.symbol


def end(world):
    world.close()
    world.native.stop()


def halts(world):
    rows = world.native.trading_states()
    return {(row["level"], row["name"]) for row in rows if row["state"] == "halted"}


def quarantined(world):
    return [row for row in world.link.break_rows() if row["kind"] == "fill_quarantined"]


def held(world):
    return sum(Decimal(row["quantity"]) for row in world.native.positions())


def admit(world, row, **changes):
    words = {"quantity": row["difference"], "price": "100", "strategy": "EXTERNAL"} | changes
    return world.link.adopt_break(row["id"], actor="anna", reason="least commission", **words)


def records(directory, kind):
    read = Reader(str(directory / "data"), str(directory / "ring")).read(10_000)
    return [row for row in (decode(record) for _, record in read) if row["kind"] == kind]


async def told(world, fill):
    """Over the stream; what the engine would not book is looked for once a second."""
    world.adapter.history.append(fill)
    world.link.session.filled(fill)
    await world.sends()
    world.link.reconciler.tell_quarantined_fills()


async def test_a_fee_that_cannot_be_is_a_break_and_the_next_fill_is_booked(ring_directory):
    world = await connected(ring_directory)
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    absurd = world.fill(order_id, "t1", "1", venue_order_id="v1", fee="100000000")
    await told(world, absurd)
    (row,) = quarantined(world)
    assert (row["kind"], row["policy"], row["difference"]) == (
        "fill_quarantined",
        "quarantine",
        "1",
    )
    assert "fee" in row["text"] and "100000000" in row["theirs"]
    assert halts(world) == {("instrument", NAME)}
    assert (held(world), world.state(order_id)) == (0, "NEW")
    world.native.wait_synced(world.native.sequence, 10_000)
    assert [each["code"] for each in records(ring_directory, "anomaly")] == [13]
    await told(world, world.fill(order_id, "t2", "1", venue_order_id="v1"))
    assert (held(world), world.state(order_id)) == (1, "PARTIALLY_FILLED")
    end(world)


async def test_a_person_admits_it_with_the_numbers_that_were_told(ring_directory):
    world = await connected(ring_directory)
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    await told(world, world.fill(order_id, "t1", "2", venue_order_id="v1", fee="-20001"))
    (row,) = quarantined(world)
    with pytest.raises(RefusedError, match="told with 2"):
        admit(world, row, quantity="-2")
    with pytest.raises(RefusedError, match="told with 100"):
        admit(world, row, price="101")
    assert held(world) == 0
    assert admit(world, row)["resolution"] == "least commission: 2 admitted at 100 by anna"
    assert (held(world), world.state(order_id)) == (2, "FILLED")
    assert quarantined(world) == [] and admit(world, row) is None
    assert halts(world) == {("instrument", NAME)}, "a latch of the engine is lifted by a person"
    (money,) = world.native.balances()
    assert Decimal(money["total"]) == 20001
    await world.reconcile()
    assert quarantined(world) == []
    replayed(world, ring_directory)
    end(world)
    reopened = open_world(ring_directory)
    assert (held(reopened), reopened.state(order_id)) == (2, "FILLED")
    end(reopened)


@pytest.mark.parametrize(
    ("changes", "why"), [({"price": "0"}, "price"), ({"price": "-1"}, "price"), ({}, "fee")]
)
async def test_what_its_kind_cannot_trade_at_is_told_of_too(ring_directory, changes, why):
    world = await connected(ring_directory)
    spot = {"symbol": "BTC-USDT-SPOT.sim", "venue_symbol": "SPOT", "kind": "spot"}
    world.engine.define_instrument("sim", msgspec.structs.replace(INSTRUMENT, **spot))
    changes = changes or {"fee": "101", "fee_currency": "BTC"}
    await told(world, world.fill(0, "t1", "1", instrument="SPOT", **changes))
    (row,) = quarantined(world)
    assert (row["instrument"], row["subject"]) == ("BTC-USDT-SPOT.sim", "foreign t1")
    assert why in row["text"] and world.native.positions() == []
    assert halts(world) == {("instrument", "BTC-USDT-SPOT.sim")}
    await told(world, world.fill(0, "t2", "1", instrument="SPOT"))
    assert held(world) == 1
    # A venue that tells it as it was ends the break.
    world.link.session.filled(world.fill(0, "t1", "1", instrument="SPOT"))
    await world.sends()
    await world.reconcile()
    assert (held(world), quarantined(world)) == (2, [])
    replayed(world, ring_directory)
    end(world)


async def test_after_a_restart_its_venue_is_asked_for_it_again_however_old_it_is(
    ring_directory, tmp_path
):
    world = kept(await connected(ring_directory), tmp_path)
    absurd = world.fill(0, "t1", "1", venue_order_id="old", fee="100000000")
    await told(world, absurd)
    (row,) = quarantined(world)
    world.advance(3_600_000)
    later = world.fill(0, "t2", "3", venue_order_id="new")
    await told(world, later)
    assert held(world) == 3
    end(world)
    again = kept(open_world(ring_directory), tmp_path)
    again.adapter.history = [absurd, later]
    again.advance(5_000)
    with pytest.raises(RefusedError, match="since the start"):
        admit(again, row)
    await again.connect()
    assert [each["id"] for each in quarantined(again)] == [row["id"]]
    assert admit(again, row) is not None
    await again.reconcile()
    assert (held(again), quarantined(again)) == (4, [])
    replayed(again, ring_directory)
    end(again)


def kept(world, folder):
    """The world with its breaks in a file, as the daemon keeps them."""
    ledger = world.link.reconciler.ledger
    ledger._path = folder / "breaks.json"
    ledger._read()
    return world


def replayed(world, directory):
    """The same records make the same state."""
    world.native.wait_synced(world.native.sequence, 10_000)
    replica = Replica(str(directory / "data"), str(directory / "ring"))
    while replica.follow():
        pass
    assert (replica.sequence, replica.state_hash()) == tuple(world.native.state_hash())
